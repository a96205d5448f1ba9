"""R²: the share of the variation of the targets that predictions explain."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Shaped

from jaxnn._checks.arrays import check_same_shape, is_traced
from jaxnn._kernels.dtypes import as_type, choose_float
from jaxnn.weights import split_weights


def r_squared(
    outputs: Shaped[ArrayLike, "batch outputs"],
    targets: ArrayLike | tuple[ArrayLike, ArrayLike],
    *,
    where: Bool[ArrayLike, "batch"] | None = None,
) -> Float[Array, ""]:
    """1 - SSR(outputs) / SSR(mean of the targets), averaged over columns; 1 for a perfect fit, 0 for the mean.

    SSR is the sum of squared residuals.

    Args:
        outputs: predictions, shape (batch, outputs).
        targets: observations, the same shape, or a pair `(targets, weights)`; no column may be constant (the result
            would be -inf or NaN).
        where: True for the examples that count, shape (batch,); all by default.

    Raises:
        ValueError: the two shapes differ, or there is no batch axis.

    Example:
        >>> r_squared(jnp.array([[1.0], [1.0], [3.0]]), jnp.array([[1.0], [2.0], [3.0]]))
        Array(0.5, dtype=float32)
    """
    observed, _ = split_weights(targets)
    check_same_shape("r_squared", outputs, observed)
    # A common offset changes nothing; without it, sums of squares keep more digits. NumPy subtracts in float64.
    shift = _take_first(_widen(observed), where)
    dtype = choose_float(outputs, observed, least=jnp.float32)
    predicted, observed = (as_type(_widen(part) - shift, dtype) for part in (outputs, observed))
    mask = None if where is None else jnp.asarray(where)[:, None]
    mean = jnp.mean(observed, axis=0, keepdims=True, where=mask)
    unexplained = jnp.sum(jnp.square(observed - predicted), axis=0, where=mask)
    total = jnp.sum(jnp.square(observed - mean), axis=0, where=mask)
    return jnp.mean(1 - unexplained / total)


def _take_first(targets: np.ndarray | Array, where: ArrayLike | None) -> np.ndarray | Array:
    """Returns the first row that counts, as a table of one row."""
    if where is None:
        return targets[:1]
    if is_traced(where):
        return jnp.take(jnp.asarray(targets), jnp.argmax(where), axis=0)[None]
    return targets[np.argmax(where)][None]


def _widen(x: ArrayLike) -> np.ndarray | Array:
    return x.astype(np.float64) if isinstance(x, np.ndarray) else as_type(x, choose_float(x, least=jnp.float32))
