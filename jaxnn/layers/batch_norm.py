"""Normalization of each channel by its mean and variance over the batch, and their running means for evaluation."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Shaped

from jaxnn._checks.arrays import is_traced
from jaxnn._kernels.batch_last import wide_batch_last
from jaxnn._kernels.dtypes import choose_float
from jaxnn.buffers import Buffer
from jaxnn.layers.norms import check_features, expand
from jaxnn.units import Size, check_size, count_units


class BatchNormParams(NamedTuple):
    """The parameters of `batch_norm`, and the running statistics that evaluation uses.

    Attributes:
        scale: shape (features,).
        bias: shape (features,).
        mean: the running mean, a `Buffer` of shape (features,).
        variance: the running variance, a `Buffer` of shape (features,).
    """

    scale: Float[Array, "features"]
    bias: Float[Array, "features"]
    mean: Buffer
    variance: Buffer


class StoredBatchNormParams(BatchNormParams):
    """Parameters with which `train_batch_norm` does what `batch_norm` does: those of a part that is frozen."""


def init_batch_norm(features: int | Size) -> BatchNormParams:
    """Makes the parameters of `batch_norm`: scales 1, biases 0, running means 0, running variances 1.

    Args:
        features: the size of the last axis; may be what `make_recipe` gets for `sizes(...)`.

    Raises:
        TypeError: `features` is not a whole number.
        ValueError: `features` is below 1.

    Example:
        >>> init_batch_norm(3).variance
        Buffer(value=Array([1., 1., 1.], dtype=float32))
    """
    features = check_size("init_batch_norm", "features", features)
    ones = features.mask().astype(float) if isinstance(features, Size) else jnp.ones(features)
    zeros = ones if isinstance(features, Size) and features.marks else jnp.zeros(count_units(features))
    return BatchNormParams(scale=ones, bias=zeros, mean=Buffer(zeros), variance=Buffer(ones))


def batch_norm(
    params: BatchNormParams, x: Shaped[ArrayLike, "batch *space features"], *, epsilon: float = 1e-5
) -> Float[Array, "batch *space features"]:
    """scale · (x - mean) / √(variance + epsilon) + bias, with the running mean and variance: evaluation.

    In training use `train_batch_norm`. Units of a layer that are masked because its size is traced, and therefore 0,
    stay 0.

    Args:
        params: scale, bias, and the running mean and variance, each (features,).
        x: shape (batch, ..., features).
        epsilon: keeps the result finite where all values are equal, in squared units of x; as in PyTorch and Flax.

    Returns:
        The shape of x.

    Raises:
        ValueError: x has no batch axis, or another number of features than the parameters.

    Example:
        >>> params = init_batch_norm(2)._replace(mean=Buffer(jnp.array([1.0, 2.0])))
        >>> batch_norm(params, jnp.array([[1.0, 3.0]])).round(3)
        Array([[0., 1.]], dtype=float32)

    References:
        Ioffe and Szegedy (2015), Batch normalization: accelerating deep network training by reducing internal covariate
        shift.
    """
    check_features("batch_norm", params, x)
    return _batch_norm(x, params=params, epsilon=epsilon).astype(choose_float(x, params=params[:2]))


def train_batch_norm(
    params: BatchNormParams,
    x: Shaped[ArrayLike, "batch *space features"],
    *,
    where: Bool[ArrayLike, "batch"] | None = None,
    momentum: ArrayLike = 0.9,
    epsilon: float = 1e-5,
    unbiased: bool = True,
) -> tuple[Float[Array, "batch *space features"], BatchNormParams]:
    """scale · (x - mean) / √(variance + epsilon) + bias, with the mean and variance of this batch: training.

    Mean and variance are over the batch and all axes of space. In a part that `freeze` has frozen they are the running
    ones, which stay. Otherwise the running ones move to
    `momentum * running + (1 - momentum) * batch`, and stay where no row counts. A single value, one row without axes of
    space, has no unbiased variance: the running variance then stays too, where PyTorch raises an error.

    Args:
        params: scale, bias, and the running mean and variance, each (features,).
        x: shape (batch, ..., features).
        where: shape (batch,), False for rows that count neither in the statistics of this batch nor in the running
            ones. Their outputs are computed with the statistics of the others. None counts all.
        momentum: how much of the running statistics stays, in [0, 1], as in Flax: 0.9 is what PyTorch calls 0.1.
        epsilon: as in `batch_norm`.
        unbiased: whether the running variance divides by the count minus 1, as in PyTorch. Flax divides by the count.

    Returns:
        The outputs, of the shape of x, and the parameters with new running statistics.

    Raises:
        ValueError: x has no batch axis, or another number of features than the parameters; where is not (batch,); a
            momentum outside [0, 1].

    Example:
        >>> outputs, params = train_batch_norm(init_batch_norm(1), jnp.array([[1.0], [5.0]]))
        >>> outputs.round(3).ravel(), params.mean.value.round(3), params.variance.value.round(3)
        (Array([-1.,  1.], dtype=float32), Array([0.3], dtype=float32), Array([1.7], dtype=float32))

    References:
        See `batch_norm`.
    """
    check_features("train_batch_norm", params, x)
    _check_options(x, where, momentum)
    if isinstance(params, StoredBatchNormParams):
        return batch_norm(params, x, epsilon=epsilon), params
    values = (jnp.shape(x)[0] if where is None else jnp.asarray(where).sum()) * math.prod(jnp.shape(x)[1:-1])
    # Outputs without any rows that count are finite, and not NaN.
    count = max(values, 1) if where is None else jnp.maximum(values, 1)
    mean = _mean(x, where=where, count=count)
    variance = _variance(x, mean=mean, where=where, count=count)
    outputs = _train_batch_norm(
        x, params=params[:2], mean=mean, variance=variance, where=where, count=count, epsilon=epsilon
    )
    correction = count / jnp.maximum(count - 1, 1) if unbiased else 1
    updated = params._replace(
        mean=_mix(params.mean, mean, momentum, values >= 1),
        variance=_mix(params.variance, variance * correction, momentum, values >= (2 if unbiased else 1)),
    )
    return outputs.astype(choose_float(x, params=params[:2])), updated


def _check_options(x: ArrayLike, where: Any, momentum: Any) -> None:
    if where is not None and jnp.shape(where) != jnp.shape(x)[:1]:
        shapes = f"{jnp.shape(x)[:1]}, one for each row of x, not {jnp.shape(where)}"
        raise ValueError(f"train_batch_norm: where must have shape {shapes}")
    if not is_traced(momentum) and not 0 <= momentum <= 1:
        raise ValueError(f"train_batch_norm: momentum must lie in [0, 1], not {momentum}")


def _mix(running: Buffer, batch: Array, momentum: ArrayLike, exists: Any) -> Buffer:
    """Moves a running statistic; it stays as it is where this batch has none."""
    old = jnp.asarray(running.value)
    mixed = (momentum * old + (1 - momentum) * batch).astype(old.dtype)
    return Buffer(mixed if exists is True else jnp.where(exists, mixed, old))


# In half precision squares of large numbers overflow.
@wide_batch_last
def _batch_norm(x, *, params, epsilon):
    scale, bias, mean, variance = (expand(leaf, x) for leaf in jax.tree.leaves(params))
    return scale * (x - mean) * jax.lax.rsqrt(variance + epsilon) + bias


@wide_batch_last
def _mean(x, *, where, count):
    return _average(x, where, count)


@wide_batch_last
def _variance(x, *, mean, where, count):
    return _average(jnp.square(x - expand(mean, x)), where, count)


@wide_batch_last
def _train_batch_norm(x, *, params, mean, variance, where, count, epsilon):
    scale, bias = (expand(leaf, x) for leaf in params)
    factor = expand(jax.lax.rsqrt(variance + epsilon), x)
    return scale * _standardize(x, expand(mean, x), factor, where, count) + bias


@jax.custom_jvp
def _standardize(x, mean, factor, where, count):
    """(x - mean) · factor, where mean and factor are those of x: the derivative includes what they change."""
    del where, count
    return (x - mean) * factor


# Two sums, where the derivatives of mean and variance, each by itself, would take four.
@_standardize.defjvp
def _standardize_jvp(primals, tangents):
    x, mean, factor, where, count = primals
    x_dot = tangents[0]
    outputs = _standardize(x, mean, factor, where, count)
    level = expand(_average(x_dot, where, count), x)
    stretch = expand(_average(x_dot * outputs, where, count), x)
    return outputs, factor * (x_dot - level - outputs * stretch)


def _average(x, where, count):
    """Returns the mean of each channel over space and the rows in the mask."""
    if where is not None:
        x = jnp.where(jnp.reshape(where, (1,) * (x.ndim - 1) + (-1,)), x, jnp.zeros((), x.dtype))
    return x.sum(axis=tuple(range(1, x.ndim))) / jnp.asarray(count, x.dtype)
