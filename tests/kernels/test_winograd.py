"""Winograd convolution equals XLA's, forward and backward, and is used where it is faster."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.convolutions import TOLERANCE, Case, assert_equal_to_scale, conv, conv_by_lax, draw, with_gradients
from jaxnn._kernels.windows import Windows
from jaxnn._kernels.winograd import choose_pair_axis, convolve_pairs
from jaxnn.layers import convolution

pytestmark = pytest.mark.optimized(older_code=True)

# (case, axis): even and odd numbers of positions, each padding, along each axis, with other options along the others.
PAIRS = [
    (Case((10,), (3,)), 0),
    (Case((7,), (3,), 1, "same"), 0),
    (Case((5,), (3,), 1, 3), 0),
    (Case((3,), (3,)), 0),
    (Case((6, 5), (3, 3)), 0),
    (Case((6, 5), (3, 3), 1, "same"), 1),
    (Case((7, 6), (2, 3), (2, 1), (0, 2), (3, 1)), 1),
    (Case((4, 8), (3, 5), (1, 3), (1, 2)), 0),
    (Case((4, 5, 3), (3, 2, 1), (1, 2, 1), "same"), 0),
    (Case((4, 5, 6), (3, 3, 3), 1, 1), 2),
]


def make_windows(case: Case) -> Windows:
    return Windows.of("conv", case.size, case.window, stride=case.stride, padding=case.padding, dilation=case.dilation)


def conv_by_pairs(params: nn.Affine, x: jax.Array, *, case: Case, axis: int) -> jax.Array:
    """Takes and returns batch-first arrays, like `conv` and `conv_by_lax`."""
    batch_last = jnp.moveaxis(jnp.moveaxis(x, 0, -1), -2, 0)
    outputs = convolve_pairs(convolution._multiply, params.weight, batch_last, make_windows(case), axis)
    return jnp.moveaxis(jnp.moveaxis(outputs + params.bias.reshape(-1, *[1] * (x.ndim - 1)), 0, -1), -2, 0)


@pytest.mark.parametrize(("case", "axis"), PAIRS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_convolution_by_pairs_equals_that_of_lax(case: Case, axis: int, dtype: str, rng: np.random.Generator) -> None:
    @jax.jit
    def both(params: nn.Affine, x: jax.Array) -> list[tuple[Any, Any]]:
        return [
            with_gradients(functools.partial(function, case=case), params, x)
            for function in (functools.partial(conv_by_pairs, axis=axis), conv_by_lax)
        ]

    with jax.enable_x64(dtype == "float64"):
        assert_equal_to_scale(*both(*draw(rng, case, dtype)), TOLERANCE[dtype])


def test_convolution_by_pairs_of_whole_numbers_is_exact(rng: np.random.Generator) -> None:
    case = Case((9, 6), (3, 3), 1, "same")
    weight = rng.integers(-9, 10, size=(3, 3, 2, 3)).astype("f")
    x = rng.integers(-99, 100, size=(4, 9, 6, 2)).astype("f")
    params, x = jax.tree.map(jnp.asarray, (nn.Affine(weight, np.zeros(3, "f")), x))
    np.testing.assert_array_equal(conv_by_pairs(params, x, case=case, axis=0), conv_by_lax(params, x, case=case))


@pytest.mark.parametrize(
    ("case", "inputs", "axis"),
    [
        (Case((32, 32), (3, 3), 1, "same"), 16, 0),
        (Case((31, 32), (3, 3), 1, "same"), 16, 1),  # an odd number of positions needs one more
        (Case((32, 32), (5, 3), 1, "same"), 16, 1),
        (Case((32, 32), (3, 3), (2, 1), "same"), 16, 1),
        (Case((32, 32), (3, 3), 1, "same", (1, 2)), 16, 0),
        (Case((5, 3), (3, 3)), 5000, None),  # three positions and one
        (Case((32, 32), (3, 3), 1, "same"), 4, None),
        (Case((4, 4), (3, 3), 1, "same"), 16, None),  # too few multiplications
    ],
    ids=str,
)
def test_pairs_run_along_the_axis_where_they_save_most(case: Case, inputs: int, axis: int | None) -> None:
    assert choose_pair_axis(make_windows(case), inputs, 16) == axis


LARGE = Case((32, 32), (3, 3), 1, "same")


def draw_large(rng: np.random.Generator) -> tuple[nn.Affine, np.ndarray]:
    return draw(rng, LARGE, "float32", images=10, inputs=16, outputs=8)


@pytest.mark.parametrize("untiled_bytes", [0, convolution._UNTILED_PAIRS_BYTES], ids=["tiled", "untiled"])
def test_a_layer_by_pairs_equals_that_of_lax_under_every_transformation(
    untiled_bytes: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution, "_UNTILED_PAIRS_BYTES", untiled_bytes)
    params, x = draw_large(rng)

    def transform(function: Any) -> Any:
        def layer(params: nn.Affine, x: jax.Array) -> jax.Array:
            return function(params, x, case=LARGE)

        def slopes(params: nn.Affine, x: jax.Array) -> Any:
            return jax.grad(lambda *arguments: (layer(*arguments) ** 2).mean(), (0, 1))(params, x)

        lanes = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf[::-1]]), params)
        mapped = jax.vmap(layer, (0, None))(lanes, x)
        return with_gradients(layer, params, x), jax.jvp(slopes, (params, x), (params, x)), mapped

    actual, expected = (jax.jit(functools.partial(transform, function))() for function in (conv, conv_by_lax))
    assert_equal_to_scale(actual, expected, TOLERANCE["float32"])


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only programs for CPUs compute positions by pairs")
def test_a_layer_by_pairs_needs_two_thirds_of_the_multiplications(rng: np.random.Generator) -> None:
    params, x = draw_large(rng)
    traced = jax.make_jaxpr(functools.partial(with_gradients, functools.partial(conv, case=LARGE)))(params, x)
    positions, filters = x[..., 0].size, params.weight.size
    assert count_multiplications(traced.jaxpr) == 3 * positions * filters * 2 // 3


def count_multiplications(jaxpr: Any) -> int:
    """Counts the multiplications of all matrix products, and those of a function at each of its calls."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            # The sizes in a product (a, b) · (b, c) are a·b, b·c and a·c: the root of their product is a·b·c.
            total += math.isqrt(math.prod(variable.aval.size for variable in (*equation.invars, *equation.outvars)))
        inner = [getattr(value, "jaxpr", value) for value in equation.params.values()]
        total += sum(count_multiplications(part) for part in inner if hasattr(part, "eqns"))
    return total


def test_lanes_of_a_layer_by_pairs_do_not_affect_one_another(rng: np.random.Generator) -> None:
    params, x = draw_large(rng)
    lanes = jax.jit(jax.vmap(lambda params, x: with_gradients(functools.partial(conv, case=LARGE), params, x)))

    def first_lane(neighbour: Any) -> Any:
        pair = jax.tree.map(lambda leaf: jnp.stack([leaf, jnp.full_like(leaf, neighbour)]), (params, x))
        return jax.tree.map(lambda leaf: np.asarray(leaf[0]), lanes(*pair))

    jax.tree.map(np.testing.assert_array_equal, first_lane(jnp.nan), first_lane(1.0))
