"""Scores: one number to evaluate a model by, higher is better; and the confusion matrix.

The mask `where`, of shape `(batch,)`, leaves examples out: shorter folds are padded with rows that must not count.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Integer, Shaped

from jaxnn._checks.arrays import check_labels, check_same_shape, is_traced
from jaxnn._kernels.dtypes import as_arrays, as_type, choose_float
from jaxnn.activations import argmax


def accuracy(
    outputs: Shaped[ArrayLike, "batch classes"],
    labels: Integer[ArrayLike, "batch"],
    *,
    where: Bool[ArrayLike, "batch"] | None = None,
) -> Float[Array, ""]:
    """Returns the fraction of examples whose largest output is that of their class, from 0 to 1.

    Args:
        outputs: logits or probabilities, shape (batch, classes).
        labels: class numbers, shape (batch,).
        where: True for the examples that count, shape (batch,); all by default.

    Raises:
        TypeError: the dtype of the labels is not an integer type.
        ValueError: the shapes do not match, or a label is out of range.

    Example:
        >>> accuracy(jnp.array([[0.9, 0.1], [0.6, 0.4]]), jnp.array([0, 1]))
        Array(0.5, dtype=float32)
    """
    check_labels("accuracy", "outputs", outputs, labels)
    return jnp.mean(argmax(outputs) == as_arrays(labels), where=where)


def r_squared(
    outputs: Shaped[ArrayLike, "batch outputs"],
    targets: ArrayLike,
    *,
    where: Bool[ArrayLike, "batch"] | None = None,
) -> Float[Array, ""]:
    """1 - SSR(outputs) / SSR(mean of the targets), averaged over columns; 1 for a perfect fit, 0 for the mean.

    SSR is the sum of squared residuals.

    Args:
        outputs: predictions, shape (batch, outputs).
        targets: observations, the same shape; no column may be constant (the result would be -inf or NaN).
        where: True for the examples that count, shape (batch,); all by default.

    Raises:
        ValueError: the two shapes differ, or there is no batch axis.

    Example:
        >>> r_squared(jnp.array([[1.0], [1.0], [3.0]]), jnp.array([[1.0], [2.0], [3.0]]))
        Array(0.5, dtype=float32)
    """
    check_same_shape("r_squared", outputs, targets)
    # A common offset changes nothing; without it, sums of squares keep more digits. NumPy subtracts in float64.
    shift = _take_first(_widen(targets), where)
    dtype = choose_float(outputs, targets, least=jnp.float32)
    outputs, targets = (as_type(_widen(part) - shift, dtype) for part in (outputs, targets))
    mask = None if where is None else jnp.asarray(where)[:, None]
    mean = jnp.mean(targets, axis=0, keepdims=True, where=mask)
    unexplained = jnp.sum(jnp.square(targets - outputs), axis=0, where=mask)
    total = jnp.sum(jnp.square(targets - mean), axis=0, where=mask)
    return jnp.mean(1 - unexplained / total)


def confusion_matrix(
    outputs: Shaped[ArrayLike, "batch classes"],
    labels: Integer[ArrayLike, "batch"],
    *,
    where: Bool[ArrayLike, "batch"] | None = None,
) -> Int[Array, "classes classes"]:
    """Counts the examples of each class (rows) by their predicted class (columns).

    Args:
        outputs: logits or probabilities, shape (batch, classes).
        labels: class numbers, shape (batch,).
        where: True for the examples that count, shape (batch,); all by default.

    Raises:
        TypeError: the dtype of the labels is not an integer type.
        ValueError: the shapes do not match, or a label is out of range.

    Example:
        >>> confusion_matrix(jnp.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), jnp.array([0, 1, 1]))
        Array([[1, 0],
               [1, 1]], dtype=int32)
    """
    classes = check_labels("confusion_matrix", "outputs", outputs, labels)
    weights = 1 if where is None else jnp.asarray(where).astype(int)
    return jnp.zeros((classes, classes), int).at[as_arrays(labels), argmax(outputs)].add(weights)


def _take_first(targets: np.ndarray | Array, where: ArrayLike | None) -> np.ndarray | Array:
    """Returns the first row that counts, as a table of one row."""
    if where is None:
        return targets[:1]
    if is_traced(where):
        return jnp.take(jnp.asarray(targets), jnp.argmax(where), axis=0)[None]
    return targets[np.argmax(where)][None]


def _widen(x: ArrayLike) -> np.ndarray | Array:
    return x.astype(np.float64) if isinstance(x, np.ndarray) else as_type(x, choose_float(x, least=jnp.float32))
