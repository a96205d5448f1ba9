"""Losses of numbers: the distance of predictions from observations, and their likelihood."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_one_array, check_same_shape, check_scalar, check_shape
from jaxnn._kernels.batch_last import wide_batch_last


def squared_error(outputs: Shaped[ArrayLike, "batch outputs"], targets: ArrayLike) -> Float[Array, "batch"]:
    """Σ_j (target_j - output_j)² of each example; its sum over the examples is the sum of squared residuals (SSR).

    Args:
        outputs: the predictions, shape (batch, outputs).
        targets: the observations, the same shape.

    Returns:
        One value for each example, shape (batch,), in squared units of the targets.

    Raises:
        ValueError: the two shapes differ, or there is no batch axis.

    Example:
        >>> squared_error(jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 5.0]]))
        Array([9.], dtype=float32)
    """
    check_same_shape("squared_error", outputs, targets)
    return _squared_error(outputs, targets)


@wide_batch_last
def _squared_error(outputs, targets):
    return jnp.square(targets - outputs).sum(axis=0)


def absolute_error(outputs: Shaped[ArrayLike, "batch outputs"], targets: ArrayLike) -> Float[Array, "batch"]:
    """Σ_j |target_j - output_j| of each example, less sensitive to outliers than the squared error.

    Args:
        outputs: the predictions, shape (batch, outputs).
        targets: the observations, the same shape.

    Returns:
        One value for each example, shape (batch,), in units of the targets.

    Raises:
        ValueError: the two shapes differ, or there is no batch axis.

    Example:
        >>> absolute_error(jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 5.0]]))
        Array([3.], dtype=float32)
    """
    check_same_shape("absolute_error", outputs, targets)
    return _absolute_error(outputs, targets)


@wide_batch_last
def _absolute_error(outputs, targets):
    return jnp.abs(targets - outputs).sum(axis=0)


def huber(
    outputs: Shaped[ArrayLike, "batch outputs"], targets: ArrayLike, *, delta: Any = 1.0
) -> Float[Array, "batch"]:
    """Σ_j r_j² / 2 where |r_j| = |target_j - output_j| <= delta, and delta · (|r_j| - delta / 2) beyond.

    Args:
        outputs: the predictions, shape (batch, outputs).
        targets: the observations, the same shape.
        delta: the residual from which on the loss grows linearly, above 0, in units of the targets; may be traced.

    Returns:
        One value for each example, shape (batch,), in squared units of the targets.

    Raises:
        TypeError: `delta` is not a number.
        ValueError: the two shapes differ, there is no batch axis, or `delta` is not above 0.

    Example:
        >>> huber(jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 5.0]]))
        Array([2.625], dtype=float32)

    References:
        Huber (1964), Robust estimation of a location parameter.
    """
    check_same_shape("huber", outputs, targets)
    number = check_scalar("huber", "delta", delta)
    if number is not None and not number > 0:
        raise ValueError(f"huber: delta must be above 0, not {number}")
    return _huber(outputs, targets, delta=delta)


@wide_batch_last
def _huber(outputs, targets, *, delta):
    delta = jnp.asarray(delta, outputs.dtype)
    distance = jnp.abs(targets - outputs)
    near = jnp.minimum(distance, delta)
    # Not near² / 2 + delta · (distance - near): an infinite delta is the squared error.
    return (near * (distance - near / 2)).sum(axis=0)


def gaussian_nll(
    outputs: Shaped[ArrayLike, "batch parameters"], targets: Shaped[ArrayLike, "batch outputs"], *, full: bool = False
) -> Float[Array, "batch"]:
    """Σ_j (log variance_j + (target_j - mean_j)² / variance_j) / 2: minus the log density of a normal distribution.

    Args:
        outputs: shape (batch, 2 · outputs): the means come first, the natural logarithms of the variances follow. The
            network predicts logarithms, since it may give any number: for a target of 3 columns it has 6 outputs.
        targets: the observations, shape (batch, outputs).
        full: whether to add the constant log(2π) / 2 for each output, as in PyTorch; without it no gradient changes.

    Returns:
        One value for each example, shape (batch,), in nats.

    Raises:
        ValueError: the outputs are not twice as many as the columns of the targets, or there is no batch axis.

    Example:
        >>> gaussian_nll(jnp.array([[1.0, 0.0], [3.0, 1.0]]), jnp.array([[3.0], [3.0]]))
        Array([2. , 0.5], dtype=float32)

    A network with two outputs learns the mean and the spread. Scores of the mean look at the first column:

        >>> import jaxnn as nn, optax
        >>> recipe = nn.Recipe(nn.mlp([4, 16, 2]), nn.gaussian_nll, optax.adam(0.01))
        >>> score = lambda outputs, targets, where=None: nn.r_squared(outputs[:, :1], targets, where=where)

    References:
        Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution.
    """
    check_one_array("gaussian_nll", "targets", targets)
    batch, columns = check_shape("gaussian_nll", "targets", targets, "batch outputs")
    shape = check_shape("gaussian_nll", "outputs", outputs, "batch parameters")
    if shape != (batch, 2 * columns):
        raise ValueError(
            f"gaussian_nll: targets {(batch, columns)} need outputs of shape {(batch, 2 * columns)}, the means and "
            f"then the logarithms of the variances, not {shape}"
        )
    return _gaussian_nll(outputs, targets, full=full)


@wide_batch_last
def _gaussian_nll(outputs, targets, *, full):
    mean, log_variance = jnp.split(outputs, 2)
    constant = jnp.log(2 * jnp.pi).astype(outputs.dtype) if full else 0
    # Squared last: the square root of a precision overflows at twice the logarithm.
    deviations = (targets - mean) * jnp.exp(-log_variance / 2)
    return ((log_variance + jnp.square(deviations) + constant) / 2).sum(axis=0)
