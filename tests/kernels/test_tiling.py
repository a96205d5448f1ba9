"""Tiles change how much memory a function needs, and nothing else."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.convolutions import TOLERANCE, Case, assert_equal_to_scale, conv, conv_by_lax, with_gradients
from jaxnn._kernels.tiling import map_tiles

pytestmark = pytest.mark.optimized(older_code=True)

LARGE = 4 * 2**20  # bytes for an example, so that a tile has the minimum of eight examples


def layer(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    return jnp.tanh(params["weight"] @ x.reshape(-1, x.shape[-1])) + params["bias"][:, None]


def tiled(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    return map_tiles(layer, params, x, example_bytes=LARGE)


def hessian_product(function: Any, params: Any, x: jax.Array) -> Any:
    def slope(params: Any, x: jax.Array) -> Any:
        return jax.grad(lambda *arguments: (function(*arguments) ** 3).sum(), (0, 1))(params, x)

    return jax.jvp(slope, (params, x), (params, x))


TRANSFORMS = {
    "forward": lambda function, params, x: function(params, x),
    "reverse mode": with_gradients,
    "forward mode": lambda function, params, x: jax.jvp(function, (params, x), (params, x)),
    "second order": hessian_product,
    "under vmap": lambda function, params, x: jax.vmap(lambda a: with_gradients(function, params, a * x))(
        jnp.arange(3.0)
    ),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("examples", [16, 21], ids=["whole tiles", "with a rest"])
def test_a_tiled_function_equals_the_function(
    transform: str, examples: int, rng: np.random.Generator, x64: None
) -> None:
    params = {"weight": rng.normal(size=(4, 6)), "bias": rng.normal(size=4)}
    x = rng.normal(size=(2, 3, examples))
    actual, expected = (
        jax.jit(functools.partial(TRANSFORMS[transform], function))(params, jnp.asarray(x))
        for function in (tiled, layer)
    )
    assert_equal_to_scale(actual, expected, 1e-12)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only programs for CPUs compute in tiles")
@pytest.mark.parametrize(("examples", "loops"), [(4, 0), (8, 0), (9, 1)])
def test_there_is_a_loop_only_if_the_examples_exceed_the_cache(examples: int, loops: int) -> None:
    params = {"weight": np.zeros((4, 6), "f"), "bias": np.zeros(4, "f")}
    text = jax.jit(tiled).lower(params, np.zeros((2, 3, examples), "f")).as_text()
    assert text.count("stablehlo.while") == loops


@pytest.mark.optimized  # as users compile it
def test_a_large_convolution_equals_that_of_lax_and_a_cpu_stores_few_windows(rng: np.random.Generator) -> None:
    case = Case((32, 32), (4, 4), 1, "same")
    x = rng.normal(size=(40, 32, 32, 16)).astype("f")
    params = nn.Affine(rng.normal(size=(4, 4, 16, 4)).astype("f"), rng.normal(size=4).astype("f"))
    windows_bytes = 16 * x.nbytes
    actual, expected = (
        jax.jit(functools.partial(with_gradients, functools.partial(function, case=case))).lower(params, x).compile()
        for function in (conv, conv_by_lax)
    )
    if jax.default_backend() == "cpu":
        assert actual.memory_analysis().temp_size_in_bytes < windows_bytes
    assert_equal_to_scale(actual(params, x), expected(params, x), TOLERANCE["float32"])
