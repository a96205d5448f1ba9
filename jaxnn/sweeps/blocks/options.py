"""The options of a sweep in blocks, checked."""

from concurrent.futures import Executor
from typing import Any, NamedTuple

from jaxnn._checks.arrays import check_whole
from jaxnn._checks.warn import warn_user
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.samplers.base import TrialSampler

# TPE on Hartmann6, 384 trials: a regret of 0.015 one by one, 0.019 in blocks of 8, 0.57 in blocks of 32 with four
# ahead, and 0.69 at random.
_LARGEST_SHARE = 0.1
# The trials of a block where there is an executor and the sampler waits for no results.
_BLOCK = 1024


class BlockOptions(NamedTuple):
    """How a sweep is divided; `block` is None in a sweep without blocks."""

    block: int | None = None
    ahead: int = 1


def check_blocks(block: Any, ahead: Any, executor: Any, *, keep_states: bool, on_mismatch: str) -> BlockOptions:
    """Returns the options of a sweep in blocks, checked."""
    check_executor("sweep", executor)
    ahead = check_whole("sweep", "ahead", ahead, least=1)
    if block is None and executor is None:
        if ahead != 1:
            raise ValueError("sweep: ahead= counts blocks; give block= or executor= too")
        return BlockOptions()
    if keep_states:
        raise ValueError("sweep: keep_states=True keeps states in one process, without block= and executor=")
    if on_mismatch != "raise":
        raise ValueError(
            'sweep: with block= or executor= a directory goes on under equal conditions, on_mismatch="raise"'
        )
    return BlockOptions(_BLOCK if block is None else check_whole("sweep", "block", block, least=1), ahead)


def divide(plan: Plan, options: BlockOptions, block: Any, sampler: TrialSampler) -> Plan:
    """Returns the plan with its block; `block`, as given, may leave it to the sampler, which waits for results."""
    if options.block is None or sampler.ask_limit is None:
        return plan
    size = options.block if block is not None else min(options.block, sampler.ask_limit)
    unknown = size * options.ahead
    if unknown > _LARGEST_SHARE * plan.trials:
        warn_user(
            f"sweep: the sampler learns little: {unknown} of {plan.trials} trials are always drawn before their "
            f"results are known, block={size} × ahead={options.ahead}; a tenth of them, or fewer, searches better"
        )
    return plan._replace(block=size)


def check_executor(caller: str, executor: Any) -> None:
    """Checks `executor`."""
    if executor is None or isinstance(executor, Executor) or callable(executor):
        return
    raise TypeError(
        f"{caller}: executor must be a concurrent.futures.Executor, a function that makes one, or None, not "
        f"{executor!r}"
    )
