"""`extend` of a sweep in blocks without a directory: more trials, after those that its result holds."""

from collections.abc import Callable, Iterator
from typing import Any

from jaxnn._checks.arrays import check_whole
from jaxnn.io.runs.interrupts import CaughtSignal
from jaxnn.sweeps.blocks.content import pack_block
from jaxnn.sweeps.blocks.options import LONGER
from jaxnn.sweeps.blocks.store import BlockStore
from jaxnn.sweeps.results.continuation import Continuation
from jaxnn.sweeps.results.result import SweepResult


def make_extendable(
    result: SweepResult, store: BlockStore, run: Callable[[int, BlockStore], SweepResult]
) -> SweepResult:
    """Returns the result of a sweep with `extend`.

    Args:
        result: of all trials.
        store: of this process; it gives up the contents of blocks, whose trials the result holds.
        run: runs the blocks that a store lacks, up to a number of trials.
    """
    store.contents.clear()

    def extend(trials: int | None, epochs: int | None) -> SweepResult:
        return run(_check_trials(result, trials, epochs), _fill_store(result, store.events))

    return result._replace(continuation=Continuation(extend))


def _check_trials(result: SweepResult, trials: int | None, epochs: int | None) -> int:
    """Returns the number of all trials, checked."""
    count = len(result.trials)
    if epochs is not None:
        raise ValueError(f"extend: {LONGER}")
    trials = check_whole("extend", "trials", trials, least=count + 1)
    unfinished = sum(trial.status == "unfinished" for trial in result.trials)
    if unfinished:
        raise ValueError(f"extend: {unfinished} of {count} trials are unfinished; a sweep with directory= goes on")
    return trials


def _fill_store(result: SweepResult, events: list[dict[str, Any]]) -> BlockStore:
    """Returns a store with the blocks of a result."""
    store = BlockStore(None, None, CaughtSignal())
    store.events = list(events)
    store.contents = dict(_pack_blocks(result, events))
    return store


def _pack_blocks(result: SweepResult, events: list[dict[str, Any]]) -> Iterator[tuple[int, bytes]]:
    """Yields the content of each block; parameters that are not among the best of all may be missing."""
    blocks = {event["number"]: event for event in events if event["event"] == "block"}
    for number, event in blocks.items():
        trials = range(event["start"], event["start"] + sum(event["statuses"].values()))
        kept = {trial: result.kept[trial] for trial in trials if trial in result.kept}
        yield number, pack_block([result.trials[trial] for trial in trials], kept)
