"""The area under the ROC curve: how well outputs rank examples, whatever the threshold."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float

from jaxnn._kernels.dtypes import as_type, choose_float
from jaxnn.scores.decisions import Labels, Outputs, is_table, read_classes, read_many_labels
from jaxnn.scores.means import Weights, read_weights, take_mean

# The most examples of which all pairs are compared: it compiles in half the time of a sort, and takes no more to run.
_PAIRS_LIMIT = 128


def auc(
    outputs: Outputs, labels: Labels, *, where: Bool[ArrayLike, "batch"] | None = None, weights: Weights = None
) -> Float[Array, ""]:
    """The probability that an example of class 1 ranks above one of class 0, ties counted half: the ROC AUC.

    With more classes it is the mean of the AUC of each class against the rest, ranked by its softmax. With many labels
    it is the mean over labels. These are "macro" and "ovr" of scikit-learn. A class or label whose examples are all
    positive or all negative has no AUC, and is left out of the mean.

    Args:
        outputs: one logit (or probability) for each example, shape (batch, 1) or (batch,); logits of classes, before
            softmax, shape (batch, classes), for probabilities their logarithms; or logits of many labels,
            shape (batch, labels).
        labels: class numbers, shape (batch,), or labels 0 and 1, shape (batch,) for one logit, (batch, labels) for
            many; or a pair `(labels, weights)`. For one-hot rows of classes give `labels.argmax(axis=1)`: a table
            counts as many labels, which warns where more than 8 rows all hold exactly one 1 (traced ones do not warn).
        where: True for the examples that count, shape (batch,); all by default.
        weights: of the examples, as in `accuracy`: a pair counts by the product of its two.

    Returns:
        One number from 0 to 1, 0.5 for outputs that know nothing; NaN if only one class is observed.

    Raises:
        TypeError: the dtype of class numbers is not an integer type.
        ValueError: the shapes do not match, or a label is out of range.

    Example:
        >>> auc(jnp.array([0.1, 0.4, 0.35, 0.8]), jnp.array([0, 0, 1, 1]))
        Array(0.75, dtype=float32)

    References:
        Hanley and McNeil (1982), The meaning and use of the area under a ROC curve. Mann and Whitney (1947), On a test
        of whether one of two random variables is stochastically larger than the other.
    """
    checked = read_weights("auc", weights, outputs, where)
    if is_table(outputs, labels):
        _, table = read_many_labels("auc", outputs, labels)
        columns = _widen(outputs).T, table.T > 0
        return _mean_of_defined(jax.lax.map(lambda column: _area(column[0], column[1], where, checked), columns))
    logits, numbers = read_classes("auc", outputs, labels)
    logits, classes = _widen(logits), jnp.shape(logits)[1]
    if classes == 2:
        return _area(logits[:, 1] - logits[:, 0], numbers == 1, where, checked)
    against_rest = functools.partial(_area_of_class, logits, numbers, where, checked)
    return _mean_of_defined(jax.lax.map(against_rest, jnp.arange(classes, dtype=jnp.int32)))


def _widen(outputs: Any) -> Array:
    return as_type(outputs, choose_float(outputs, least=jnp.float32))


def _area_of_class(logits: Array, labels: Array, where: ArrayLike | None, weights: Any, number: Array) -> Array:
    # The log odds of the class have the order of its softmax, and do not round to ties where that is almost 1.
    is_own = (jnp.arange(logits.shape[1]) == number)[None]
    own = jnp.sum(logits, axis=1, where=is_own)
    return _area(own - jax.nn.logsumexp(logits, axis=1, where=~is_own), labels == number, where, weights)


def _area(values: Array, positive: Array, where: ArrayLike | None, weights: Array | None) -> Array:
    """Returns the area for the values of examples that are positive or not; NaN if there is only one kind."""
    counted = jnp.ones_like(positive) if where is None else jnp.asarray(where)
    is_negative, is_positive = counted & ~positive, counted & positive
    if weights is None:
        wins = _count_wins(values, is_negative).astype(values.dtype)
        area = jnp.mean(wins, where=is_positive) / jnp.sum(is_negative)
    else:
        weights = weights.astype(values.dtype)
        wins = _add_up_wins(values, jnp.where(is_negative, weights, 0))
        area = take_mean(wins, is_positive, weights) / jnp.sum(weights, where=is_negative)
    return jnp.where(jnp.any(jnp.isnan(values), where=counted), jnp.nan, area).astype(values.dtype)


def _count_wins(values: Array, is_negative: Array) -> Array:
    """Returns how many negatives have less than each value, and half of those that have the same."""
    if len(values) <= _PAIRS_LIMIT:
        own, others = values[:, None], values[None]
        wins = jnp.where(others < own, 1.0, 0.0) + jnp.where(others == own, 0.5, 0.0)
        return jnp.sum(jnp.where(is_negative[None], wins, 0.0), axis=1)
    # Those that do not count go to the end.
    ordered = jnp.sort(jnp.where(is_negative, values, jnp.inf))
    below, up_to = (jnp.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return (below + jnp.minimum(up_to, jnp.sum(is_negative))) / 2


def _add_up_wins(values: Array, weights: Array) -> Array:
    """Returns the weights of examples that have less than each value, and half of those that have the same."""
    if len(values) <= _PAIRS_LIMIT:
        own, others = values[:, None], values[None]
        shares = jnp.where(others < own, 1.0, 0.0) + jnp.where(others == own, 0.5, 0.0)
        return jnp.sum(shares.astype(weights.dtype) * weights[None], axis=1)
    order = jnp.argsort(values)
    ordered, sums = values[order], jnp.pad(jnp.cumsum(weights[order]), (1, 0))
    below, up_to = (jnp.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return (sums[below] + sums[up_to]) / 2


def _mean_of_defined(areas: Array) -> Array:
    return jnp.mean(areas, where=~jnp.isnan(areas))
