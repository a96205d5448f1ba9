"""How many lanes a device runs, and for how many epochs at a time: functions of shapes, device and trainings alone.

A CPU core gets the most lanes for which the arrays of one epoch fit the processor's cache. Another device gets as many
as keep it busy for longer than it takes to start its operations, and as fit its memory. Chunks are long compared with
the host's work between them, and short enough for the progress bar, Ctrl-C and checkpoints.

The lanes of a tile are computed together, and another number of them may give other bits. It therefore depends on the
shapes, the device and, in few steps, on the number of trainings of the whole sweep. The number of tiles changes no bit.
"""

import math
from typing import Any, NamedTuple

import jax

from jaxnn._kernels.memory import bytes_of, count_bytes
from jaxnn.sweeps.engine.device import Device
from jaxnn.training.epoch import TrainingState, to_loop_layout, train_epoch

# All measurements on CPUs: two x86 cores with 0.5 MiB of second-level cache each and 32 MiB of third-level cache.
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

# Measured on an H100 of 3.35e12 bytes/s: the rate of a sweep stops growing at 1,024 to 4,096 iris networks, 256 CNNs of
# 8 and 16 filters on 8×8 digits, and 16 to 32 CNNs of 32 and 64 filters on 28×28 images.
# The seconds in which the device's memory could hold all arrays of one step, which is some 3 GiB of the H100.
_STEP_SECONDS = 1e-3
# The most lanes of a device at a time, and the fewest of one as fast as the H100, whose units fewer would leave idle.
_MAX_ACCELERATOR_LANES = 4096
_FEW_ACCELERATOR_LANES = 16
_H100_BANDWIDTH = 3.35e12
# The share of the memory for which lanes are planned. XLA keeps about half of the arrays that are counted, but the host
# reads the lanes of one chunk while the next two are on the device.
_MEMORY_SHARE = 0.5
_STATE_COPIES = 4
# The seconds of a chunk, at the rate at which the memory could hold its arrays.
_CHUNK_SECONDS = 0.5
# The numbers in a curve buffer: the host reads all of it after each chunk.
_ACCELERATOR_CURVE_NUMBERS = 2**23

# A sweep whose trainings leave most lanes of a tile free gets a smaller one: 4, 16, 64, 256 or 1,024 lanes. On two
# cores, 8 iris networks take a third of the time in tiles of 4 lanes that they take in tiles of 64. Where
# several programs share the 16 trials that a study has open, each has few of them. 128 trials of TPE and ASHA on digits
# in 2 to 4 programs then take 2.2 to 2.8 s of processor time with 4 lanes, and 5.1 to 9.6 s with 16.
_TILE_STEP = 4


class Footprint(NamedTuple):
    """What one training needs, in bytes.

    Attributes:
        step: all arrays that a step creates, and those of an epoch around it.
        epoch: all arrays that the steps of an epoch create.
        state: parameters and optimizer state.
    """

    step: int
    epoch: int
    state: int


class LaneCount(NamedTuple):
    """The lanes of a device, and the tile of them that run at a time; `tile` divides `width`."""

    width: int
    tile: int


class Demand(NamedTuple):
    """What a sweep wants of its devices.

    Attributes:
        lanes: the number over all devices; None is "auto".
        needed: the lanes of one trial, repeats × folds, which must fit.
        trainings: those of the whole sweep, trials × repeats × folds.
        devices: their number.
        programs: those that share the trainings, of which one runs at a time.
    """

    lanes: int | None
    needed: int
    trainings: int
    devices: int
    programs: int = 1


def measure_footprint(recipe: Any, data: Any, state: TrainingState) -> Footprint:
    """Returns what one training needs, traced on shapes."""
    loop_data = jax.eval_shape(lambda data: to_loop_layout(recipe, data), data)
    epoch = jax.make_jaxpr(lambda data, state: train_epoch(recipe, data, state))(loop_data, state).jaxpr
    learned = jax.tree.leaves((state.params, state.optimizer_state))
    return Footprint(
        max(count_bytes(epoch), 1), max(count_bytes(epoch, every_step=True), 1), sum(map(bytes_of, learned))
    )


def choose_lanes(footprint: Footprint, device: Device) -> LaneCount:
    """Returns the lanes of a device for a sweep with any number of trainings."""
    if device.platform != "cpu":
        tile = _round_down(min(_count_busy_lanes(footprint, device), _count_stored_lanes(footprint, device)))
        return LaneCount(tile, tile)
    fitting = _CACHE_BYTES // footprint.step
    if fitting < _FEW_LANES:
        return LaneCount(min(max(_CHUNK_BYTES // footprint.epoch, 1), _FEW_LANES), 1)
    tile = _round_down(min(fitting, _MAX_LANES))
    return LaneCount(tile, tile)


def _count_busy_lanes(footprint: Footprint, device: Device) -> int:
    """Returns the number of lanes that keep a device other than a CPU busy."""
    fewest = max(round(_FEW_ACCELERATOR_LANES * device.bandwidth / _H100_BANDWIDTH), _FEW_LANES)
    busy = int(_STEP_SECONDS * device.bandwidth / footprint.step)
    return min(max(busy, fewest), _MAX_ACCELERATOR_LANES)


def _count_stored_lanes(footprint: Footprint, device: Device) -> int:
    """Returns the number of lanes that the memory of a device holds."""
    curves = 3 * 4 * 2 * _CURVE_EPOCHS
    return max(int(_MEMORY_SHARE * device.memory / (footprint.step + _STATE_COPIES * footprint.state + curves)), 1)


def max_chunk_epochs(footprint: Footprint, width: int, device: Device, epochs: int) -> int:
    """Returns the most epochs of a chunk, for `width` lanes on a device and trials of `epochs` epochs."""
    created = footprint.epoch * width
    fitting = max(int(_chunk_bytes(device) // created), 1)
    if device.platform == "cpu":
        # Whatever the epochs of a trial, so that sweeps of different lengths run the same program.
        return min(fitting, max(_CURVE_NUMBERS // width, _CURVE_EPOCHS))
    longest = max(_ACCELERATOR_CURVE_NUMBERS // width, _CURVE_EPOCHS)
    return min(fitting, longest, 2 ** math.ceil(math.log2(epochs)))


def trials_per_lane(footprint: Footprint, width: int, device: Device, epochs: int) -> int:
    """Returns how many trials a lane may run one after another in a chunk, where no scheduler decides in between.

    With few lanes, chunks of one trial each would be short compared with the host's work.
    """
    created = footprint.epoch * width * min(epochs, max_chunk_epochs(footprint, width, device, epochs))
    return max(min(_MAX_TURNS // width, int(_chunk_bytes(device) // created)), 1)


def _chunk_bytes(device: Device) -> float:
    return float(_CHUNK_BYTES) if device.platform == "cpu" else _CHUNK_SECONDS * device.bandwidth


def fit_lanes(demand: Demand, best: LaneCount) -> LaneCount:
    """Returns the lanes of a device for a demand; `best` is the result of `choose_lanes`.

    Example:
        >>> iris, cnn = LaneCount(64, 64), LaneCount(4, 1)
        >>> [tuple(fit_lanes(Demand(None, 5, 1000, 2), best)) for best in (iris, cnn)]
        [(64, 64), (4, 1)]
        >>> [tuple(fit_lanes(Demand(None, 1, 5, 2), best)) for best in (iris, cnn)]
        [(4, 4), (3, 1)]
        >>> [tuple(fit_lanes(Demand(lanes, 1, 1000, 2), iris)) for lanes in (512, 6)]
        [(256, 64), (3, 3)]
        >>> [tuple(fit_lanes(Demand(None, 1, 16, 1, programs), iris)) for programs in (1, 3)]
        [(16, 16), (4, 4)]
    """
    width, tile = best
    least = -(-demand.needed // demand.devices)
    if demand.lanes is None:
        wanted = -(-demand.trainings // demand.devices)
        if demand.programs > 1:
            wanted = _full_tile(wanted // demand.programs)
        tile = min(tile, _next_tile(wanted))
        return LaneCount(max(min(width, _round_up(wanted, tile)), _round_up(least, tile)), tile)
    width = max(demand.lanes // demand.devices, least)
    divisor = next(size for size in range(min(tile, width), 0, -1) if width % size == 0)
    # Lanes without a large divisor run all at once instead of in many small tiles.
    return LaneCount(width, divisor if divisor > tile // 2 else width)


def add_turns(count: LaneCount, footprint: Footprint, device: Device, demand: Demand, epochs: int) -> LaneCount:
    """Returns the lanes of all trials that run one after another in a chunk, at most one for each training."""
    turns = trials_per_lane(footprint, count.width, device, epochs)
    wanted = -(-demand.trainings // (demand.devices * count.width))
    return count._replace(width=count.width * min(turns, wanted))


def reduce_lanes(count: LaneCount, least: int) -> LaneCount | None:
    """Returns half the lanes, at least `least`: half the tiles, or else half a tile; None if there are no fewer.

    Example:
        >>> [tuple(reduce_lanes(LaneCount(*count), 1)) for count in ((64, 16), (16, 16))]
        [(32, 16), (8, 8)]
        >>> tuple(reduce_lanes(LaneCount(16, 16), 10)), reduce_lanes(LaneCount(3, 1), 3)
        ((16, 8), None)
    """
    tiles, least_tiles = count.width // count.tile, -(-least // count.tile)
    if tiles > least_tiles:
        return count._replace(width=max(tiles // 2, least_tiles) * count.tile)
    tile = count.tile // 2
    return LaneCount(_round_up(least, tile), tile) if tile else None


def _next_tile(trainings: int) -> int:
    """Returns the first of 4, 16, 64, … lanes that hold the trainings.

    Example:
        >>> [_next_tile(trainings) for trainings in (1, 4, 5, 64, 65)]
        [4, 4, 16, 64, 256]
    """
    tile = _TILE_STEP
    while tile < trainings:
        tile *= _TILE_STEP
    return tile


def _full_tile(trainings: int) -> int:
    """Returns the last of 4, 16, 64, … lanes that the trainings fill, or 4.

    Example:
        >>> [_full_tile(trainings) for trainings in (1, 15, 16, 63, 64)]
        [4, 4, 16, 16, 64]
    """
    return _next_tile(trainings // _TILE_STEP + 1)


def _round_up(lanes: int, tile: int) -> int:
    return -(-lanes // tile) * tile


def _round_down(lanes: int) -> int:
    """Returns the largest power of two that is at most `lanes`."""
    return 2 ** (lanes.bit_length() - 1)
