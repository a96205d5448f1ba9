"""A few examples at a time: what a function makes on its way should fit the cache of a CPU.

The windows of a convolution are many times larger than its input. Where all of them together leave the cache, writing
and reading them takes longer than the products. So a CPU makes them for a few examples, multiplies, and goes on to the
next few; in the backward pass it makes them again rather than keep them. Other devices have the bandwidth.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._kernels.platform import chosen

# Measured on two x86 cores that share 32 MiB of cache, forward and backward, float32: convolutions with 30 to 75 MB of
# windows take 0.5 to 0.7 of the time in tiles of 3 to 9 MB; with 14 MB they take longer. Eight examples are a vector.
CACHE = 16 * 2**20
_TILE, _LEAST = 4 * 2**20, 8


def by_tiles(function: Callable[[Any, Array], Array], params: Any, x: Array, *, size: int, whole: int = CACHE) -> Array:
    """`function(params, x)`, on CPUs tile by tile if all of it is too large.

    Args:
        function: batch last, with examples that do not mix.
        params: what it takes beside x.
        x: batch last.
        size: bytes that it makes of one example.
        whole: bytes up to which all examples go together.
    """
    tile = max(_LEAST, _TILE // max(size, 1))
    if x.shape[-1] * size <= whole or x.shape[-1] <= tile:
        return function(params, x)
    return chosen(cpu=functools.partial(_mapped, function, tile), default=function)(params, x)


def _mapped(function: Callable[[Any, Array], Array], tile: int, params: Any, x: Array) -> Array:
    rest = x.shape[-1] % tile
    whole = x.shape[-1] - rest
    one = jax.checkpoint(functools.partial(function, params), prevent_cse=False)
    tiles = jnp.moveaxis(x[..., :whole].reshape(*x.shape[:-1], -1, tile), -2, 0)
    mapped = jnp.moveaxis(jax.lax.map(one, tiles), 0, -2)
    mapped = mapped.reshape(*mapped.shape[:-2], whole)
    return jnp.concatenate([mapped, one(x[..., whole:])], axis=-1) if rest else mapped
