"""Initializers: `initializer(key, shape, dtype) -> weights`, for shapes `(*window, inputs, outputs)`.

Those of `jax.nn.initializers` have the same signature and can be used directly. The ones here draw a flat vector and
reshape it, which gives the same numbers. On a CPU, XLA compiles it about ten times faster. `he_normal` and
`lecun_normal` draw from the whole normal distribution, like PyTorch's `kaiming_normal_`; those of JAX truncate it.

Use them as `nn.initializers.he_normal`; `nn.normal` and `nn.uniform` are search distributions for `sweep`.

The fan-in of a weight is the number of inputs that one output sums, `prod(window) · inputs`. The fan-out is
`prod(window) · outputs`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Initializer = Callable[..., Array]  # (key, shape, dtype=float) -> weights; `Callable` cannot express the default


def standard_normal(key: Array, shape: Sequence[int], dtype: Any = float) -> Float[Array, "..."]:
    """Draws from the normal distribution with mean 0 and variance 1.

    Example:
        >>> standard_normal(jax.random.key(0), (4, 3)).shape
        (4, 3)
    """
    return jax.random.normal(key, (math.prod(shape),), dtype).reshape(tuple(shape))


def he_normal(key: Array, shape: Sequence[int], dtype: Any = float) -> Float[Array, "..."]:
    """Draws from the normal distribution with variance 2 / fan-in, which preserves the signal's size in relu layers.

    Example:
        >>> bool(abs(he_normal(jax.random.key(0), (200, 100)).std() - 0.1) < 0.002)
        True

    References:
        He et al. (2015), Delving deep into rectifiers.
    """
    fan_in, _ = _fans(shape)
    return standard_normal(key, shape, dtype) * math.sqrt(2 / fan_in)


def lecun_normal(key: Array, shape: Sequence[int], dtype: Any = float) -> Float[Array, "..."]:
    """Draws from the normal distribution with variance 1 / fan-in, for linear, tanh and softplus layers.

    Example:
        >>> bool(abs(lecun_normal(jax.random.key(0), (100, 200)).std() - 0.1) < 0.002)
        True

    References:
        LeCun et al. (1998), Efficient backprop.
    """
    fan_in, _ = _fans(shape)
    return standard_normal(key, shape, dtype) * math.sqrt(1 / fan_in)


def glorot_uniform(key: Array, shape: Sequence[int], dtype: Any = float) -> Float[Array, "..."]:
    """Draws uniformly between -a and a, with a = √(6 / (fan-in + fan-out)), for sigmoid and tanh layers.

    Example:
        >>> bool(abs(glorot_uniform(jax.random.key(0), (100, 50))).max() <= 0.2)
        True

    References:
        Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
    """
    bound = math.sqrt(6 / sum(_fans(shape)))
    return jax.random.uniform(key, (math.prod(shape),), dtype, -bound, bound).reshape(tuple(shape))


def zeros(key: Array, shape: Sequence[int], dtype: Any = float) -> Float[Array, "..."]:
    """Returns zeros; the key is not used.

    Example:
        >>> zeros(jax.random.key(0), (2,))
        Array([0., 0.], dtype=float32)
    """
    del key
    return jnp.zeros(tuple(shape), dtype)


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    if len(shape) < 2:
        raise ValueError(f"an initializer with a fan-in needs a shape (*window, inputs, outputs), not {tuple(shape)}")
    *window, inputs, outputs = shape
    return math.prod(window) * inputs, math.prod(window) * outputs
