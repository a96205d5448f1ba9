"""Normalization of each example by its own numbers: `layer_norm` and `rms_norm`, over the features of each position."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._kernels.batch_last import wide_batch_last
from jaxnn._kernels.dtypes import choose_float
from jaxnn.units import Size, check_size, count_units


class NormParams(NamedTuple):
    """The parameters of a norm.

    Attributes:
        scale: shape (features,).
        bias: shape (features,); None for a norm that adds none, such as `rms_norm`.
    """

    scale: Float[Array, "features"]
    bias: Float[Array, "features"] | Any


def init_layer_norm(features: int | Size, *, bias: bool = True) -> NormParams:
    """Makes the parameters of `layer_norm`: scales 1, biases 0.

    Args:
        features: the size of the last axis; may be what `make_recipe` gets for `sizes(...)`.
        bias: False leaves the biases out.

    Raises:
        TypeError: `features` is not a whole number.
        ValueError: `features` is below 1.

    Example:
        >>> init_layer_norm(3).scale
        Array([1., 1., 1.], dtype=float32)
    """
    return init_norm("init_layer_norm", features, bias)


def init_norm(caller: str, features: int | Size, bias: bool) -> NormParams:
    """Returns scales 1, and biases 0 or None."""
    features = check_size(caller, "features", features)
    scale = features.mask().astype(float) if isinstance(features, Size) else jnp.ones(features)
    if not bias:
        return NormParams(scale=scale, bias=None)
    # Zeros do not mark which of several blocks of units are real.
    marks = isinstance(features, Size) and features.marks
    return NormParams(scale=scale, bias=scale if marks else jnp.zeros(count_units(features)))


def layer_norm(
    params: NormParams,
    x: Shaped[ArrayLike, "batch *space features"],
    *,
    epsilon: float = 1e-6,
    size: int | Size | None = None,
) -> Float[Array, "batch *space features"]:
    """scale · (x - mean) / √(variance + epsilon) + bias, with mean and variance over the last axis.

    Args:
        params: scale and bias, each (features,); the bias may be None.
        x: shape (batch, ..., features).
        epsilon: keeps the result finite where all features are equal, in squared units of x; PyTorch has 1e-5.
        size: the number of features, if it is what `make_recipe` gets for `sizes(...)`: mean and variance are then over
            the real units, and the others are 0.

    Returns:
        The shape of x.

    Raises:
        ValueError: x has no batch axis, or another number of features than the parameters.

    Example:
        >>> layer_norm(init_layer_norm(2), jnp.array([[1.0, 3.0]])).round(3)
        Array([[-1.,  1.]], dtype=float32)

    References:
        Ba, Kiros and Hinton (2016), Layer normalization.
    """
    check_features("layer_norm", params, x)
    normalize = functools.partial(_masked_layer_norm, size=size) if isinstance(size, Size) else _layer_norm
    return normalize(x, params=params, epsilon=epsilon).astype(choose_float(x, params=params))


# In half precision squares of large numbers overflow.
@wide_batch_last
def _layer_norm(x, *, params, epsilon):
    mean = x.mean(axis=0, keepdims=True)
    variance = jnp.square(x - mean).mean(axis=0, keepdims=True)
    return scale_and_shift(params, x - mean, jax.lax.rsqrt(variance + epsilon))


@wide_batch_last
def _masked_layer_norm(x, *, params, epsilon, size):
    mask, zero = expand(size.mask(), x), jnp.zeros((), x.dtype)
    count = size.count.astype(x.dtype)
    mean = jnp.where(mask, x, zero).sum(axis=0, keepdims=True) / count
    centered = jnp.where(mask, x - mean, zero)
    variance = jnp.square(centered).sum(axis=0, keepdims=True) / count
    return jnp.where(mask, scale_and_shift(params, centered, jax.lax.rsqrt(variance + epsilon)), zero)


def init_rms_norm(features: int | Size) -> NormParams:
    """Makes the parameters of `rms_norm`: scales 1, and no biases.

    Args and Raises are those of `init_layer_norm`.

    Example:
        >>> init_rms_norm(2)
        NormParams(scale=Array([1., 1.], dtype=float32), bias=None)
    """
    return init_norm("init_rms_norm", features, bias=False)


def rms_norm(
    params: NormParams,
    x: Shaped[ArrayLike, "batch *space features"],
    *,
    epsilon: float = 1e-6,
    size: int | Size | None = None,
) -> Float[Array, "batch *space features"]:
    """scale · x / √(mean of x² + epsilon), with the mean over the last axis: a layer norm that subtracts no mean.

    Args, Returns and Raises are those of `layer_norm`; PyTorch's epsilon is that of the floating type, 1.2e-7.

    Example:
        >>> rms_norm(init_rms_norm(2), jnp.array([[3.0, -3.0]])).round(3)
        Array([[ 1., -1.]], dtype=float32)

    References:
        Zhang and Sennrich (2019), Root mean square layer normalization.
    """
    check_features("rms_norm", params, x)
    return _rms_norm(x, params=params, epsilon=epsilon, size=size).astype(choose_float(x, params=params))


@wide_batch_last
def _rms_norm(x, *, params, epsilon, size):
    if not isinstance(size, Size):
        return scale_and_shift(params, x, jax.lax.rsqrt(jnp.square(x).mean(axis=0, keepdims=True) + epsilon))
    mask, zero = expand(size.mask(), x), jnp.zeros((), x.dtype)
    x = jnp.where(mask, x, zero)
    mean = jnp.square(x).sum(axis=0, keepdims=True) / size.count.astype(x.dtype)
    return jnp.where(mask, scale_and_shift(params, x, jax.lax.rsqrt(mean + epsilon)), zero)


def check_features(caller: str, params: Any, x: Any) -> None:
    """Checks that x has a batch axis, and features on the last axis as the scale has."""
    shape, features = jnp.shape(x), jnp.shape(params.scale)[0]
    if len(shape) < 2 or shape[-1] != features:
        raise ValueError(f"{caller}: x must have shape (batch, …, {features}), the scale's features, not {shape}")


def scale_and_shift(params: Any, *factors: Array) -> Array:
    """Returns scale · factors + bias, batch last; the first factor has the features."""
    scaled = functools.reduce(jnp.multiply, factors, expand(params.scale, factors[0]))
    return scaled if params.bias is None else scaled + expand(params.bias, factors[0])


def expand(leaf: Array, x: Array) -> Array:
    """Returns numbers of features (features,) with as many axes as a batch-last x."""
    return jnp.expand_dims(leaf, tuple(range(1, x.ndim)))
