"""What the tests of every row of the table of layers share."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.layer_table import ROWS, Row

TOLERANCE = {jnp.float32: 1e-5, jnp.float64: 1e-12}

# The scope runs the tests of a row one after another, so that they share compiled programs.
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name, scope="module")


@functools.cache
def jitted(name: str) -> Callable[[Any, Any], jax.Array]:
    return jax.jit(next(row.function for row in ROWS if row.name == name))


def to_arrays(tree: Any, dtype: Any) -> Any:
    """Converts the leaves to NumPy arrays, which compiles nothing; floats get `dtype`, whole numbers keep theirs."""

    def cast(leaf: Any) -> np.ndarray:
        leaf = np.asarray(leaf)
        return leaf.astype(dtype) if np.issubdtype(leaf.dtype, np.floating) else leaf

    return jax.tree.map(cast, tree)


def draw(row: Row, rng: np.random.Generator, dtype: Any = jnp.float32) -> tuple[Any, Any]:
    return to_arrays((row.params(rng), row.x(rng)), dtype)


def assert_close(actual: Any, expected: Any, dtype: Any = jnp.float32) -> None:
    """Asserts equality up to a tolerance relative to the largest number."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * max(1, np.abs(expected).max()))
