"""R²: the share of the variation of the targets that predictions explain."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Shaped

from jaxnn._checks.arrays import check_same_shape, is_traced
from jaxnn._kernels.dtypes import as_type, choose_float
from jaxnn.scores.means import Weights, read_weights, sum_rows
from jaxnn.weights import split_weights


def r_squared(
    outputs: Shaped[ArrayLike, "batch outputs"],
    targets: ArrayLike | tuple[ArrayLike, ArrayLike],
    *,
    where: Bool[ArrayLike, "batch"] | None = None,
    weights: Weights = None,
) -> Float[Array, ""]:
    """1 - SSR(outputs) / SSR(mean of the targets), averaged over columns; 1 for a perfect fit, 0 for the mean.

    SSR is the sum of squared residuals. A column of constant targets has 1 if every prediction is right, else 0. All
    are the numbers of scikit-learn.

    Args:
        outputs: predictions, shape (batch, outputs).
        targets: observations, the same shape, or a pair `(targets, weights)`.
        where: True for the examples that count, shape (batch,); all by default.
        weights: of the examples, as in `accuracy`: of their squared residuals, and in the mean of the targets.

    Returns:
        One number, at most 1; NaN if fewer than two examples count.

    Raises:
        ValueError: the two shapes differ, or there is no batch axis.

    Example:
        >>> r_squared(jnp.array([[1.0], [1.0], [3.0]]), jnp.array([[1.0], [2.0], [3.0]]))
        Array(0.5, dtype=float32)
    """
    observed, _ = split_weights(targets)
    check_same_shape("r_squared", outputs, observed)
    checked = read_weights("r_squared", weights, outputs, where)
    # A common offset changes nothing; without it, sums of squares keep more digits. NumPy subtracts in float64.
    shift = _take_first(_keep_digits(observed), where if checked is None else _find_heavy(checked, where))
    dtype = choose_float(outputs, observed, least=jnp.float32)
    predicted, observed = (as_type(_keep_digits(part) - shift, dtype) for part in (outputs, observed))
    mean = _take_means(observed, where, checked)
    unexplained = sum_rows(jnp.square(observed - predicted), where, checked)
    total = sum_rows(jnp.square(observed - mean), where, checked)
    count = len(observed) if where is None else jnp.sum(jnp.asarray(where))
    return jnp.where(count < 2, jnp.nan, jnp.mean(_explain(unexplained, total)))


def _take_means(observed: Array, where: ArrayLike | None, weights: Array | None) -> Array:
    """Returns the mean of each column, as a table of one row."""
    if weights is None:
        mask = None if where is None else jnp.asarray(where)[:, None]
        return jnp.mean(observed, axis=0, keepdims=True, where=mask)
    return (sum_rows(observed, where, weights) / jnp.sum(weights, where=where))[None]


def _find_heavy(weights: Array, where: ArrayLike | None) -> Array:
    """Returns the mask of the examples that count by more than 0."""
    return weights > 0 if where is None else (weights > 0) & jnp.asarray(where)


def _explain(unexplained: Array, total: Array) -> Array:
    """Returns the explained share of each column; NaN stays NaN, so that a diverged training has no score of 0."""
    is_constant = total == 0
    of_constant = jnp.where(unexplained > 0, 0.0, 1 + unexplained).astype(total.dtype)
    # The other branch must not divide by 0 either: its gradient would be NaN.
    return jnp.where(is_constant, of_constant, 1 - unexplained / jnp.where(is_constant, 1, total))


def _take_first(targets: np.ndarray | Array, where: ArrayLike | None) -> np.ndarray | Array:
    """Returns the first row that counts, as a table of one row."""
    if where is None:
        return targets[:1]
    if is_traced(where):
        return jnp.take(jnp.asarray(targets), jnp.argmax(where), axis=0)[None]
    return targets[np.argmax(where)][None]


def _keep_digits(x: ArrayLike) -> np.ndarray | Array:
    return x.astype(np.float64) if isinstance(x, np.ndarray) else as_type(x, choose_float(x, least=jnp.float32))
