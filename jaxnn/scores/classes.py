"""Scores of classes: how often the largest output is that of the observed class; and the confusion matrix."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from jaxnn.activations import argmax
from jaxnn.scores.decisions import Labels, Outputs, count_rows, decide, divide, read_classes
from jaxnn.scores.means import Weights, read_weights, take_mean


def accuracy(
    outputs: Outputs, labels: Labels, *, where: Bool[ArrayLike, "batch"] | None = None, weights: Weights = None
) -> Float[Array, ""]:
    """Returns the fraction of examples whose largest output is that of their class, from 0 to 1.

    Args:
        outputs: logits or probabilities, shape (batch, classes); or one logit, shape (batch, 1) or (batch,), which
            decides for class 1 where it is above 0.
        labels: class numbers, shape (batch,), 0 and 1 for one logit; or a pair `(labels, weights)`.
        where: True for the examples that count, shape (batch,); all by default.
        weights: of the examples, shape (batch,), floats of at least 0; all the same by default. In a recipe or a sweep
            use `weighted(accuracy)`, which takes them from targets `(labels, weights)`.

    Raises:
        TypeError: the dtype of the labels is not an integer type.
        ValueError: the shapes do not match, or a label is out of range.

    Example:
        >>> accuracy(jnp.array([[0.9, 0.1], [0.6, 0.4]]), jnp.array([0, 1]))
        Array(0.5, dtype=float32)
        >>> accuracy(jnp.array([[2.0], [-0.5], [0.7]]), jnp.array([1, 0, 1]))
        Array(1., dtype=float32)
    """
    outputs, labels = read_classes("accuracy", outputs, labels)
    return take_mean(argmax(outputs) == labels, where, read_weights("accuracy", weights, outputs, where))


def balanced_accuracy(
    outputs: Outputs, labels: Labels, *, where: Bool[ArrayLike, "batch"] | None = None, weights: Weights = None
) -> Float[Array, ""]:
    """The mean over the observed classes of the fraction of their examples that are predicted right, from 0 to 1.

    Args:
        outputs, labels, where, weights: as in `accuracy`.

    Raises:
        TypeError: the dtype of the labels is not an integer type.
        ValueError: the shapes do not match, or a label is out of range.

    Example:
        >>> balanced_accuracy(jnp.array([2.0, 2.0, 2.0, 2.0]), jnp.array([1, 1, 1, 0]))
        Array(0.5, dtype=float32)

    References:
        Brodersen, Ong, Stephan and Buhmann (2010), The balanced accuracy and its posterior distribution.
    """
    # A table of labels is refused here, where class numbers are expected.
    decisions = decide("balanced_accuracy", *read_classes("balanced_accuracy", outputs, labels))
    checked = read_weights("balanced_accuracy", weights, outputs, where)
    observed = count_rows(decisions.observed, where, checked)
    right = divide(count_rows(decisions.predicted & decisions.observed, where, checked), observed)
    return jnp.mean(right, where=observed > 0)


def confusion_matrix(
    outputs: Outputs, labels: Labels, *, where: Bool[ArrayLike, "batch"] | None = None, weights: Weights = None
) -> Int[Array, "classes classes"] | Float[Array, "classes classes"]:
    """Counts the examples of each class (rows) by their predicted class (columns); with weights it adds these up.

    Args:
        outputs, labels, where, weights: as in `accuracy`; one logit has two classes.

    Raises:
        TypeError: the dtype of the labels is not an integer type.
        ValueError: the shapes do not match, or a label is out of range.

    Example:
        >>> confusion_matrix(jnp.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), jnp.array([0, 1, 1]))
        Array([[1, 0],
               [1, 1]], dtype=int32)
    """
    outputs, labels = read_classes("confusion_matrix", outputs, labels)
    classes = jnp.shape(outputs)[1]
    checked = read_weights("confusion_matrix", weights, outputs, where)
    if checked is None:
        counts = jnp.asarray(1 if where is None else jnp.asarray(where).astype(int))
    else:
        counts = checked if where is None else jnp.where(jnp.asarray(where), checked, 0)
    return jnp.zeros((classes, classes), counts.dtype).at[labels, argmax(outputs)].add(counts)
