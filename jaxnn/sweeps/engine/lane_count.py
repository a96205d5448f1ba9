"""How many lanes a device runs, and for how many epochs at a time: functions of shapes and platform alone.

A CPU core gets the most lanes for which the arrays of one epoch fit the processor's cache. Chunks are long compared
with the host's work between them, and short enough for the progress bar, Ctrl-C and checkpoints.
"""

import math
from typing import Any

import jax

from jaxnn._kernels.memory import count_bytes
from jaxnn.training.epoch import TrainingState, to_loop_layout, train_epoch

# All measurements: two x86 cores with 0.5 MiB of second-level cache each and 32 MiB of third-level cache.
# Bytes of all arrays that a core's lanes create in one epoch. Throughput is highest at this size, from iris networks to
# CNNs.
_CACHE_BYTES = 24 * 2**20
# The most lanes of a core: iris (4-16-3, 120 rows) gets 64, a 64-32-10 network 32, a CNN of 4 and 8 filters 4.
_MAX_LANES = 64
# If fewer lanes than this fit, they run one at a time, without a lane axis. Compared with four at a time, a CNN of 8
# and 16 filters takes 2 to 14 % less time, and one of 16 and 32 filters 24 % less. A 64-512-512-10 network takes 28 %
# less. A core then has this number of lanes, one after another, so that chunks are not too short. It has fewer if one
# epoch of all of them exceeds a chunk.
_FEW_LANES = 4
# The number of lanes of a device that is not a CPU.
_ACCELERATOR_LANES = 4096
# The most bytes of all arrays that a core's lanes create in a chunk, which then takes 0.5 to 2 seconds. The host's work
# between chunks takes half a millisecond. For 64 iris networks, one chunk of 256 epochs takes 12 % less time than four
# of 64 epochs. One chunk of 500 epochs takes 2.5 % less time than two.
_CHUNK_BYTES = 32 * 2**30
# The numbers in a curve buffer of all lanes, which limits the epochs of a chunk.
_CURVE_NUMBERS = 2**15
# The epochs that a curve buffer holds at least, for any number of lanes.
_CURVE_EPOCHS = 256
# The most trials of a device in a chunk whose lanes run several: 27 % less time for two lanes of iris networks.
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
        lanes: the number over all devices; None is "auto".
        needed: the lanes of one trial, repeats × folds, which must fit.
        devices: the number of devices.
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
    # Lanes without a large divisor run all at once instead of in many small tiles.
    return width, divisor if divisor > tile // 2 else width
