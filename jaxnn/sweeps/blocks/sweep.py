"""`sweep(block=…)`: from the plan to the result."""

import contextlib
import functools
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxnn.io.runs import Log
from jaxnn.io.runs.fingerprint import ENVIRONMENT
from jaxnn.progress import open_progress
from jaxnn.sweeps.blocks.calls import BlockCalls
from jaxnn.sweeps.blocks.collector import BlockCollector
from jaxnn.sweeps.blocks.dispatch import Dispatcher
from jaxnn.sweeps.blocks.driver import run_here
from jaxnn.sweeps.blocks.extend import make_extendable
from jaxnn.sweeps.blocks.job import pack_job, write_body
from jaxnn.sweeps.blocks.pool import Pool
from jaxnn.sweeps.blocks.queue import BlockQueue
from jaxnn.sweeps.blocks.span import SpanRunner
from jaxnn.sweeps.blocks.store import JOB_PREFIX, BlockStore, open_store
from jaxnn.sweeps.blocks.watch import Watch
from jaxnn.sweeps.ends import Limits, attach_result, collect_result, warn_no_settings
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.replay import Programs, replay_trial
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.results.workers import Workers
from jaxnn.sweeps.samplers.base import TrialSampler
from jaxnn.sweeps.schedulers.base import Scheduler
from jaxnn.sweeps.shape_check import ShapeCheck
from jaxnn.sweeps.space.space import Setting


class BlockSweep(NamedTuple):
    """What a sweep in blocks runs; the attributes are those of `Search`, options of `sweep`, and a new sampler."""

    plan: Plan
    ahead: int
    executor: Any
    first: list[Setting]
    sampler: TrialSampler
    scheduler: Scheduler | None
    best: BestTrials
    limits: Limits
    log: Log | None
    progress: bool
    save_every: float
    on_mismatch: str
    start_sampler: Callable[[], TrialSampler]


def sweep_in_blocks(
    sweep: BlockSweep, programs: Programs, directory: Any, describe: Callable[[], dict[str, Any]]
) -> SweepResult:
    """Runs a sweep in blocks and returns its result; an exception carries what has ended."""
    with attach_result(sweep.plan, programs, sweep.best):
        with open_store(directory, functools.partial(_describe, sweep, describe)) as store:
            _run_blocks(sweep, programs, store)
        return _make_result(sweep, programs, store)


def _run_blocks(sweep: BlockSweep, programs: Programs, store: BlockStore) -> None:
    """Runs the blocks that a store lacks."""
    plan, best = sweep.plan, sweep.best
    collector = BlockCollector(plan, store, sweep.log, sweep.on_mismatch)
    calls = BlockCalls(sweep.sampler, plan.space, sweep.first, store)
    if (held := max(collector.trials, calls.recorded)) > plan.trials:
        raise ValueError(f"sweep: the directory holds {held} trials, more than trials={plan.trials}")
    queue = _make_queue(sweep, collector, calls)
    # The sampler may raise again when it is closed, which must lose no result.
    with _keep_last_page(sweep, programs, collector, store), contextlib.closing(queue):
        try:
            queue.repeat()
            _run(sweep, programs, queue, collector, store)
            queue.draw_rest()
        finally:
            _collect(queue, collector, best)
            best.workers = Workers(
                collector.conditions, sweep.executor, sweep.scheduler, best.keep, collector.elsewhere
            )  # fmt: skip
            if store.path is not None:
                store.write_tables(collector.tables(best))


def _keep_last_page(
    sweep: BlockSweep, programs: Programs, collector: BlockCollector, store: BlockStore
) -> contextlib.AbstractContextManager[None]:
    """Returns what writes the page of a sweep with a directory when it ends."""
    if store.path is None:
        return contextlib.nullcontext()
    from jaxnn.report.keep_blocks import keep_last_page  # pages are made of results

    before = len(collector.blocks)
    return keep_last_page(
        store.path, lambda: _collect_for_page(sweep, programs, collector, sweep.best),
        lambda: len(collector.blocks) > before,
    )  # fmt: skip


def _collect_for_page(
    sweep: BlockSweep, programs: Programs, collector: BlockCollector, best: BestTrials
) -> SweepResult:
    """Returns the results so far; without seconds where earlier calls took some, which nothing tells."""
    result = collect_result(sweep.plan, programs, best)
    return result._replace(seconds=None) if collector.goes_on else result


def _make_result(sweep: BlockSweep, programs: Programs, store: BlockStore) -> SweepResult:
    """Returns the result; without a directory, one that can be extended."""
    _report_failed(sweep.plan, sweep.best)
    _replay_missing(sweep.plan, programs, sweep.best)
    result = collect_result(sweep.plan, programs, sweep.best)
    if store.path is not None:
        return result

    def go_on(trials: int, store: BlockStore) -> SweepResult:
        more = sweep._replace(
            plan=sweep.plan._replace(trials=trials), sampler=sweep.start_sampler(), best=BestTrials(sweep.best.keep),
            limits=Limits(),
        )  # fmt: skip
        with attach_result(more.plan, programs, more.best):
            _run_blocks(more, programs, store)
        if len(more.best.drawn) == len(result.trials):
            warn_no_settings()
        return _make_result(more, programs, store)

    return make_extendable(result, store, go_on)


def _replay_missing(plan: Plan, programs: Programs, best: BestTrials) -> None:
    """Computes parameters that no block has.

    A larger `keep` than that of an earlier call wants them. So does `extend`, where the last block runs again and ends
    otherwise: the result before holds those of its own best trials alone.
    """
    trials = best.all_results(plan.layout)
    for trial in best.missing_params():
        best.kept[trial] = replay_trial(plan, programs, trials, trial, best.workers, None).params


def _describe(sweep: BlockSweep, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Describes what decides the bits, except the conditions, which are those of the workers."""
    described = {name: value for name, value in describe().items() if name not in ENVIRONMENT}
    ahead = {"ahead": sweep.ahead} if sweep.sampler.ask_limit is not None else {}
    return described | {"block": sweep.plan.block, "keep": sweep.best.keep} | ahead


def _make_queue(sweep: BlockSweep, collector: BlockCollector, calls: BlockCalls) -> BlockQueue:
    assert sweep.plan.block is not None
    return BlockQueue(
        sweep.sampler, sweep.plan.space, calls, trials=sweep.plan.trials, size=sweep.plan.block,
        ahead=sweep.ahead, done={number: len(block.seconds) for number, block in collector.blocks.items()},
        read=collector.read_results,
    )  # fmt: skip


def _run(
    sweep: BlockSweep, programs: Programs, queue: BlockQueue, collector: BlockCollector, store: BlockStore
) -> None:
    trials, block = sweep.plan.trials, sweep.plan.block
    assert block is not None
    with open_progress("sweep", "trial", trials, wanted=sweep.progress) as shown:
        shown.start_at(collector.trials)
        keep_page = _make_page(sweep, programs, queue, collector, store)
        watch = Watch(collector, sweep.limits, store.caught, shown, -(-trials // block), keep_page)
        if sweep.executor is None:
            runner = SpanRunner(sweep.plan, sweep.scheduler, sweep.best.keep, programs)
            run_here(runner, queue, collector, watch)
        else:
            _run_there(sweep, queue, collector, watch, store)


def _make_page(
    sweep: BlockSweep, programs: Programs, queue: BlockQueue, collector: BlockCollector, store: BlockStore
) -> Callable[[int], None]:
    """Returns what keeps the page of a sweep with a directory while it runs."""
    if store.path is None:
        return lambda _: None
    from jaxnn.report.keep_blocks import BlockPage  # pages are made of results

    def collect() -> SweepResult:
        best = BestTrials(sweep.best.keep)
        best.started = sweep.best.started
        _collect(queue, collector, best)
        return _collect_for_page(sweep, programs, collector, best)

    return BlockPage(store.path, sweep.save_every, collect).write


def _run_there(
    sweep: BlockSweep, queue: BlockQueue, collector: BlockCollector, watch: Watch, store: BlockStore
) -> None:
    """Runs all blocks on the executor; workers that it made here end with the sweep."""
    # Workers that still run may write to it while it is removed.
    with tempfile.TemporaryDirectory(prefix=JOB_PREFIX, dir=store.path, ignore_cleanup_errors=True) as folder:
        job = pack_job(sweep.plan, sweep.scheduler, sweep.best.keep, folder)
        pool, has_ended = Pool(sweep.executor), False
        try:
            Dispatcher(pool, write_body(job), job.body, queue, collector, watch).run()
            has_ended = True
        finally:
            pool.close(kill=not has_ended or watch.has_ended())


def _collect(queue: BlockQueue, collector: BlockCollector, best: BestTrials) -> None:
    """Collects the results, and the settings of trials that have not ended."""
    best.drawn |= dict(each for block in queue.pending.values() for each in block.members)
    collector.fill(best)


def _report_failed(plan: Plan, best: BestTrials) -> None:
    """Warns of trials whose model or loss refuses the shapes, or raises the error if all do."""
    failed = [result.setting for result in best.results.values() if result.status == "failed"]
    if failed:
        shapes = ShapeCheck(plan)
        shapes.failed = len(failed)
        shapes.check_settings(failed[:1])
        shapes.report(len(best.drawn))
