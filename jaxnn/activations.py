"""Activation functions: elementwise nonlinearities, and softmax and argmax over the last axis.

Each takes one batch-first array and returns one of the same shape (`argmax` drops the last axis). Whole numbers and
bools become floats. The numerics are those of `jax.nn`; the decorator keeps arrays batch last between two layers (see
`_kernels/batch_last.py`).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, Num, Shaped

from jaxnn._kernels.batch_last import batch_last


@batch_last
def relu(x: Shaped[ArrayLike, "..."], /) -> Num[Array, "..."]:
    """max(0, x), with derivative 0 at 0.

    Example:
        >>> relu(jnp.array([-2.0, 0.0, 3.0]))
        Array([0., 0., 3.], dtype=float32)
        >>> jax.vmap(jax.grad(relu))(jnp.array([-2.0, 0.0, 3.0]))
        Array([0., 0., 1.], dtype=float32)

    References:
        Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
    """
    return jax.nn.relu(x)


@batch_last
def leaky_relu(x: Shaped[ArrayLike, "..."], /, *, slope: float = 0.01) -> Float[Array, "..."]:
    """x where x >= 0, slope · x below.

    Args:
        x: any shape.
        slope: the derivative for negative x.

    Example:
        >>> leaky_relu(jnp.array([-2.0, 3.0]), slope=0.5)
        Array([-1.,  3.], dtype=float32)

    References:
        Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models.
    """
    return jax.nn.leaky_relu(x, slope)


@batch_last
def elu(x: Shaped[ArrayLike, "..."], /, *, alpha: float = 1.0) -> Float[Array, "..."]:
    """x where x > 0, alpha · (e^x - 1) below.

    Args:
        x: any shape.
        alpha: the distance of the lower limit, -alpha, from 0.

    Example:
        >>> elu(jnp.array([0.0, 3.0]))
        Array([0., 3.], dtype=float32)

    References:
        Clevert, Unterthiner and Hochreiter (2016), Fast and accurate deep network learning by exponential linear units.
    """
    return jax.nn.elu(x, alpha)


@batch_last
def gelu(x: Shaped[ArrayLike, "..."], /, *, approximate: bool = True) -> Float[Array, "..."]:
    """x · Φ(x), with Φ the cumulative distribution function of the standard normal distribution.

    Args:
        x: any shape.
        approximate: whether to use the tanh formula, as JAX and Flax do by default; PyTorch's default is exact.

    Example:
        >>> gelu(jnp.array([0.0, 10.0]))
        Array([ 0., 10.], dtype=float32)

    References:
        Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    return jax.nn.gelu(x, approximate=approximate)


@batch_last
def silu(x: Shaped[ArrayLike, "..."], /) -> Float[Array, "..."]:
    """x · sigmoid(x), also called swish.

    Example:
        >>> silu(jnp.array([0.0, 20.0]))
        Array([ 0., 20.], dtype=float32)

    References:
        Elfwing, Uchibe and Doya (2018), Sigmoid-weighted linear units.
    """
    return jax.nn.silu(x)


@batch_last
def softplus(x: Shaped[ArrayLike, "..."], /) -> Float[Array, "..."]:
    """log(1 + e^x), a smooth form of relu.

    Example:
        >>> softplus(jnp.array([0.0, 2.14])).round(2)
        Array([0.69, 2.25], dtype=float32)

    References:
        Dugas et al. (2001), Incorporating second-order functional knowledge for better option pricing.
    """
    return jax.nn.softplus(x)


@batch_last
def sigmoid(x: Shaped[ArrayLike, "..."], /) -> Float[Array, "..."]:
    """1 / (1 + e^-x), between 0 and 1.

    Example:
        >>> sigmoid(jnp.array([0.0]))
        Array([0.5], dtype=float32)
    """
    return jax.nn.sigmoid(x)


@batch_last
def tanh(x: Shaped[ArrayLike, "..."], /) -> Float[Array, "..."]:
    """(e^x - e^-x) / (e^x + e^-x), between -1 and 1.

    Example:
        >>> tanh(jnp.array([0.0]))
        Array([0.], dtype=float32)
    """
    return jnp.tanh(x)


@batch_last
def softmax(logits: Shaped[ArrayLike, "..."], /) -> Float[Array, "..."]:
    """e^z_i / Σ_j e^z_j over the last axis: positive numbers that sum to 1.

    Example:
        >>> softmax(jnp.array([[0.0, 0.0]]))
        Array([[0.5, 0.5]], dtype=float32)

    References:
        Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """
    return jax.nn.softmax(logits, axis=0)


@batch_last
def log_softmax(logits: Shaped[ArrayLike, "..."], /) -> Float[Array, "..."]:
    """z_i - log Σ_j e^z_j over the last axis: the logarithm of softmax, computed without underflow.

    Example:
        >>> log_softmax(jnp.array([[0.0, -1000.0]]))
        Array([[    0., -1000.]], dtype=float32)
    """
    return jax.nn.log_softmax(logits, axis=0)


def argmax(logits: Shaped[ArrayLike, "*batch classes"], /) -> Int[Array, "*batch"]:
    """Returns the index of the largest entry on the last axis, the first of equal ones; not differentiable.

    Numbers are compared in their own type, since float32 does not hold all whole numbers above 2^24.

    Example:
        >>> argmax(jnp.array([[1.43, -0.4, 0.23], [0.0, 2.0, 2.0]]))
        Array([0, 1], dtype=int32)
    """
    if isinstance(logits, np.ndarray):
        return jnp.asarray(np.argmax(logits, axis=-1))
    return jnp.argmax(logits, axis=-1)
