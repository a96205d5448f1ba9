"""Layers: plain functions of explicit parameters.

`init_…` makes the parameters, and the function of the same name uses them. Arrays are batch first, with exactly one
batch axis: tables `(batch, features)`, images `(batch, height, width, channels)`, or one or three spatial axes.
`jax.vmap` adds any other axis. Inputs are real numbers of any type, or bools. Layers compute in the floating type of
their parameters, or of the input if that is wider, so that uint8 images need no conversion. The private bodies
(`_dense`, …) are written batch last, see `_kernels/batch_last.py`.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_bias, check_key, check_rate, check_shape
from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.dtypes import choose_float
from jaxnn._kernels.matmul import matmul
from jaxnn.initializers import Initializer, draw_weights, he_normal
from jaxnn.units import Size, check_size, count_units


class Affine(NamedTuple):
    """The parameters of `dense` and of `conv`: `outputs = inputs · weight + bias`.

    Attributes:
        weight: shape (inputs, outputs) for dense, (*window, inputs, outputs) for conv.
        bias: shape (outputs,).
    """

    weight: Float[Array, "*window inputs outputs"]
    bias: Float[Array, "outputs"]


class NormParams(NamedTuple):
    """The parameters of `layer_norm`.

    Attributes:
        scale: shape (features,).
        bias: shape (features,).
    """

    scale: Float[Array, "features"]
    bias: Float[Array, "features"]


def init_dense(key: Array, inputs: int | Size, outputs: int | Size, *, initializer: Initializer = he_normal) -> Affine:
    """Makes the parameters of `dense`: weights from `initializer(key, (inputs, outputs))`, biases 0.

    Args:
        key: a `jax.random.key`.
        inputs: the number of features of the input; may be what `make_recipe` gets for `sizes(...)`.
        outputs: the number of features of the output; the same holds for it.
        initializer: see `jaxnn.initializers`.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, or a size is not a whole number.
        ValueError: a size is below 1, or an initializer of which it is not known how to use it with a traced size.

    Example:
        >>> init_dense(jax.random.key(0), 4, 16).weight.shape
        (4, 16)
    """
    shape = check_size("init_dense", "inputs", inputs), check_size("init_dense", "outputs", outputs)
    return init_affine(key, shape, initializer)


def dense(params: Affine, x: Shaped[ArrayLike, "batch inputs"]) -> Float[Array, "batch outputs"]:
    """x · weight + bias: every output is a weighted sum of all inputs.

    Args:
        params: weight (inputs, outputs), bias (outputs,).
        x: shape (batch, inputs).

    Returns:
        Shape (batch, outputs).

    Raises:
        ValueError: x has no batch axis or another number of features than the weight, or the bias does not fit.

    Example:
        >>> params = Affine(weight=jnp.array([[1.0], [10.0]]), bias=jnp.array([0.5]))
        >>> dense(params, jnp.array([[1.0, 2.0]]))
        Array([[21.5]], dtype=float32)
    """
    _, features = check_shape("dense", "x", x, "batch features")
    shape = jnp.shape(params.weight)
    if len(shape) != 2 or features != shape[0]:
        takes = f"takes {shape[0]}" if len(shape) == 2 else "is not (inputs, outputs)"
        raise ValueError(f"dense: x {jnp.shape(x)} has {features} features, but weight {shape} {takes}")
    check_bias("dense", params)
    return _dense(x, params=params)


@batch_last
def _dense(x, *, params):
    return matmul(params.weight, x) + params.bias[:, None]


def flatten(x: Shaped[ArrayLike, "batch *space channels"]) -> Float[Array, "batch features"]:
    """Reshapes every example to one row, in (height, width, channel) order.

    Weights of dense layers from Flax fit as they are. For those from PyTorch see `load_safetensors`.

    Args:
        x: shape (batch, ...).

    Returns:
        Shape (batch, features).

    Raises:
        ValueError: x has fewer than two axes.

    Example:
        >>> flatten(jnp.zeros((5, 2, 2, 3))).shape
        (5, 12)
    """
    if jnp.ndim(x) < 2:
        raise ValueError(f"flatten: x must have shape (batch, …), the batch axis included, not {jnp.shape(x)}")
    return _flatten(x)


@batch_last
def _flatten(x):
    return jnp.moveaxis(x, 0, -2).reshape(-1, x.shape[-1])


def dropout(
    key: Array, x: Shaped[ArrayLike, "batch *features"], rate: ArrayLike, *, size: int | Size | None = None
) -> Float[Array, "batch *features"]:
    """Sets each entry to 0 with probability `rate` and divides the others by 1 - rate; the expected value is x.

    Args:
        key: a `jax.random.key`, a new one for every call.
        x: shape (batch, ...).
        rate: the probability of *dropping*, in [0, 1); may be traced.
        size: the number of features, if it is what `make_recipe` gets for `sizes(...)`: the real units are then dropped
            as in the narrow network. It is needed only for a multiple of a size, such as positions × channels.

    Returns:
        The shape of x.

    Raises:
        TypeError: `key` is not a single `jax.random.key`.
        ValueError: the rate lies outside [0, 1).

    Example:
        >>> sorted(set(dropout(jax.random.key(0), jnp.ones((100, 10)), 0.75).ravel().tolist()))
        [0.0, 4.0]

    References:
        Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
    """
    check_key(key)
    check_rate("dropout", rate)
    return _dropout(x, key=key, rate=rate, size=size)


@batch_last
def _dropout(x, *, key, rate, size):
    kept = jax.random.bernoulli(key, 1 - rate, (x.size,)).reshape(x.shape)
    # Draws are numbered unit by unit. Without blocks the real units are the first, and get those of a narrow network.
    if isinstance(size, Size) and size.blocks > 1:
        kept = kept[size.ranks()]
    return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))


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


def init_affine(key: Array, shape: tuple[Any, ...], initializer: Initializer) -> Affine:
    """Returns weights of `shape` from the initializer, and biases 0; inputs and outputs may be a `Size`."""
    check_key(key)
    weight, outputs = draw_weights(key, shape, initializer), shape[-1]
    bias = jnp.zeros(count_units(outputs), weight.dtype)
    return Affine(weight=weight, bias=bias)
