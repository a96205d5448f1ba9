"""Norms equal those of PyTorch, and count the real units alone where a size is traced."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.errors import error_message
from jaxnn.sweeps.engine.trim import find_entries, trim
from jaxnn.units import Size

X = (3 * np.sin(np.arange(24.0))).reshape(2, 3, 4).astype("f")
SCALE, BIAS = np.array([1, -2, 0.5, 3], "f"), np.array([0.25, 0, -1, 2], "f")

# torch 2.13: functional.group_norm(x.transpose(1, 2), 2, scale, bias, 1e-5).transpose(1, 2)
GROUP_NORM_OF_TORCH = [
    [[0.1315645, -2.031476, -0.3013563, 2.7243047], [-0.8884889, 2.8218362, -1.1956658, 5.0529299],
     [1.4650674, -0.874073, -1.3947378, -2.4266741]],
    [[-0.6020829, -1.0107275, -0.284738, 4.7699294], [-0.2492644, 2.9096694, -1.5825793, 2.5324845],
     [1.4545299, -2.1925764, -1.0295374, -1.9212841]],
]  # fmt: skip
# torch 2.13: functional.rms_norm(x, (4,), scale, 1e-5)
RMS_NORM_OF_TORCH = [
    [[0, -2.6993539, 0.7292336, 0.6790481], [-1.069747, 2.710896, -0.1974781, 2.7859693],
     [1.265547, -1.0543306, -0.3479449, -3.837441]],
    [[-0.785049, -1.2294759, 0.7246689, 2.854269], [-0.456125, 3.0462828, -0.5948943, 0.7123511],
     [1.2173595, -2.2312634, -0.0059014, -3.3851571]],
]  # fmt: skip


def test_norms_equal_those_of_torch() -> None:
    params = nn.NormParams(SCALE, BIAS)
    np.testing.assert_allclose(nn.group_norm(params, X, 2, epsilon=1e-5), GROUP_NORM_OF_TORCH, atol=2e-6)
    outputs = nn.rms_norm(nn.NormParams(SCALE, None), X, epsilon=1e-5)
    np.testing.assert_allclose(outputs, RMS_NORM_OF_TORCH, atol=2e-6)


NORMS = {
    "layer": nn.layer_norm,
    "rms": nn.rms_norm,
    "one group": lambda *arrays, **size: nn.group_norm(*arrays, 1, **size),
    "two groups": lambda *arrays, **size: nn.group_norm(*arrays, 2, **size),
    "instance": lambda *arrays, **size: nn.group_norm(*arrays, 4, **size),
}


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS.keys())
def test_a_traced_size_gives_what_the_narrow_norm_gives(
    norm: Callable, blocks: int, rng: np.random.Generator, x64: None
) -> None:
    """Four real features among eight, also where they are two blocks of two among four."""
    size = Size(jnp.array(4 // blocks), largest=8 // blocks, blocks=blocks)
    real = np.asarray(size.mask())
    params = nn.NormParams(*(np.where(real, rng.normal(size=8), 0) for _ in range(2)))
    x = rng.normal(size=(3, 5, 8))
    narrow = nn.NormParams(*(leaf[real] for leaf in params))

    def run(*arrays: jax.Array, **options: Size) -> jax.Array:
        return jax.jit(lambda *arrays: norm(*arrays, **options))(*arrays)

    (outputs, pull_back), (expected, pull_back_narrow) = (
        jax.vjp(lambda *arrays: run(*arrays, size=size), params, x),
        jax.vjp(run, narrow, x[..., real]),
    )
    np.testing.assert_allclose(outputs[..., real], expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(outputs[..., ~real], 0)
    slopes, expected = pull_back(np.cos(outputs)), pull_back_narrow(np.cos(expected))
    for leaf, narrow_leaf in zip(jax.tree.leaves(slopes), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf[..., real], narrow_leaf, rtol=1e-8, atol=1e-10)
        np.testing.assert_array_equal(leaf[..., ~real], 0)


@pytest.mark.parametrize("init", [nn.init_layer_norm, nn.init_group_norm, nn.init_rms_norm])
def test_trimming_keeps_the_real_units_of_each_block(init: Callable) -> None:
    marks = init(2 * Size(jnp.array(2), largest=3, marks=True))
    params = jax.tree.map(lambda leaf: jnp.arange(6.0), marks)
    narrow = trim(params, find_entries(marks, jax.eval_shape(lambda: init(4))))
    for leaf in jax.tree.leaves(narrow):
        np.testing.assert_array_equal(leaf, [0, 1, 3, 4])


def test_a_size_that_groups_do_not_divide_gives_nan() -> None:
    size = Size(jnp.array(3), largest=4)
    assert np.isnan(nn.group_norm(nn.init_group_norm(size), X, 2, size=size)[..., :3]).all()


def test_means_over_groups_of_a_traced_size_are_computed_in_full_precision() -> None:
    size = Size(jnp.array(2), largest=4)
    with jax.default_matmul_precision("tensorfloat32"):
        program = jax.make_jaxpr(lambda x: nn.group_norm(nn.init_group_norm(size), x, 2, size=size))(X)
    products = [equation for equation in program.eqns if equation.primitive.name == "dot_general"]
    highest = jax.lax.Precision.HIGHEST
    assert [equation.params["precision"] for equation in products] == [(highest, highest)] * 4


def test_norms_without_bias_or_with_zeros_are_equal() -> None:
    assert nn.init_layer_norm(4, bias=False).bias is None
    assert nn.init_rms_norm(4).bias is None
    np.testing.assert_array_equal(
        nn.layer_norm(nn.NormParams(SCALE, None), X), nn.layer_norm(nn.NormParams(SCALE, np.zeros(4, "f")), X)
    )


@pytest.mark.parametrize("groups", [1, 2])
def test_a_constant_group_and_its_gradient_are_finite(groups: int) -> None:
    x = jnp.full((2, 3, 4), 7.0)
    value, slopes = jax.value_and_grad(lambda x: (nn.group_norm(nn.init_group_norm(4), x, groups) ** 2).sum())(x)
    assert value == 0
    np.testing.assert_array_equal(slopes, np.zeros((2, 3, 4)))


def test_groups_must_be_a_whole_number(as_installed: None) -> None:
    message = error_message(TypeError, lambda: nn.group_norm(nn.init_group_norm(4), X, 2.0))
    assert message == "group_norm: groups must be a whole number, not 2.0"
