"""Batch-first images are transposed once, not by each shift under the window; the convolution is the same."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_tiling import TRANSFORMS

from helpers.convolutions import TOLERANCE, Case, assert_equal_to_scale, conv, conv_by_lax, draw, with_gradients

pytestmark = pytest.mark.optimized(older_code=True)

WINDOW = Case((17, 19), (3, 2), (2, 1), "same")


@pytest.mark.parametrize(
    ("case", "channels"),
    [(WINDOW, 1), (WINDOW, 3), (Case((257,), (3,), 1, 1), 1), (Case((2, 7, 37), (2, 3, 2)), 4)],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_convolutions_of_large_images_equal_those_of_lax(
    case: Case, channels: int, dtype: str, rng: np.random.Generator
) -> None:
    params, x = draw(rng, case, dtype, images=40, inputs=channels)
    assert x.nbytes > 2**14
    with jax.enable_x64(dtype == "float64"):
        actual, expected = (
            jax.jit(functools.partial(with_gradients, functools.partial(function, case=case)))(params, x)
            for function in (conv, conv_by_lax)
        )
        assert_equal_to_scale(actual, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_they_do_under_every_transformation(transform: str, rng: np.random.Generator, x64: None) -> None:
    params, x = jax.tree.map(jnp.asarray, draw(rng, WINDOW, "float64", images=8, inputs=3))
    actual, expected = (
        jax.jit(functools.partial(TRANSFORMS[transform], functools.partial(function, case=WINDOW)))(params, x)
        for function in (conv, conv_by_lax)
    )
    assert_equal_to_scale(actual, expected, 1e-11)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="images are stored transposed in CPU programs only")
@pytest.mark.optimized  # as users compile it
@pytest.mark.parametrize(("channels", "images"), [(1, 64), (3, 64), (3, 2)])
def test_images_that_exceed_the_first_level_cache_are_read_once(
    channels: int, images: int, rng: np.random.Generator
) -> None:
    case = Case((16, 16), (3, 3), 1, "same")
    params, x = draw(rng, case, "float32", images=images, inputs=channels)
    lowered, large = jax.jit(functools.partial(conv, params, case=case)).lower(x), x.nbytes > 2**14
    assert lowered.as_text().count("stablehlo.while") == large
    text = lowered.compile().as_text()
    readers = re.findall(r" = .*\(%x\.\d+\)", text[text.index("ENTRY") :])
    assert len(readers) == 1 or not large
