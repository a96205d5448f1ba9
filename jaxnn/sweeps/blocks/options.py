"""The options of a sweep in blocks, checked."""

from concurrent.futures import Executor
from pathlib import Path
from typing import Any, NamedTuple

from jaxnn._checks.arrays import check_whole
from jaxnn._checks.warn import warn_user
from jaxnn.io.runs.configuration import read_configuration
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.samplers.base import TrialSampler

# TPE on Hartmann6, 384 trials: a regret of 0.015 one by one, 0.019 in blocks of 8, 0.57 in blocks of 32 with four
# ahead, and 0.69 at random.
_LARGEST_SHARE = 0.1
# The trials of a block where there is an executor and the sampler waits for no results.
_BLOCK = 1024
# What to do instead of training trials of blocks on.
LONGER = (
    "trials of a sweep in blocks cannot train on; call sweep with more epochs=, another directory, and the best "
    "settings as first=[result.best.hypers]"
)


class BlockOptions(NamedTuple):
    """How a sweep is divided.

    Attributes:
        block: the trials of a block; None in a sweep without blocks.
        ahead: as given to `sweep`.
        is_fixed: whether the user or the directory sets `block`; otherwise the sampler may.
    """

    block: int | None = None
    ahead: int = 1
    is_fixed: bool = False


def check_blocks(block: Any, ahead: Any, executor: Any, directory: Any, *, keep_states: bool) -> BlockOptions:
    """Returns the options of a sweep in blocks, checked."""
    check_executor("sweep", executor)
    block = _find_block(directory) if block is None else block
    ahead = check_whole("sweep", "ahead", ahead, least=1)
    if block is None and executor is None:
        if ahead != 1:
            raise ValueError("sweep: ahead= counts blocks; give block= or executor= too")
        return BlockOptions()
    if keep_states:
        raise ValueError(f"sweep: keep_states=True keeps states for more epochs, but {LONGER}")
    if block is None:
        return BlockOptions(_BLOCK, ahead)
    return BlockOptions(check_whole("sweep", "block", block, least=1), ahead, is_fixed=True)


def divide(plan: Plan, options: BlockOptions, sampler: TrialSampler) -> Plan:
    """Returns the plan with its block, which may be that of a sampler that waits for results."""
    if options.block is None or sampler.ask_limit is None:
        return plan
    size = options.block if options.is_fixed else min(options.block, sampler.ask_limit)
    unknown = size * options.ahead
    if unknown > _LARGEST_SHARE * plan.trials:
        warn_user(
            f"sweep: the sampler learns little: {unknown} of {plan.trials} trials are always drawn before their "
            f"results are known, block={size} × ahead={options.ahead}; a tenth of them, or fewer, searches better"
        )
    return plan._replace(block=size)


def _find_block(directory: Any) -> int | None:
    """Returns the trials of a block of the sweep that a directory holds; None without blocks.

    A call without `block=` goes on with these, so that one directory may have an executor and then none.
    """
    if directory is None or not any(Path(directory).glob("block-*.npz")):
        return None
    return (read_configuration("sweep", Path(directory)) or {}).get("block")


def check_executor(caller: str, executor: Any) -> None:
    """Checks `executor`."""
    if executor is None or isinstance(executor, Executor) or callable(executor):
        return
    raise TypeError(
        f"{caller}: executor must be a concurrent.futures.Executor, a function that makes one, or None, not "
        f"{executor!r}"
    )
