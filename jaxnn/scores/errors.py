"""Errors as metrics: lower is better, so a search must maximise their negative."""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Shaped

from jaxnn._checks.arrays import check_same_shape
from jaxnn.losses.classes import cross_entropy
from jaxnn.losses.regression import absolute_error
from jaxnn.scores.decisions import Labels, Outputs, read_classes
from jaxnn.scores.means import Weights, read_weights, take_mean
from jaxnn.weights import split_weights, weigh_score


def log_loss(
    outputs: Outputs, labels: Labels, *, where: Bool[ArrayLike, "batch"] | None = None, weights: Weights = None
) -> Float[Array, ""]:
    """The mean of -log p over the examples, with p the predicted probability of the observed class; lower is better.

    Args:
        outputs: logits of classes, before softmax, shape (batch, classes), or one logit before sigmoid,
            shape (batch, 1) or (batch,). Of probabilities give the logarithms.
        labels: class numbers, shape (batch,), 0 and 1 for one logit; or a pair `(labels, weights)`.
        where: True for the examples that count, shape (batch,); all by default.
        weights: of the examples, as in `accuracy`.

    Returns:
        One number, at least 0, in nats. As a score use `negative(log_loss)`.

    Raises:
        TypeError: the dtype of class numbers is not an integer type.
        ValueError: the shapes do not match, or a label is out of range.

    Example:
        >>> log_loss(jnp.zeros((2, 4)), jnp.array([0, 3])).round(2)
        Array(1.39, dtype=float32)
    """
    losses = cross_entropy(*read_classes("log_loss", outputs, labels))
    return take_mean(losses, where, read_weights("log_loss", weights, outputs, where))


def mean_absolute_error(
    outputs: Shaped[ArrayLike, "batch outputs"],
    targets: ArrayLike | tuple[ArrayLike, ArrayLike],
    *,
    where: Bool[ArrayLike, "batch"] | None = None,
    weights: Weights = None,
) -> Float[Array, ""]:
    """The mean of |target - output| over examples and columns; lower is better.

    Args:
        outputs: predictions, shape (batch, outputs).
        targets: observations, the same shape; or a pair `(targets, weights)`.
        where: True for the examples that count, shape (batch,); all by default.
        weights: of the examples, as in `accuracy`.

    Returns:
        One number, in units of the targets. As a score use `negative(mean_absolute_error)`.

    Raises:
        ValueError: the two shapes differ, or there is no batch axis.

    Example:
        >>> mean_absolute_error(jnp.array([[1.0], [2.0]]), jnp.array([[1.0], [5.0]]))
        Array(1.5, dtype=float32)
    """
    observed, _ = split_weights(targets)
    check_same_shape("mean_absolute_error", outputs, observed)
    errors = absolute_error(outputs, observed) / jnp.shape(outputs)[1]
    return take_mean(errors, where, read_weights("mean_absolute_error", weights, outputs, where))


def negative(metric: Callable[..., Any]) -> Callable[..., Any]:
    """Returns minus a metric of which lower is better, to rank by: `score=negative(log_loss)`.

    Args:
        metric: `metric(outputs, targets, *, where=None) -> number`, also a `weighted` one.

    Returns:
        A function of the same arguments.

    Raises:
        TypeError: the metric is not a function.

    Example:
        >>> negative(mean_absolute_error)(jnp.array([[1.0], [2.0]]), jnp.array([[1.0], [5.0]]))
        Array(-1.5, dtype=float32)
    """
    if not callable(metric):
        raise TypeError(f"negative: metric must be a function of outputs and targets, not {metric!r}")
    return functools.partial(_negate, metric)


def _negate(metric: Callable[..., Any], outputs: Any, targets: Any, *, weights: Any = None, **options: Any) -> Any:
    # By this keyword `weighted` knows a score.
    if weights is not None:
        options["weights"] = weights
    return -metric(outputs, targets, **options)


def check_higher_is_better(caller: str, score: Any) -> None:
    """Checks that a score is not an error of this library, which a search would make as large as it can.

    Errors with options or weights are found too: those of a `functools.partial`, and of `weighted`.
    """
    while isinstance(score, functools.partial):
        score = score.args[0] if score.func is weigh_score else score.func
    if any(score is error for error in (log_loss, mean_absolute_error)):
        name = score.__name__
        raise ValueError(f"{caller}: of a score higher is better, but {name} is an error; use nn.negative(nn.{name})")
