"""How many lanes a device runs, and for how many epochs at a time: functions of shapes and platform alone.

As many lanes as keep one epoch's arrays in the processor's cache. Chunks are long compared with the host's work between
them, and short enough for the progress bar, Ctrl-C and checkpoints.
"""

import math
from typing import Any

import jax

from jaxnn.training.epoch import TrainingState, to_loop_layout, train_epoch

# All measurements: two x86 cores with 0.5 MiB of second-level cache each and 32 MiB of third-level cache.
# Bytes of all arrays that a core's lanes create in an epoch where throughput peaks, for networks from iris to CNNs.
_CACHE_BYTES = 24 * 2**20
# The most lanes of a core: iris (4-16-3, 120 rows) gets 64, a 64-32-10 network 32, a CNN of 4 and 8 filters 4.
_MAX_LANES = 64
# Where fewer lanes than this fit, they run one at a time without a lane axis: 2 to 14 % less time for a CNN of 8 and 16
# filters than four at a time, 24 % for one of 16 and 32, 28 % for a 64-512-512-10 network. A core then has this many
# lanes that take turns, so that chunks are not too short, unless one epoch of all of them fills a chunk.
_FEW_LANES = 4
# Lanes of a device that is not a CPU.
_ACCELERATOR_LANES = 4096
# The most bytes of all arrays that a core's lanes create in a chunk: 0.5 to 2 seconds. The host's work between chunks
# takes half a millisecond. 64 iris networks take 12 % less time in one chunk of 256 epochs than in four of 64, and
# 2.5 % less in one of 500 than in two.
_CHUNK_BYTES = 32 * 2**30
# Numbers of a curve buffer, which bounds the epochs of a chunk.
_CURVE_NUMBERS = 2**15
# The epochs that a curve buffer holds at least, however many lanes there are.
_CURVE_EPOCHS = 256
# The most trials of a device in a chunk where lanes take several: 27 % less time for two lanes of iris networks.
_MAX_TURNS = 16


def trace_epoch(recipe: Any, data: Any, state: TrainingState) -> Any:
    """Returns the jaxpr of one epoch in one lane, traced on shapes."""
    loop_data = jax.eval_shape(lambda data: to_loop_layout(recipe, data), data)
    return jax.make_jaxpr(lambda data, state: train_epoch(recipe, data, state))(loop_data, state).jaxpr


def choose_lanes(epoch: Any, platform: str) -> tuple[int, int]:
    """Returns the lanes of a device, and how many of them run at a time."""
    if platform != "cpu":
        return _ACCELERATOR_LANES, _ACCELERATOR_LANES
    fitting = _CACHE_BYTES // max(1, count_bytes(epoch))
    if fitting < _FEW_LANES:
        return min(max(_CHUNK_BYTES // count_bytes(epoch, every_step=True), 1), _FEW_LANES), 1
    tile = 2 ** int(math.log2(min(fitting, _MAX_LANES)))
    return tile, tile


def max_chunk_epochs(epoch: Any, width: int) -> int:
    """Returns the most epochs of a chunk, for `width` lanes on a device."""
    created = count_bytes(epoch, every_step=True) * width
    return min(max(_CHUNK_BYTES // max(1, created), 1), max(_CURVE_NUMBERS // width, _CURVE_EPOCHS))


def trials_per_lane(epoch: Any, width: int, epochs: int) -> int:
    """Returns how many trials a lane may run one after another in a chunk, where no scheduler decides in between.

    With few lanes, chunks of one trial each would be short compared with the host's work.
    """
    created = count_bytes(epoch, every_step=True) * width * min(epochs, max_chunk_epochs(epoch, width))
    return max(min(_MAX_TURNS // width, _CHUNK_BYTES // max(1, created)), 1)


def fit_lanes(lanes: int | None, needed: int, devices: int, best: tuple[int, int]) -> tuple[int, int]:
    """Returns the lanes of a device and how many of them run at a time, for the lanes that the user wants.

    Args:
        lanes: over all devices; None is "auto".
        needed: the lanes of one trial, repeats × folds, which must fit.
        devices: how many.
        best: the result of `choose_lanes`.

    Example:
        >>> iris, cnn = (64, 64), (4, 1)
        >>> fit_lanes(None, 5, 2, iris), fit_lanes(None, 300, 2, iris), fit_lanes(None, 5, 2, cnn)
        ((64, 64), (192, 64), (4, 1))
        >>> fit_lanes(512, 1, 2, iris), fit_lanes(6, 1, 2, iris), fit_lanes(6, 1, 2, cnn)
        ((256, 64), (3, 3), (3, 1))
    """
    width, tile = best
    least = -(-needed // devices)
    if lanes is None:
        return max(width, -(-least // tile) * tile), tile
    width = max(lanes // devices, least)
    divisor = next(size for size in range(min(tile, width), 0, -1) if width % size == 0)
    # A width without a large divisor runs at once rather than in many small tiles.
    return width, divisor if divisor > tile // 2 else width


def count_bytes(jaxpr: Any, *, every_step: bool = False) -> int:
    """Counts the bytes of all arrays that a program creates.

    The body of a loop counts once, or for every step of a scan. Of a `cond` the largest branch counts, since layers
    branch by platform.
    """
    total = 0
    for equation in jaxpr.eqns:
        inner = [part for value in equation.params.values() for part in _get_jaxprs(value)]
        steps = equation.params["length"] if every_step and equation.primitive.name == "scan" else 1
        created = [count_bytes(part, every_step=every_step) for part in inner]
        parts = max(created, default=0) if equation.primitive.name == "cond" else sum(created)
        total += steps * parts if inner else sum(_bytes_of(out.aval) for out in equation.outvars)
    return total


def _get_jaxprs(value: Any) -> list[Any]:
    values = value if isinstance(value, tuple | list) else [value]
    return [getattr(part, "jaxpr", part) for part in values if hasattr(part, "eqns") or hasattr(part, "jaxpr")]


def _bytes_of(aval: Any) -> int:
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
