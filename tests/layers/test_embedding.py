"""Embedding: the table, labels of any integer type, and labels out of range."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.errors import error_message
from jaxnn.units import Size

TABLE = np.arange(8, dtype="f").reshape(4, 2)


@pytest.mark.parametrize("dtype", ["u1", "i8", ">i4"])
def test_labels_may_be_of_any_integer_type(dtype: str) -> None:
    labels = np.array([3, 0, 3], dtype)
    np.testing.assert_array_equal(nn.embedding(TABLE, x=labels), TABLE[[3, 0, 3]])


def test_the_gradient_of_a_row_is_the_sum_over_its_labels() -> None:
    weights = jnp.arange(1.0, 7.0).reshape(3, 2)
    slopes = jax.grad(lambda table: (nn.embedding(table, jnp.array([2, 0, 2])) * weights).sum())(jnp.asarray(TABLE))
    np.testing.assert_array_equal(slopes, [[3, 4], [0, 0], [6, 8], [0, 0]])


def test_the_table_is_drawn_like_weights_and_masked_for_a_traced_size() -> None:
    expected = nn.initializers.standard_normal(jax.random.key(0), (5, 4))
    np.testing.assert_array_equal(nn.init_embedding(jax.random.key(0), 5, 4), expected)
    size = Size(jnp.array(3), largest=4)
    np.testing.assert_array_equal(
        nn.init_embedding(jax.random.key(0), 5, size), np.where(np.arange(4) < 3, expected, 0)
    )


def test_traced_labels_out_of_range_give_nan() -> None:
    rows = jax.jit(nn.embedding)(TABLE, np.array([-1, 4, 1]))
    np.testing.assert_array_equal(rows, [[np.nan] * 2, [np.nan] * 2, TABLE[1]])


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (np.array([0.0]), TypeError, "embedding: x must be an array of an integer dtype, not float64"),
        ([1], TypeError, "embedding: x must be an array of an integer dtype, not list"),
        (np.array(1), ValueError, "embedding: x must have shape (batch, …), the batch axis included, not ()"),
        (
            np.array([2, -1]),
            ValueError,
            "embedding: x must lie in 0 … 3 for 4 rows of params, but row 1 holds -1",
        ),
    ],
)
def test_wrong_labels_are_refused(labels: np.ndarray, kind: type[Exception], message: str, as_installed: None) -> None:
    assert error_message(kind, lambda: nn.embedding(TABLE, labels)) == message
