"""Focal loss: cross entropy with less weight on examples that are predicted well."""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from jaxnn._checks.arrays import check_labels, check_scalar
from jaxnn._checks.labels import check_binary
from jaxnn._kernels.batch_last import wide_batch_last
from jaxnn._kernels.dtypes import as_type
from jaxnn.losses.binary import Logits, as_columns, surprise
from jaxnn.losses.classes import cross_entropy


def focal(logits: Logits, labels: ArrayLike, *, gamma: Any = 2.0, alpha: Any = None) -> Float[Array, "batch"]:
    """-(1 - p)^gamma · log p, with p the predicted probability of what was observed; gamma = 0 is the cross entropy.

    The shapes decide which probability it is. Logits (batch, classes) with class numbers (batch,) go through softmax,
    as in `cross_entropy`. One logit for each example, or a label for each logit, go through sigmoid, as in
    `binary_cross_entropy`; the mean over the labels of an example is taken.

    Args:
        logits: raw outputs, shape (batch, classes), (batch, labels), (batch, 1) or (batch,).
        labels: class numbers, shape (batch,), or labels 0 and 1, shape (batch,) for one logit, else that of the logits.
        gamma: at least 0; the larger, the less do examples count that are predicted well. It may be traced.
        alpha: the weight of label 1, from 0 to 1, while 1 - alpha is that of label 0; may be traced. None weighs both
            with 1. For classes use `weighted` instead.

    Returns:
        One value for each example, shape (batch,), in nats.

    Raises:
        TypeError: an option is not a number, or the dtype of class numbers is not an integer type.
        ValueError: an option is out of range, a label is out of range, shapes do not match, or alpha for classes.

    Example:
        >>> focal(jnp.array([[0.0], [2.0]]), jnp.array([0, 1])).round(4)
        Array([0.1733, 0.0018], dtype=float32)

    References:
        Lin, Goyal, Girshick, He and Dollár (2017), Focal loss for dense object detection.
    """
    gamma_number = check_scalar("focal", "gamma", gamma)
    if gamma_number is not None and not 0 <= gamma_number < math.inf:
        raise ValueError(f"focal: gamma must be at least 0 and finite, not {gamma_number}")
    if jnp.ndim(logits) == 2 and jnp.shape(logits)[1] > 1 and getattr(labels, "ndim", 1) < 2:
        return _focal_of_classes(logits, labels, gamma, alpha)
    alpha_number = None if alpha is None else check_scalar("focal", "alpha", alpha)
    if alpha_number is not None and not 0 <= alpha_number <= 1:
        raise ValueError(f"focal: alpha, the weight of label 1, must lie in [0, 1], not {alpha_number}")
    check_binary("focal", "logits", logits, labels)
    return _focal_of_labels(*as_columns(logits, labels), gamma=gamma, alpha=alpha)


def _focal_of_classes(logits: ArrayLike, labels: ArrayLike, gamma: Any, alpha: Any) -> Array:
    check_labels("focal", "logits", logits, labels)
    if alpha is not None:
        raise ValueError("focal: alpha weighs label 1 against label 0; for classes use nn.weighted(nn.focal)")
    return _focus(cross_entropy(logits, labels), gamma)


@wide_batch_last
def _focal_of_labels(logits, labels, *, gamma, alpha):
    losses = _focus(surprise(logits, labels), gamma)
    if alpha is not None:
        alpha = as_type(alpha, losses.dtype)
        losses = losses * jnp.where(labels > 0.5, alpha, 1 - alpha)
    return losses.mean(axis=0)


def _focus(surprises: Array, gamma: Any) -> Array:
    """Multiplies cross entropies, -log p, by (1 - p)^gamma."""
    # Whole powers are products. With others, the derivative of the power is infinite at p = 1.
    is_whole = isinstance(gamma, int | float) and gamma == int(gamma)
    power = int(gamma) if is_whole else as_type(gamma, surprises.dtype)
    certain = surprises <= 0
    positive = jnp.where(certain, 1, surprises)
    return jnp.where(certain, 0, positive * (-jnp.expm1(-positive)) ** power)
