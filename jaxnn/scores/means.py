"""Sums and means over the examples that count, each with its weight."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from jaxnn._checks.labels import check_weights
from jaxnn._kernels.dtypes import as_type, choose_float

# One weight for each example, at least 0; None counts all alike.
Weights = Float[ArrayLike, "batch"] | None


def read_weights(caller: str, weights: Any, outputs: Any, where: Any) -> Array | None:
    """Returns weights as floats that sums keep digits in, after a check of weights and mask; None stays None."""
    if where is not None:
        _check_mask(caller, where, jnp.shape(outputs)[:1])
    if weights is None:
        return None
    check_weights(caller, weights, jnp.shape(outputs)[0])
    return as_type(weights, choose_float(weights, least=jnp.float32))


def _check_mask(caller: str, where: Any, batch: tuple[int, ...]) -> None:
    """Checks that a mask is an array with a bool for each example."""
    rule = f"{caller}: where must be bools of shape {batch}, one for each example"
    if not hasattr(where, "dtype"):
        raise TypeError(f"{rule}, not a {type(where).__name__}")
    if jnp.shape(where) != batch or where.dtype != np.dtype(bool):
        raise ValueError(f"{rule}, not {where.dtype} of shape {jnp.shape(where)}")


def take_mean(values: Any, where: ArrayLike | None, weights: Array | None) -> Array:
    """Returns the mean of one value for each example; NaN without any example, or with weights of 0 alone."""
    if weights is None:
        return jnp.mean(values, where=where)
    return jnp.sum(_weigh(values, weights), where=where) / jnp.sum(weights, where=where)


def sum_rows(table: Array, where: ArrayLike | None, weights: Array | None) -> Array:
    """Returns the sum of each column, over the rows that count."""
    mask = None if where is None else jnp.asarray(where)[:, None]
    return jnp.sum(table if weights is None else _weigh(table, weights[:, None]), axis=0, where=mask)


def _weigh(values: Array, weights: Array) -> Array:
    dtype = choose_float(values, weights)
    return values.astype(dtype) * weights.astype(dtype)
