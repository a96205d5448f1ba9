"""Tiles of a few examples, so that a function's intermediate results fit the cache of a CPU.

The windows of a convolution are many times larger than its input. If all of them together exceed the cache, writing and
reading them takes longer than the products. A CPU therefore computes them for a few examples, multiplies, and continues
with the next few. The backward pass recomputes them instead of keeping them. Other devices have enough bandwidth.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._kernels.platform import select_platform

# Bytes of intermediate results up to which all examples are computed together. Measured on two x86 cores that share
# 32 MiB of cache, forward and backward, float32. With 30 to 75 MB of windows, tiles of 3 to 9 MB take 30 to 50 % less
# time. With 14 MB of windows, tiles take longer.
CACHE_BYTES = 16 * 2**20
# Bytes of intermediate results of a tile, from the same measurements.
_TILE_BYTES = 4 * 2**20
# The least number of examples in a tile: eight float32 numbers fill a vector register.
_MIN_EXAMPLES = 8


def map_tiles(
    function: Callable[[Any, Array], Array],
    params: Any,
    x: Array,
    *,
    example_bytes: int,
    untiled_bytes: int = CACHE_BYTES,
) -> Array:
    """Returns `function(params, x)`, computed on CPUs tile by tile if its intermediate results are too large.

    Args:
        function: takes and returns batch-last arrays, and does not mix examples.
        params: the other argument of `function`.
        x: batch last.
        example_bytes: the size of the intermediate results for one example.
        untiled_bytes: the size of all intermediate results up to which there are no tiles.

    A symbolic number of examples has no tiles: `nn.export` evaluates a few examples at a time itself.
    """
    tile = max(_MIN_EXAMPLES, _TILE_BYTES // max(example_bytes, 1))
    if not is_known(x.shape[-1]):
        return function(params, x)
    if x.shape[-1] * example_bytes <= untiled_bytes or x.shape[-1] <= tile:
        return function(params, x)
    return select_platform(cpu=functools.partial(_map_over_tiles, function, tile), default=function)(params, x)


def is_known(size: Any) -> bool:
    """Returns whether a size is a number, and not a symbol of `jax.export`, which Python cannot compare with one."""
    return isinstance(size, int)


def _map_over_tiles(function: Callable[[Any, Array], Array], tile: int, params: Any, x: Array) -> Array:
    rest = x.shape[-1] % tile
    whole = x.shape[-1] - rest
    apply = jax.checkpoint(functools.partial(function, params), prevent_cse=False)
    tiles = jnp.moveaxis(x[..., :whole].reshape(*x.shape[:-1], -1, tile), -2, 0)
    mapped = jnp.moveaxis(jax.lax.map(apply, tiles), 0, -2)
    mapped = mapped.reshape(*mapped.shape[:-2], whole)
    return jnp.concatenate([mapped, apply(x[..., whole:])], axis=-1) if rest else mapped
