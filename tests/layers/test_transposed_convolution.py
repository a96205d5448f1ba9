"""Transposed convolution equals XLA's and PyTorch's, forward and backward, alone and in lanes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.convolutions import LAYOUT, Case, assert_equal_to_scale, draw, with_gradients

pytestmark = pytest.mark.optimized(older_code=True)

CASES = [
    Case((5,), (3,), 2, "same"),
    Case((4,), (5,), 1, "same"),
    Case((4,), (2,), 3, "valid"),
    Case((4,), (2,), 3, "same"),
    Case((5,), (4,), 2, 1),
    Case((4, 3), (3, 3), 2, "same"),
    Case((4, 3), (3, 2), (1, 2), "valid"),
    Case((3, 4), (2, 4), (3, 2), (0, 1)),
    Case((2, 3, 2), (2, 3, 2), (2, 1, 2), "same"),
    Case((2, 3, 2), (3, 1, 2), 1, (1, 0, 0)),
]


def ours(params: nn.Affine, x: jax.Array, case: Case) -> jax.Array:
    return nn.conv_transpose(params, x, stride=case.stride, padding=case.padding)


def by_lax(params: nn.Affine, x: jax.Array, case: Case) -> jax.Array:
    axes = len(case.size)
    stride = case.stride if isinstance(case.stride, tuple) else (case.stride,) * axes
    padding: Any = case.padding
    if isinstance(padding, str):
        padding = padding.upper()
    else:  # XLA pads the input by what is left of the window
        cut = padding if isinstance(padding, tuple) else (padding,) * axes
        padding = [(w - 1 - c, w - 1 - c) for w, c in zip(case.window, cut, strict=True)]
    outputs = jax.lax.conv_transpose(x, params.weight, stride, padding, dimension_numbers=LAYOUT[axes])
    return outputs + params.bias.reshape((1,) * (axes + 1) + (-1,))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv_transpose_and_its_gradients_equal_those_of_lax(case: Case, rng: np.random.Generator, x64: None) -> None:
    @jax.jit
    def both(*arrays: Any) -> list[tuple[Any, Any]]:
        return [with_gradients(lambda *a, f=f: f(*a, case), *arrays) for f in (ours, by_lax)]

    assert_equal_to_scale(*both(*draw(rng, case, "float64")), 1e-12)


def test_conv_transpose_in_lanes_equals_that_alone(rng: np.random.Generator, x64: None) -> None:
    lanes = [draw(rng, CASES[5], "float64") for _ in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *lanes)
    layer = lambda *arrays: with_gradients(lambda *a: ours(*a, CASES[5]), *arrays)  # noqa: E731
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(jax.jit(layer)(*lane) for lane in lanes))
    assert_equal_to_scale(jax.jit(jax.vmap(layer))(*stacked), expected, 1e-12)


# torch 2.13: x = arange(8).sin() as (1, 2, 2, 2), weight = arange(36).cos() as (2, 2, 3, 3), bias = (0.5, -1);
# functional.conv_transpose2d(x, weight, bias, stride=2, padding=1)
OF_TORCH = [
    [[1.2567729, 0.5954303, 0.9088646], [-0.0351087, 0.4941232, 0.9097115], [0.1850481, 0.4072566, -0.249203]],
    [[-1.6922795, -1.0691792, -1.1135786], [-0.8517984, -1.0500743, -1.7429568], [-0.4304542, -0.8883343, -0.2709676]],
]


def test_weights_of_torch_fit_as_the_docstring_says_and_are_read_so(tmp_path) -> None:
    x = np.sin(np.arange(8.0)).reshape(1, 2, 2, 2).astype("f")
    weight, bias = np.cos(np.arange(36.0)).reshape(2, 2, 3, 3).astype("f"), np.array([0.5, -1], "f")
    params = nn.ConvTransposeParams(weight.transpose(2, 3, 0, 1)[::-1, ::-1], bias)
    outputs = nn.conv_transpose(params, x.transpose(0, 2, 3, 1), stride=2, padding=1)
    np.testing.assert_allclose(outputs[0].transpose(2, 0, 1), OF_TORCH, atol=1e-6)
    path = nn.save_safetensors({"up.weight": weight, "up.bias": bias}, tmp_path / "torch.safetensors")
    like = {"up": jax.eval_shape(lambda: nn.init_conv_transpose(jax.random.key(0), 2, 2, 3))}
    read = nn.load_safetensors(path, like=like, layout="torch")["up"]
    assert isinstance(read, nn.ConvTransposeParams)
    np.testing.assert_array_equal(read.weight, params.weight)


def test_init_draws_what_init_conv_draws() -> None:
    drawn = nn.init_conv_transpose(jax.random.key(0), 2, 3, (5, 4), bias=False)
    np.testing.assert_array_equal(drawn.weight, nn.init_conv(jax.random.key(0), 2, 3, (5, 4)).weight)
    assert (type(drawn), drawn.bias) == (nn.ConvTransposeParams, None)


def test_a_stride_of_the_window_undoes_the_size_of_an_unpadded_conv() -> None:
    params = nn.init_conv(jax.random.key(0), 3, 2, 2)
    assert nn.conv_transpose(params, jnp.ones((1, 4, 5, 3)), stride=2).shape == (1, 8, 10, 2)
