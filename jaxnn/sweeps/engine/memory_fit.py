"""Programs that fit the memory: with "auto" lanes, one that needs more than the device has gets half the lanes.

What a compiled program needs is known before it runs, and depends on nothing else on the device. A program that fits
may still fail where other arrays or processes hold the memory. It is tried without epochs before the first trial
starts, since trials cannot change their lanes later: other lanes may give other bits.
"""

import math
from collections.abc import Callable
from concurrent.futures import Executor

import jax

from jaxnn._checks.warn import warn_user
from jaxnn.sweeps.engine.lane_count import LaneCount, reduce_lanes
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.space.space import Setting

_OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"


def fit_memory(
    count: LaneCount, memory_of_lanes: Callable[[LaneCount], int | float], total: int, least: int = 1
) -> LaneCount:
    """Halves lanes until their memory is at most the total, or until there are no fewer.

    Args:
        count: the lanes that are wanted.
        memory_of_lanes: returns the bytes that lanes need; infinity where they were tried and failed.
        total: the bytes of a device.
        least: the fewest lanes of a device.

    Example:
        >>> fit_memory(LaneCount(64, 16), lambda count: 10 * count.width, total=100)
        LaneCount(width=8, tile=8)
    """
    while memory_of_lanes(count) > total:
        smaller = reduce_lanes(count, least)
        if smaller is None:
            break
        count = smaller
    return count


def fit_program(plan: Plan, setting: Setting, program: Program, executor: Executor) -> Program:
    """Returns the program, or one with fewer lanes that the memory of the device holds.

    A program with a number of lanes that the user or an earlier run chose is returned unchanged. Where even the fewest
    lanes fail, the sweep shows the error.
    """
    made_before = setting.choices in plan.lane_counts
    plan.lane_counts.setdefault(setting.choices, program.lane_count)
    if made_before or plan.lanes is not None:
        return program
    made = {program.lane_count: program}
    devices = len(jax.local_devices()) if plan.block is None else 1
    least = -(-plan.layout.lanes // devices)

    def memory_of(count: LaneCount) -> int | float:
        if count not in made:
            made[count] = plan.make_program(setting, executor, count)
        return _measure_memory(made[count], plan)

    count = fit_memory(program.lane_count, memory_of, plan.device.memory, least)
    plan.lane_counts[setting.choices] = count
    return made[count]


def _measure_memory(program: Program, plan: Plan) -> int | float:
    """Returns the bytes that a program needs, or infinity if it does not compile or run for lack of memory."""
    try:
        needed = program.count_memory()
        if needed <= plan.device.memory and plan.device.platform != "cpu":
            program.rehearse()
    except jax.errors.JaxRuntimeError as error:
        if _OUT_OF_MEMORY not in str(error):
            raise
        warn_user(
            f"sweep: {program.size} lanes find too little free memory, so the sweep goes on with fewer; "
            "lanes= sets a number that fits"
        )
        return math.inf
    return needed
