"""Convolution and pooling equal XLA's own, forward and backward, over windows, strides, paddings and dilations."""

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.convolutions import TOLERANCE, Case, assert_equal_to_scale, conv, conv_by_lax, draw, with_gradients
from helpers.errors import error_message

pytestmark = pytest.mark.optimized(older_code=True)

# Sizes that strides do and do not divide, odd and even windows, each option alone and together with the others.
GRID = {
    1: [
        Case((9,), (3,), 2),
        Case((9,), (4,), 1, "same"),
        Case((8,), (3,), 3, "same"),
        Case((8,), (2,), 2, 1, 3),
        Case((8,), (3,), 1, "same", 2),
        Case((7,), (7,)),
        Case((6,), (1,), 2, 3),
    ],
    2: [
        Case((6, 5), (3, 3)),
        Case((6, 5), (1, 1), 2),
        Case((7, 6), (3, 3), 2, "same"),
        Case((7, 6), (2, 3), (2, 1), 1),
        Case((7, 6), (3, 2), (1, 3), "same", (2, 1)),
        Case((7, 8), (2, 3), (3, 2), (2, 0), (3, 2)),
        Case((5, 5), (5, 1), 1, 2),
    ],
    3: [
        Case((4, 3, 5), (2, 2, 2)),
        Case((4, 3, 5), (3, 1, 2), 2, "same"),
        Case((4, 4, 5), (2, 3, 1), (1, 2, 3), 1),
        Case((5, 4, 5), (2, 2, 2), 1, "same", 2),
        Case((5, 4, 5), (2, 1, 3), (2, 1, 1), (0, 2, 1), (3, 1, 2)),
    ],
}
CASES = list(itertools.chain(*GRID.values()))
every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_conv_and_its_gradients_equal_those_of_lax(case: Case, dtype: str, rng: np.random.Generator) -> None:
    @jax.jit
    def both(params: nn.Affine, x: jax.Array) -> list[tuple[Any, Any]]:
        return [with_gradients(functools.partial(function, case=case), params, x) for function in (conv, conv_by_lax)]

    with jax.enable_x64(dtype == "float64"):
        assert_equal_to_scale(*both(*draw(rng, case, dtype)), TOLERANCE[dtype])


@pytest.mark.parametrize("case", [GRID[1][2], GRID[2][2], GRID[3][2]], ids=str)
def test_conv_under_vmap_over_weights_and_inside_a_scan_equals_outside(
    case: Case, rng: np.random.Generator, x64: None
) -> None:
    lanes = [draw(rng, case, "float64") for _ in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *lanes)

    def layer(params: nn.Affine, x: jax.Array) -> tuple[Any, Any]:
        return with_gradients(functools.partial(conv, case=case), params, x)

    @jax.jit
    def run_all(stacked: tuple[nn.Affine, jax.Array], lanes: list) -> tuple[Any, Any, Any]:
        scanned = jax.lax.scan(lambda carry, lane: (carry, layer(*lane)), 0, stacked)[1]
        alone = [with_gradients(functools.partial(conv_by_lax, case=case), *lane) for lane in lanes]
        return jax.vmap(layer)(*stacked), scanned, jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone)

    mapped, scanned, expected = run_all(stacked, lanes)
    assert_equal_to_scale(mapped, expected, 1e-12)
    assert_equal_to_scale(scanned, expected, 1e-12)


# (size, window, stride): side by side, overlapping, with cells left over at the end, with gaps between the windows.
POOLINGS = [
    ((6,), (2,), (2,)),
    ((7,), (3,), (1,)),
    ((8,), (2,), (3,)),
    ((4, 6), (2, 2), (2, 2)),
    ((5, 5), (2, 2), (2, 2)),
    ((5, 6), (3, 2), (1, 1)),
    ((6, 7), (3, 3), (2, 2)),
    ((5, 7), (1, 3), (2, 1)),
    ((4, 5), (4, 5), (1, 1)),
    ((4, 3, 5), (2, 2, 2), (2, 2, 2)),
    ((3, 4, 4), (2, 3, 2), (1, 1, 2)),
]
every_pooling = pytest.mark.parametrize(("size", "window", "stride"), POOLINGS, ids=str)


def max_by_lax(x: jax.Array, window: tuple[int, ...], stride: tuple[int, ...]) -> jax.Array:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, *window, 1), (1, *stride, 1), "VALID")


def avg_by_lax(x: jax.Array, window: tuple[int, ...], stride: tuple[int, ...]) -> jax.Array:
    total = jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, *window, 1), (1, *stride, 1), "VALID")
    return total / np.prod(window)


@every_pooling
def test_max_pool_equals_reduce_window_and_its_gradient_goes_to_the_first_of_equals(
    size: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...], rng: np.random.Generator
) -> None:
    # With three values, nearly every window holds its maximum more than once. Sums of whole cotangents are exact.
    x = rng.integers(0, 3, (3, *size, 2)).astype("f")

    def cotangent(outputs: jax.Array) -> jax.Array:
        return jnp.arange(1.0, outputs.size + 1).reshape(outputs.shape)

    @jax.jit
    def both(x: jax.Array) -> list[tuple[Any, Any]]:
        return [
            with_gradients(lambda x: nn.max_pool(x, window, stride=stride), x, cotangent=cotangent),
            with_gradients(lambda x: max_by_lax(x, window, stride), x, cotangent=cotangent),
        ]

    actual, expected = both(x)
    assert_equal_to_scale(actual, expected, 0)


@every_pooling
def test_avg_pool_and_its_gradient_equal_those_of_reduce_window(
    size: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...], rng: np.random.Generator, x64: None
) -> None:
    @jax.jit
    def both(x: jax.Array) -> list[tuple[Any, Any]]:
        return [
            with_gradients(lambda x: nn.avg_pool(x, window, stride=stride), x),
            with_gradients(lambda x: avg_by_lax(x, window, stride), x),
        ]

    assert_equal_to_scale(*both(rng.normal(size=(3, *size, 2))), 1e-12)


def test_pooling_windows_do_not_overlap_by_default(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 6, 6, 1)).astype("float32")
    for pool in (nn.max_pool, nn.avg_pool):
        np.testing.assert_array_equal(pool(x, (2, 3)), pool(x, (2, 3), stride=(2, 3)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"padding": "full"}, 'conv: padding must be "valid", "same" or a whole number, not \'full\''),
        ({"padding": -1}, "conv: padding must be at least 0, not -1"),
        ({"stride": 0}, "conv: stride must be at least 1, not 0"),
        ({"stride": (1, 2, 3)}, "conv: stride must be one number or one for each of the 2 axes, not (1, 2, 3)"),
        ({"dilation": (1, 0)}, "conv: dilation[1] must be at least 1, not 0"),
    ],
    ids=str,
)
def test_conv_names_the_option_that_is_wrong(options: dict[str, Any], words: str, as_installed: None) -> None:
    assert (
        error_message(
            ValueError, lambda: nn.conv(nn.Affine(np.ones((3, 3, 1, 1)), np.ones(1)), np.ones((1, 8, 8, 1)), **options)
        )
        == words
    )
