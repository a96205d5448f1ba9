"""Precision, recall and their harmonic mean F1, of one class or averaged over classes or labels."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float

from jaxnn.scores.decisions import Decisions, Labels, Outputs, count_rows, decide, divide
from jaxnn.scores.means import Weights, read_weights

_AVERAGES = "binary", "macro", "micro", "weighted"


def f1(
    outputs: Outputs,
    labels: Labels,
    *,
    average: str = "binary",
    where: Bool[ArrayLike, "batch"] | None = None,
    weights: Weights = None,
) -> Float[Array, ""]:
    """2 · precision · recall / (precision + recall) = 2 TP / (2 TP + FP + FN), as in scikit-learn.

    Args:
        outputs: logits or probabilities of classes, shape (batch, classes), of which the largest decides; one logit,
            shape (batch, 1) or (batch,), or logits of many labels, shape (batch, labels), of which those above 0 do.
        labels: class numbers, shape (batch,), or labels 0 and 1, shape (batch,) for one logit, (batch, labels) for
            many; or a pair `(labels, weights)`. For one-hot rows of classes give `labels.argmax(axis=1)`: a table
            counts as many labels, which warns where more than 8 rows all hold exactly one 1 (traced ones do not warn).
        average: "binary": the F1 of class 1 of two. "macro": the mean over classes that are observed or predicted, or
            over all of many labels. "weighted": the mean with each class's share of the examples. "micro": from the
            counts of all classes together, which for classes is the accuracy.
        where: True for the examples that count, shape (batch,); all by default.
        weights: of the examples, as in `accuracy`; `weighted(functools.partial(f1, average="macro"))` takes them from
            targets `(labels, weights)`.

    Returns:
        One number from 0 to 1; 0 where nothing is observed nor predicted.

    Raises:
        TypeError: the dtype of class numbers is not an integer type.
        ValueError: an unknown average, "binary" without two classes, shapes that do not match, or labels out of range.

    Example:
        >>> logits, labels = jnp.array([2.0, 1.0, -1.0, -2.0]), jnp.array([1, 0, 1, 0])
        >>> f1(logits, labels), f1(logits, labels, average="macro")
        (Array(0.5, dtype=float32), Array(0.5, dtype=float32))
    """
    hits, predicted, observed, shares = _count("f1", outputs, labels, average, where, weights)
    return _average(divide(2 * hits, predicted + observed), shares)


def precision(
    outputs: Outputs,
    labels: Labels,
    *,
    average: str = "binary",
    where: Bool[ArrayLike, "batch"] | None = None,
    weights: Weights = None,
) -> Float[Array, ""]:
    """TP / (TP + FP): the share of the predicted examples of a class that belong to it, as in scikit-learn.

    Args:
        outputs, labels, average, where, weights: as in `f1`, one-hot rows of classes too.

    Returns:
        One number from 0 to 1; 0 where nothing is predicted.

    Raises:
        TypeError, ValueError: as `f1`.

    Example:
        >>> precision(jnp.array([2.0, 1.0, -1.0, -2.0]), jnp.array([1, 1, 1, 0]))
        Array(1., dtype=float32)
    """
    hits, predicted, _, shares = _count("precision", outputs, labels, average, where, weights)
    return _average(divide(hits, predicted), shares)


def recall(
    outputs: Outputs,
    labels: Labels,
    *,
    average: str = "binary",
    where: Bool[ArrayLike, "batch"] | None = None,
    weights: Weights = None,
) -> Float[Array, ""]:
    """TP / (TP + FN): the share of the examples of a class that are predicted, as in scikit-learn.

    Args:
        outputs, labels, average, where, weights: as in `f1`, one-hot rows of classes too.

    Returns:
        One number from 0 to 1; 0 where nothing is observed.

    Raises:
        TypeError, ValueError: as `f1`.

    Example:
        >>> recall(jnp.array([2.0, 1.0, -1.0, -2.0]), jnp.array([1, 1, 0, 0]))
        Array(1., dtype=float32)
    """
    hits, _, observed, shares = _count("recall", outputs, labels, average, where, weights)
    return _average(divide(hits, observed), shares)


def _count(
    caller: str, outputs: Outputs, labels: Labels, average: str, where: ArrayLike | None, weights: Weights
) -> tuple[Array, Array, Array, Array]:
    """Counts true positives, predicted and observed examples of each column; returns its share in the mean too."""
    if average not in _AVERAGES:
        raise ValueError(f"{caller}: average must be one of {', '.join(map(repr, _AVERAGES))}, not {average!r}")
    decisions = decide(caller, outputs, labels)
    if average == "binary":
        decisions = _take_positive(caller, decisions)
    checked = read_weights(caller, weights, outputs, where)
    tables = decisions.predicted & decisions.observed, decisions.predicted, decisions.observed
    hits, predicted, observed = (count_rows(table, where, checked) for table in tables)
    if average == "micro":
        hits, predicted, observed = (counts.sum(keepdims=True) for counts in (hits, predicted, observed))
    if average == "weighted":
        return hits, predicted, observed, observed
    if average != "macro" or not decisions.exclusive:
        return hits, predicted, observed, jnp.ones_like(hits)
    # As in scikit-learn, a class that does not occur is left out, and one whose examples have the weight 0 is not.
    either = predicted + observed if checked is None else count_rows(decisions.predicted | decisions.observed, where)
    return hits, predicted, observed, (either > 0).astype(hits.dtype)


def _take_positive(caller: str, decisions: Decisions) -> Decisions:
    columns = decisions.predicted.shape[1]
    if columns != 2 or not decisions.exclusive:
        kind = "classes" if decisions.exclusive else "labels"
        raise ValueError(
            f'{caller}: average="binary" needs two classes, not {columns} {kind}; choose "macro", "micro" or "weighted"'
        )
    return decisions._replace(predicted=decisions.predicted[:, 1:], observed=decisions.observed[:, 1:])


def _average(values: Array, shares: Array) -> Array:
    return divide((values * shares).sum(), shares.sum())
