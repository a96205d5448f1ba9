"""How many lanes a device carries at its best: as many as keep one epoch's arrays in the processor's cache."""

import math
from typing import Any

import jax

from jaxnn.training import TrainingState, hold, one_epoch

# Measured on two x86 cores with 0.5 MiB of second-level cache each and 32 MiB of third: throughput peaks where all
# arrays that the lanes of a core make in an epoch are about this many bytes, for five networks from iris to CNNs. Four
# lanes pay even beyond, as long as one of them is not many times the cache. iris (4-16-3, 120 rows) gets 64 lanes a
# core, a 64-32-10 network 32, a CNN of 4 and 8 filters 8, one of 8 and 16 filters with batches of 64 gets 4.
_CACHE, _FEW, _MANY = 24 * 2**20, 4, 64
_ELSEWHERE = 4096


def lane_width(recipe: Any, data: Any, state: TrainingState, platform: str) -> int:
    """Lanes a device, a power of two: a function of the shapes and the platform alone, never of a clock."""
    if platform != "cpu":
        return _ELSEWHERE
    held = jax.eval_shape(lambda data: hold(recipe, data), data)
    epoch = jax.make_jaxpr(lambda held, state: one_epoch(recipe, held, state))(held, state)
    lanes = _CACHE / max(1, working_set(epoch.jaxpr))
    if lanes < 1 / 3:
        return 1
    return int(2 ** math.floor(math.log2(min(max(lanes, _FEW), _MANY))))


def lane_tiles(lanes: int | None, needed: int, devices: int, tile: int) -> tuple[int, int]:
    """Lanes a device, and how many of them run at a time.

    Args:
        lanes: over all devices, as the user wants it; None is one tile a device.
        needed: by one trial, which must fit with all its repeats and folds.
        devices: how many.
        tile: lanes that a device carries at its best.

    Example:
        >>> lane_tiles(None, 5, 2, 64), lane_tiles(512, 1, 2, 64), lane_tiles(6, 1, 2, 64), lane_tiles(None, 300, 2, 64)
        ((64, 64), (256, 64), (3, 3), (192, 64))
    """
    least = -(-needed // devices)
    if lanes is None:
        width = max(1, -(-least // tile)) * tile
        return width, tile
    width = max(lanes // devices, least)
    divisor = next(size for size in range(min(tile, width), 0, -1) if width % size == 0)
    # A width that hardly divides is better run at once than in splinters.
    return width, divisor if divisor > tile // 2 else width


def working_set(jaxpr: Any) -> int:
    """Bytes of all arrays that a program makes, each loop's body counted once."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [part for value in equation.params.values() for part in _jaxprs(value)]
        total += sum(map(working_set, inner)) if inner else sum(_bytes(out.aval) for out in equation.outvars)
    return total


def _jaxprs(value: Any) -> list[Any]:
    values = value if isinstance(value, tuple | list) else [value]
    return [getattr(part, "jaxpr", part) for part in values if hasattr(part, "eqns") or hasattr(part, "jaxpr")]


def _bytes(aval: Any) -> int:
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
