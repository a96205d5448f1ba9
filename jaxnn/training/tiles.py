"""Evaluation in tiles: a few examples at a time, so that the memory does not grow with the number of examples.

The number of examples in a tile is a function of the shapes of the model alone, and `predict_in_tiles` fills the last
tile up. The outputs of an example then do not depend on how many others there are, to the last bit. A model must not
mix examples in evaluation. One whose outputs do not all have the examples on the first axis is evaluated at once.
"""

import functools
import itertools
import math
import weakref
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import is_traced, is_tracing
from jaxnn._checks.functions import never_changes
from jaxnn._kernels.dtypes import as_arrays, as_native
from jaxnn._kernels.memory import count_bytes
from jaxnn._kernels.program_cache import compile_function

# Bytes of all arrays that a tile creates. CNNs then evaluate twice as many images a second as with all at once.
_TILE_BYTES = {"cpu": 2**26, "accelerator": 2**30}
# The products of parameters and examples in a tile, which take about a millisecond: a single example takes as long.
_TILE_PRODUCTS = {"cpu": 2**25, "accelerator": 2**33}
# The least number of examples in a tile: two vector registers of float32 numbers.
_MIN_TILE = 16
# The most examples in a tile.
_MAX_TILE = {"cpu": 2**10, "accelerator": 2**14}
# The tile of a model that is evaluated at once.
_ALL_AT_ONCE = 0

Apply = Callable[..., Any]

# The tiles by model, and then by the shapes of parameters and examples.
_TILES: weakref.WeakKeyDictionary[Apply, dict[Any, int]] = weakref.WeakKeyDictionary()


def apply_in_tiles(apply: Apply, params: Any, x: Any) -> Any:
    """Returns `apply(params, x, key=None)` inside a trace; in a loop if x has more examples than a tile."""
    count = _count(x)
    tile = _ALL_AT_ONCE if count <= _MIN_TILE else _choose_tile(apply, *_describe(params, x))[0]
    if count <= tile or tile == _ALL_AT_ONCE:
        return apply(params, x, key=None)
    rows = jnp.arange(math.ceil(count / tile) * tile).reshape(-1, tile) % count
    outputs = jax.lax.map(lambda rows: apply(params, jax.tree.map(lambda leaf: leaf[rows], x), key=None), rows)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:count], outputs)


def predict_in_tiles(apply: Apply, params: Any, x: Any, *, key: Array | None = None) -> Any:
    """Returns `apply(params, x, key=key)`, computed by one compiled program of one tile; inside a trace at once.

    With a key, a single tile is not filled up, and several tiles get keys of their own.
    """
    tile = None if is_traced((params, x, key)) else _look_up_tile(apply, *_describe(params, x), key)
    # Inside `jax.jit` all outputs are tracers, also of constants.
    if tile is None or is_tracing():
        return apply(params, as_arrays(x), key=key)
    count = _count(x)
    if tile == _ALL_AT_ONCE or (key is not None and count <= tile):
        x = as_arrays(x)
        return _compile(apply, params, x, key)(params, x, key)
    # On the processor, NumPy's slices need no compilation and no copy.
    x = as_native(x) if jax.default_backend() != "cpu" else jax.tree.map(np.asarray, as_native(x))
    size, starts = tile, range(0, count, tile)
    keys = [None] * len(starts) if key is None else jax.random.split(key, len(starts))
    tiles = (jax.tree.map(lambda leaf, start=start: _take_tile(leaf, start, size), x) for start in starts)
    first = next(tiles)
    compiled = _compile(apply, params, first, keys[0])
    outputs = [compiled(params, x, key) for x, key in zip(itertools.chain([first], tiles), keys, strict=True)]
    return outputs[0] if count == tile else jax.tree.map(lambda *leaves: _join(leaves, count), *outputs)


def choose_tile(apply: Apply, params: Any, x: Any, *, kind: str) -> int:
    """Returns the number of examples in a tile on a "cpu" or an "accelerator"; 0 if they must be evaluated at once."""
    return _choose_tile(apply, *_describe(params, x), kind=kind)[0]


def _compile(apply: Apply, params: Any, x: Any, key: Array | None) -> Callable[[Any, Any, Any], Any]:
    """Returns the compiled model, as a function of (params, x, key)."""
    if never_changes(apply):
        return _jit(apply)
    return compile_function(lambda params, x, key: apply(params, x, key=key), params, x, key)


def _take_tile(leaf: Any, start: int, tile: int) -> Any:
    """Returns the rows of a tile; the last one is filled up with its own rows."""
    end = min(start + tile, len(leaf))
    if isinstance(leaf, np.ndarray) and end == start + tile:
        return leaf[start:end]
    rows = start + np.arange(tile) % (end - start)
    return leaf[rows] if isinstance(leaf, np.ndarray) else _take_rows(leaf, rows)


@jax.jit
def _take_rows(leaf: Array, rows: Array) -> Array:
    return leaf[rows]


def _join(leaves: tuple[Array, ...], count: int) -> Array:
    if jax.default_backend() != "cpu":
        return jnp.concatenate(leaves)[:count]
    # `jnp.asarray` would compile a program for each number of examples.
    return jax.device_put(np.concatenate([np.asarray(leaf) for leaf in leaves])[:count])


def _describe(params: Any, x: Any) -> tuple[Any, tuple[Any, ...]]:
    """Returns structure, shapes and dtypes of the parameters and of an example."""
    example = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), as_native(x))
    leaves, structure = jax.tree.flatten((params, example))
    return structure, tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)


def _look_up_tile(apply: Apply, structure: Any, leaves: tuple[Any, ...], key: Array | None) -> int | None:
    """Returns the number of examples in a tile; None if the model closes over tracers.

    It is kept for models that never change: tracing takes longer than evaluating a few examples.
    """
    if not never_changes(apply):
        tile, closes_over_tracers = _choose_tile(apply, structure, leaves, key)
        return None if closes_over_tracers else tile
    described, tiles = (structure, leaves, key is None), _TILES.setdefault(apply, {})
    if described not in tiles:
        tile, closes_over_tracers = _choose_tile(apply, structure, leaves, key)
        if closes_over_tracers:
            del _TILES[apply]
            return None
        tiles[described] = tile
    return tiles[described]


def _choose_tile(
    apply: Apply, structure: Any, leaves: tuple[Any, ...], key: Array | None = None, kind: str | None = None
) -> tuple[int, bool]:
    """Returns the number of examples in a tile, a power of two, and whether the model closes over tracers."""
    params, example = jax.tree.unflatten(structure, [jax.ShapeDtypeStruct(*leaf) for leaf in leaves])

    def trace(rows: int) -> Any:
        x = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((rows, *leaf.shape), leaf.dtype), example)
        tile_key = None if key is None else jax.random.clone(key)
        return jax.make_jaxpr(lambda params, x: apply(params, x, key=tile_key))(params, x)

    one, two = trace(1), trace(2)
    kind = kind or ("cpu" if jax.default_backend() == "cpu" else "accelerator")
    # The difference leaves out copies of the parameters.
    by_bytes = _TILE_BYTES[kind] // max(count_bytes(two.jaxpr) - count_bytes(one.jaxpr), 1)
    by_products = _TILE_PRODUCTS[kind] // max(sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)), 1)
    fitting = max(min(by_bytes, by_products), 1)
    tile = min(max(2 ** (fitting.bit_length() - 1), _MIN_TILE), _MAX_TILE[kind])
    return tile if _have_rows(one.out_avals, two.out_avals) else _ALL_AT_ONCE, is_traced(two.consts)


def _have_rows(one: list[Any], two: list[Any]) -> bool:
    """Returns whether all outputs have the examples on the first axis, from their shapes for one and two examples."""
    return all(a.shape[:1] == (1,) and b.shape == (2, *a.shape[1:]) for a, b in zip(one, two, strict=True))


@functools.lru_cache(maxsize=32)
def _jit(apply: Apply) -> Callable[[Any, Any, Any], Any]:
    return jax.jit(lambda params, x, key: apply(params, x, key=key))


def _count(x: Any) -> int:
    return len(jax.tree.leaves(x)[0])
