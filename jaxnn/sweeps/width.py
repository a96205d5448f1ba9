"""How many lanes a device carries at its best, and for how many epochs at a time: functions of the shapes alone.

As many lanes as keep one epoch's arrays in the processor's cache; and calls that are long beside the host's part of
them, and short for who waits for the progress bar, for Ctrl-C or for a checkpoint.
"""

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
# All arrays that the lanes of a core make in a call are at most so many bytes: half a second to two on such a core. The
# host's visit takes half a millisecond: a call of 256 epochs of 64 iris networks takes 0.88 of the time of four of 64.
# Curves come back in a buffer of so many numbers, or of that many epochs where the lanes are more.
_CALL, _NUMBERS, _EPOCHS = 32 * 2**30, 2**14, 256


def trace_epoch(recipe: Any, data: Any, state: TrainingState) -> Any:
    """The program of one epoch in one lane, of shapes alone."""
    held = jax.eval_shape(lambda data: hold(recipe, data), data)
    return jax.make_jaxpr(lambda held, state: one_epoch(recipe, held, state))(held, state).jaxpr


def lane_width(epoch: Any, platform: str) -> int:
    """Lanes a device, a power of two: a function of the shapes and the platform alone, never of a clock."""
    if platform != "cpu":
        return _ELSEWHERE
    lanes = _CACHE / max(1, bytes_made(epoch))
    if lanes < 1 / 3:
        return 1
    return int(2 ** math.floor(math.log2(min(max(lanes, _FEW), _MANY))))


def call_length(epoch: Any, width: int) -> int:
    """Epochs in one call at most, for so many lanes a device."""
    made = bytes_made(epoch, every_step=True) * width
    return min(max(_CALL // max(1, made), 1), max(_NUMBERS // width, _EPOCHS))


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


def bytes_made(jaxpr: Any, *, every_step: bool = False) -> int:
    """Bytes of all arrays that a program makes, the body of a loop counted once, or for every step of a scan."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [part for value in equation.params.values() for part in _jaxprs(value)]
        steps = equation.params["length"] if every_step and equation.primitive.name == "scan" else 1
        made = sum(bytes_made(part, every_step=every_step) for part in inner)
        total += steps * made if inner else sum(_bytes(out.aval) for out in equation.outvars)
    return total


def _jaxprs(value: Any) -> list[Any]:
    values = value if isinstance(value, tuple | list) else [value]
    return [getattr(part, "jaxpr", part) for part in values if hasattr(part, "eqns") or hasattr(part, "jaxpr")]


def _bytes(aval: Any) -> int:
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
