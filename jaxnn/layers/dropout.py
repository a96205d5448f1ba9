"""Dropout of single entries, and of whole branches of a residual network."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_key, check_rate
from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.dtypes import as_float
from jaxnn.units import Size


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
    return _dropout(x, key=key, rate=as_float(rate), size=size)


@batch_last
def _dropout(x, *, key, rate, size):
    kept = jax.random.bernoulli(key, 1 - rate, (x.size,)).reshape(x.shape)
    # Draws are numbered unit by unit. Without blocks the real units are the first, and get those of a narrow network.
    if isinstance(size, Size) and size.blocks > 1:
        kept = kept[size.ranks()]
    return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))


def stochastic_depth(
    key: Array, x: Shaped[ArrayLike, "batch *features"], rate: ArrayLike
) -> Float[Array, "batch *features"]:
    """Sets each whole example to 0 with probability `rate` and divides the others by 1 - rate.

    Applied to a branch of a residual network, `x + stochastic_depth(key, branch(x), rate)`, it leaves layers out for
    some examples of a minibatch in training; call it where there is a key. Published rates grow linearly from 0 in the
    first block to the given rate in the last.

    Args:
        key: a `jax.random.key`, a new one for every call.
        x: shape (batch, ...), the outputs of the branch.
        rate: the probability of *dropping*, in [0, 1); may be traced.

    Returns:
        The shape of x.

    Raises:
        TypeError: `key` is not a single `jax.random.key`.
        ValueError: the rate lies outside [0, 1), or x has no batch axis.

    Example:
        >>> dropped = stochastic_depth(jax.random.key(0), jnp.ones((100, 2)), 0.75)
        >>> sorted(set(map(tuple, dropped.tolist())))
        [(0.0, 0.0), (4.0, 4.0)]

    References:
        Huang et al. (2016), Deep networks with stochastic depth.
    """
    check_key(key)
    check_rate("stochastic_depth", rate)
    if jnp.ndim(x) < 2:
        raise ValueError(f"stochastic_depth: x must have shape (batch, …), the batch axis included, not {jnp.shape(x)}")
    return _stochastic_depth(x, key=key, rate=as_float(rate))


@batch_last
def _stochastic_depth(x, *, key, rate):
    kept = jax.random.bernoulli(key, 1 - rate, x.shape[-1:])
    return jnp.where(kept.reshape((1,) * (x.ndim - 1) + (-1,)), x / (1 - rate), jnp.zeros((), x.dtype))
