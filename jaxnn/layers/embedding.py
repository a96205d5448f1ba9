"""Embedding: a learned row of numbers for each of a set of things, such as words or categories."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Integer

from jaxnn._checks.arrays import check_key, is_traced, locate
from jaxnn._kernels.dtypes import as_arrays
from jaxnn.initializers import Initializer, draw_weights, standard_normal
from jaxnn.units import Size, check_size


def init_embedding(
    key: Array, count: int, features: int | Size, *, initializer: Initializer = standard_normal
) -> Float[Array, "count features"]:
    """Makes the parameters of `embedding`, a table (count, features) of independent normal numbers.

    Args:
        key: a `jax.random.key`.
        count: the number of labels.
        features: the number of features of each; may be what `make_recipe` gets for `sizes(...)`.
        initializer: see `jaxnn.initializers`; PyTorch's is `standard_normal` too.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, or a size is not a whole number.
        ValueError: a size is below 1.

    Example:
        >>> init_embedding(jax.random.key(0), 1000, 8).shape
        (1000, 8)
    """
    check_key(key)
    sizes = check_size("init_embedding", "count", count), check_size("init_embedding", "features", features)
    return draw_weights(key, sizes, initializer)


def embedding(
    params: Float[ArrayLike, "count features"], x: Integer[Array | np.ndarray, "batch *positions"]
) -> Float[Array, "batch *positions features"]:
    """Returns the row of the table for each label; it is the layer of a one-hot input, without the zeros.

    Args:
        params: the table, shape (count, features).
        x: the labels, whole numbers from 0 to count - 1, shape (batch, *positions).

    Returns:
        Shape (batch, *positions, features).

    Raises:
        TypeError: x is not an array of an integer dtype.
        ValueError: x has no batch axis, or a label is out of range. Of traced labels the range is not known: those
            out of range give NaN.

    Example:
        >>> embedding(jnp.array([[0.0, 1.0], [2.0, 3.0]]), jnp.array([1, 1, 0]))
        Array([[2., 3.],
               [2., 3.],
               [0., 1.]], dtype=float32)
    """
    if jnp.ndim(params) != 2:
        raise ValueError(f"embedding: params must be a table (count, features), not {jnp.shape(params)}")
    _check_labels(x, jnp.shape(params)[0])
    # Rows are read, and their gradients added, as a whole; what follows turns them batch last. A label below 0 becomes
    # one that is too large, instead of one that counts from the end.
    return jnp.take(jnp.asarray(params), as_arrays(x).astype(jnp.uint32), axis=0, mode="fill")


def _check_labels(x: Any, count: int) -> None:
    """Checks that labels are whole numbers with a batch axis, and that concrete ones are rows of the table."""
    if not isinstance(x, np.ndarray | jax.Array) or not jnp.issubdtype(x.dtype, np.integer):
        actual = x.dtype if hasattr(x, "dtype") else type(x).__name__
        raise TypeError(f"embedding: x must be an array of an integer dtype, not {actual}")
    if not x.ndim:
        raise ValueError("embedding: x must have shape (batch, …), the batch axis included, not ()")
    if not is_traced(x):
        values = np.asarray(x)
        wrong = (values < 0) | (values >= count)
        if wrong.any():
            rule = f"x must lie in 0 … {count - 1} for {count} rows of params"
            raise ValueError(f"embedding: {rule}, but {locate(values, wrong)}")
