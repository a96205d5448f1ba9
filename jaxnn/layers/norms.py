"""Normalization of each example by its own mean and variance."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.dtypes import choose_float
from jaxnn.units import Size, check_size, count_units


class NormParams(NamedTuple):
    """The parameters of `layer_norm`.

    Attributes:
        scale: shape (features,).
        bias: shape (features,).
    """

    scale: Float[Array, "features"]
    bias: Float[Array, "features"]


def init_layer_norm(features: int | Size) -> NormParams:
    """Makes the parameters of `layer_norm`: scales 1, biases 0.

    Args:
        features: the size of the last axis; may be what `make_recipe` gets for `sizes(...)`.

    Raises:
        TypeError: `features` is not a whole number.
        ValueError: `features` is below 1.

    Example:
        >>> init_layer_norm(3).scale
        Array([1., 1., 1.], dtype=float32)
    """
    features = check_size("init_layer_norm", "features", features)
    scale = features.mask().astype(float) if isinstance(features, Size) else jnp.ones(features)
    return NormParams(scale=scale, bias=jnp.zeros(count_units(features)))


def layer_norm(
    params: NormParams,
    x: Shaped[ArrayLike, "batch *space features"],
    *,
    epsilon: float = 1e-6,
    size: int | Size | None = None,
) -> Float[Array, "batch *space features"]:
    """scale · (x - mean) / √(variance + epsilon) + bias, with mean and variance over the last axis.

    Args:
        params: scale and bias, each (features,).
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
    shape, features = jnp.shape(x), jnp.shape(params.scale)[0]
    if len(shape) < 2 or shape[-1] != features:
        raise ValueError(f"layer_norm: x must have shape (batch, …, {features}), the scale's features, not {shape}")
    normalize = functools.partial(_masked_layer_norm, size=size) if isinstance(size, Size) else _layer_norm
    return normalize(x, params=params, epsilon=epsilon).astype(choose_float(x, params=params))


# In half precision squares of large numbers overflow.
@functools.partial(batch_last, least=jnp.float32)
def _layer_norm(x, *, params, epsilon):
    rest = tuple(range(1, x.ndim))
    scale, bias = (jnp.expand_dims(leaf, rest) for leaf in params)
    mean = x.mean(axis=0, keepdims=True)
    variance = jnp.square(x - mean).mean(axis=0, keepdims=True)
    return scale * (x - mean) * jax.lax.rsqrt(variance + epsilon) + bias


@functools.partial(batch_last, least=jnp.float32)
def _masked_layer_norm(x, *, params, epsilon, size):
    rest = tuple(range(1, x.ndim))
    scale, bias, mask = (jnp.expand_dims(leaf, rest) for leaf in (*params, size.mask()))
    count, zero = size.count.astype(x.dtype), jnp.zeros((), x.dtype)
    mean = jnp.where(mask, x, zero).sum(axis=0, keepdims=True) / count
    centered = jnp.where(mask, x - mean, zero)
    variance = jnp.square(centered).sum(axis=0, keepdims=True) / count
    return jnp.where(mask, scale * centered * jax.lax.rsqrt(variance + epsilon) + bias, zero)
