"""How many lanes a device carries at its best, and for how many epochs at a time: functions of the shapes alone.

As many lanes as keep one epoch's arrays in the processor's cache; and calls that are long beside the host's part of
them, and short for who waits for the progress bar, for Ctrl-C or for a checkpoint.
"""

import math
from typing import Any

import jax

from jaxnn.training.fit import TrainingState, hold, one_epoch

# Measured on two x86 cores with 0.5 MiB of second-level cache each and 32 MiB of third: throughput peaks where all
# arrays that the lanes of a core make in an epoch are about this many bytes, for networks from iris to CNNs. iris
# (4-16-3, 120 rows) gets 64 lanes a core, a 64-32-10 network 32, a CNN of 4 and 8 filters with batches of 64 gets 4.
# Where fewer than four fit, one at a time is faster, without an axis of lanes: a CNN of 8 and 16 filters takes 0.86 to
# 0.98 of the time of four at a time, one of 16 and 32 takes 0.76, a 64-512-512-10 network 0.72. Then four lanes of a
# core take turns, so that the host has as few visits to make, as long as an epoch of all is not too long for a call.
_CACHE, _FEW, _MANY = 24 * 2**20, 4, 64
_ELSEWHERE = 4096
# All arrays that the lanes of a core make in a call are at most so many bytes: half a second to two on such a core. The
# host's visit takes half a millisecond: a call of 256 epochs of 64 iris networks takes 0.88 of the time of four of 64,
# and one of 500 takes 0.975 of the time of two.
# Curves come back in a buffer of so many numbers, or of that many epochs where the lanes are more.
_CALL, _NUMBERS, _EPOCHS = 32 * 2**30, 2**15, 256
# Trials of a device in a call at most, where its lanes take several: two lanes of iris networks take 0.73 of the time.
_TURNS = 16


def trace_epoch(recipe: Any, data: Any, state: TrainingState) -> Any:
    """The program of one epoch in one lane, of shapes alone."""
    held = jax.eval_shape(lambda data: hold(recipe, data), data)
    return jax.make_jaxpr(lambda held, state: one_epoch(recipe, held, state))(held, state).jaxpr


def lane_width(epoch: Any, platform: str) -> tuple[int, int]:
    """Lanes a device, and how many of them run at a time: of the shapes and the platform alone, never of a clock."""
    if platform != "cpu":
        return _ELSEWHERE, _ELSEWHERE
    fitting = _CACHE // max(1, bytes_made(epoch))
    if fitting < _FEW:
        return min(max(_CALL // bytes_made(epoch, every_step=True), 1), _FEW), 1
    tile = 2 ** int(math.log2(min(fitting, _MANY)))
    return tile, tile


def call_length(epoch: Any, width: int) -> int:
    """Epochs in one call at most, for so many lanes a device."""
    made = bytes_made(epoch, every_step=True) * width
    return min(max(_CALL // max(1, made), 1), max(_NUMBERS // width, _EPOCHS))


def turns(epoch: Any, width: int, epochs: int) -> int:
    """Trials that a lane may take one after the other in a call, where nobody decides anything between them.

    A call of few lanes would else be short beside the host's visit.
    """
    made = bytes_made(epoch, every_step=True) * width * min(epochs, call_length(epoch, width))
    return max(min(_TURNS // width, _CALL // max(1, made)), 1)


def lane_tiles(lanes: int | None, needed: int, devices: int, best: tuple[int, int]) -> tuple[int, int]:
    """Lanes a device, and how many of them run at a time.

    Args:
        lanes: over all devices, as the user wants it; None is for `best` to say.
        needed: by one trial, which must fit with all its repeats and folds.
        devices: how many.
        best: what `lane_width` says.

    Example:
        >>> iris, cnn = (64, 64), (4, 1)
        >>> lane_tiles(None, 5, 2, iris), lane_tiles(None, 300, 2, iris), lane_tiles(None, 5, 2, cnn)
        ((64, 64), (192, 64), (4, 1))
        >>> lane_tiles(512, 1, 2, iris), lane_tiles(6, 1, 2, iris), lane_tiles(6, 1, 2, cnn)
        ((256, 64), (3, 3), (3, 1))
    """
    width, tile = best
    least = -(-needed // devices)
    if lanes is None:
        return max(width, -(-least // tile) * tile), tile
    width = max(lanes // devices, least)
    divisor = next(size for size in range(min(tile, width), 0, -1) if width % size == 0)
    # A width that hardly divides is better run at once than in splinters.
    return width, divisor if divisor > tile // 2 else width


def bytes_made(jaxpr: Any, *, every_step: bool = False) -> int:
    """Bytes of all arrays that a program makes, the body of a loop counted once, or for every step of a scan.

    Of a choice the largest branch counts: layers choose by the platform.
    """
    total = 0
    for equation in jaxpr.eqns:
        inner = [part for value in equation.params.values() for part in _jaxprs(value)]
        steps = equation.params["length"] if every_step and equation.primitive.name == "scan" else 1
        made = [bytes_made(part, every_step=every_step) for part in inner]
        parts = max(made, default=0) if equation.primitive.name == "cond" else sum(made)
        total += steps * parts if inner else sum(_bytes(out.aval) for out in equation.outvars)
    return total


def _jaxprs(value: Any) -> list[Any]:
    values = value if isinstance(value, tuple | list) else [value]
    return [getattr(part, "jaxpr", part) for part in values if hasattr(part, "eqns") or hasattr(part, "jaxpr")]


def _bytes(aval: Any) -> int:
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
