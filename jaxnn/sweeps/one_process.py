"""`sweep` without blocks: all trials share the lanes of this process, and a directory holds its run."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxnn.io.runs import Log, open_run
from jaxnn.sweeps.choose_run import choose_run
from jaxnn.sweeps.ends import Limits, attach_result, collect_result, make_result, run_search
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.resume import SweepJournal
from jaxnn.sweeps.running import Search
from jaxnn.sweeps.samplers.base import TrialSampler
from jaxnn.sweeps.schedulers.base import Scheduler, TrialScheduler
from jaxnn.sweeps.space.space import Setting
from jaxnn.sweeps.train_on import check_train_on


class ProcessSweep(NamedTuple):
    """What a sweep in one process runs; the attributes are those of `Search`, and options of `sweep`."""

    plan: Plan
    first: list[Setting]
    sampler: TrialSampler
    scheduler: Scheduler | None
    trial_scheduler: TrialScheduler | None
    best: BestTrials
    limits: Limits
    log: Log | None
    progress: bool
    save_every: float
    on_mismatch: str


def sweep_in_process(
    sweep: ProcessSweep, programs: Programs, directory: Any, describe: Callable[[], dict[str, Any]]
) -> SweepResult:
    """Runs a sweep and returns its result; an exception carries what has ended."""
    plan, best = sweep.plan, sweep.best
    with attach_result(plan, programs, best), choose_run(directory, describe, plan.trials, sweep.on_mismatch) as chosen:
        earlier = chosen.earlier
        if earlier is not None:
            plan.lane_counts.update(earlier.lane_counts)
            if chosen.is_new:
                check_train_on(plan, earlier, sweep.scheduler, sweep.trial_scheduler)
        with open_run("sweep", chosen.path, chosen.describe, every=sweep.save_every, given=directory) as run:
            if directory is not None:
                from jaxnn.report.keep_sweep import keep_page  # pages are made of results

                keep_page(run, directory, sweep.save_every, best, lambda: collect_result(plan, programs, best))
            journal = SweepJournal(run, plan, best, sweep.log, 0 if earlier is None else len(earlier.settings))
            search = Search(
                plan, programs, sweep.first, sweep.sampler, sweep.scheduler, sweep.trial_scheduler, journal, earlier
            )  # fmt: skip
            run_search(search, sweep.limits, sweep.progress)
            run.write_tables(journal.tables)
        return make_result(search, sweep.progress if directory is None else None)
