"""How a search ends: after its last trial, at a limit, by a signal or an exception; and how it goes on."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, cast

import jax

from jaxnn._checks.arrays import check_whole
from jaxnn._checks.warn import warn_user
from jaxnn.progress import open_progress
from jaxnn.sweeps.asynchronous import commit_saved, end_sampler, is_asynchronous, run_asynchronously
from jaxnn.sweeps.batches import run_batches
from jaxnn.sweeps.earlier import EarlierBatch, EarlierRun
from jaxnn.sweeps.engine.plan import SCHEDULER_KEY, Plan
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.continuation import Continuation
from jaxnn.sweeps.results.refit import Refit
from jaxnn.sweeps.results.replay import Programs, replay
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.resume import SweepJournal
from jaxnn.sweeps.running import Event, Search, Waiting
from jaxnn.sweeps.schedulers.base import init_scheduler
from jaxnn.sweeps.shape_check import ShapeCheck
from jaxnn.sweeps.train_on import check_train_on


class Limits(NamedTuple):
    """When a search ends before its last trial; None is never."""

    seconds: float | None = None
    target_score: float | None = None

    def are_reached(self, started: float | None, best: BestTrials) -> bool:
        """Returns whether a trial has the target score, or the time since `started` is over, unless that is None."""
        if started is not None and self.seconds is not None and time.monotonic() - started >= self.seconds:
            return True
        target = self.target_score
        return target is not None and any(best.results[trial].rank >= target for trial in best.kept)


def run_search(search: Search, limits: Limits, progress: bool) -> None:
    """Runs all batches, up to the last, a limit or a signal; saves what is done, also after an exception."""
    journal, shapes = search.journal, ShapeCheck(search.plan)
    run = run_asynchronously if is_asynchronous(search.sampler, search.trial_scheduler) else run_batches
    chunks, loses_chunk = run(search, shapes), False
    try:
        # Frozen lanes hold NaN. The journal looks for that of trials, and names the trial.
        with jax.debug_nans(False):
            reason = _run_chunks(commit_saved(search, chunks), search.plan.trials, limits, journal, progress)
            if reason == "signal":
                return
            shapes.report(len(journal.best.drawn))
            _replay_kept(search)
        if reason == "finished":
            journal.finish()
        else:
            journal.settle()
            journal.save()
    except BaseException:
        # The exception may be that of a full disk.
        with contextlib.suppress(OSError):
            journal.save()
        # A checkpoint does not hold the chunk in which it was raised.
        loses_chunk = not journal.in_memory
        raise
    finally:
        end_sampler(search.sampler, chunks, loses_chunk=loses_chunk)


def _run_chunks(chunks: Iterable[Event], trials: int, limits: Limits, journal: SweepJournal, progress: bool) -> str:
    """Runs chunks, shows progress and saves after each; returns what ended them: "finished", "limit" or "signal"."""
    started, best, resumed = time.monotonic(), journal.best, journal.resuming
    with open_progress("sweep", "trial", trials, wanted=progress) as shown:
        shown.start_at(len(best.results))
        for event in chunks:
            if isinstance(event, Waiting):
                shown.wait_for(event.what)
                continue
            shown.update(len(best.results) + event.progress, best.summary())
            if journal.save_if_due():
                return "signal"
            # A call with a time limit runs at least one new chunk.
            if not journal.resuming and limits.are_reached(None if resumed else started, best):
                return "limit"
            resumed = journal.resuming
    return "finished"


def _replay_kept(search: Search) -> None:
    """Trains kept trials again whose parameters are not at hand, such as those of an epoch before the last."""
    best = search.journal.best
    for trial, replayed in replay(search.plan, search.programs, best.results, best.missing_params()).items():
        best.kept[trial] = replayed.params


@contextlib.contextmanager
def attach_result(plan: Plan, programs: Programs, best: BestTrials) -> Iterator[None]:
    """Lets an exception of the block carry the trials that have ended, as its attribute `sweep_result`."""
    try:
        yield
    except BaseException as error:
        if best.drawn:
            _attach(error, collect_result(plan, programs, best), best)
        raise


def collect_result(plan: Plan, programs: Programs, best: BestTrials) -> SweepResult:
    """Returns the results so far."""
    trials, seconds = best.all_results(plan.layout), time.monotonic() - best.started
    kept, chunks = best.params_at_hand(), tuple(best.chunks)
    return SweepResult(trials, kept, chunks, plan, programs, seconds=seconds, workers=best.workers)


def _attach(error: BaseException, result: SweepResult, best: BestTrials) -> None:
    cast(Any, error).sweep_result = result
    ended = len([trial for trial in result.trials if trial.status not in ("failed", "unfinished")])
    if ended:
        trials = result.plan.trials
        error.add_note(f"sweep: {ended} of {trials} trials have ended; the exception's sweep_result holds them")


def make_result(search: Search, progress: bool | None) -> SweepResult:
    """Returns the result of a search; with `progress` not None, one that can be extended."""
    result = collect_result(search.plan, search.programs, search.journal.best)
    if progress is None:
        return result

    def extend(trials: int | None, epochs: int | None) -> SweepResult:
        return _extend(search, result, trials, epochs, progress)

    return result._replace(continuation=Continuation(extend))


def add_refit(result: SweepResult, refit: Callable[[SweepResult], Refit]) -> SweepResult:
    """Returns the result with its best setting trained on all rows; `extend` does so too."""
    extend = result.continuation.extend
    continuation = Continuation(None if extend is None else lambda *limits: add_refit(extend(*limits), refit))
    return result._replace(refit=refit(result) if result.kept else None, continuation=continuation)


def _extend(search: Search, result: SweepResult, trials: int | None, epochs: int | None, progress: bool) -> SweepResult:
    """Goes on with a search, to more epochs and then to more trials."""
    best, count = search.journal.best, len(result.trials)
    trials = count if trials is None else check_whole("extend", "trials", trials, least=count + 1)
    done = search.plan.layout.epochs
    epochs = done if epochs is None else check_whole("extend", "epochs", epochs, least=done + 1)
    if len(best.drawn) != count or best.extended_to:
        to = f"{best.extended_to} epochs" if best.extended_to else f"{len(best.drawn)} trials"
        raise ValueError(f"extend: this result was extended before, to {to}; extend that one")
    if len(best.results) != count:
        raise ValueError(
            f"extend: {count - len(best.results)} of {count} trials are unfinished; a sweep with directory= goes on"
        )
    search = search._replace(plan=search.plan._replace(trials=trials))
    if epochs > done:
        search = _train_on(search, epochs)
        # After an exception this result can go on again, unless the sampler may have been asked for more settings.
        best.extended_to = epochs if trials > count else 0
    with attach_result(search.plan, search.programs, search.journal.best):
        run_search(search, Limits(), progress)
    best.extended_to = epochs if epochs > done else 0
    if trials > count and len(search.journal.best.drawn) == count:
        warn_no_settings()
    return make_result(search._replace(earlier=None), progress)


def warn_no_settings() -> None:
    """Warns of a search that was to go on with more trials."""
    warn_user("extend: the sampler has no more settings, such as a grid of fewer trials")


def _train_on(search: Search, epochs: int) -> Search:
    """Returns the search that goes on from one that has ended, with trials of more epochs."""
    plan, best = search.plan, search.journal.best
    earlier = EarlierRun(
        batches=(EarlierBatch(dict(best.drawn), None, {}),),
        results=dict(best.results),
        states=best.states,
        params=best.params_at_hand(),
        epochs=plan.layout.epochs,
        chunks=tuple(best.chunks),
        lane_counts={},
        traced={},
        is_stored=False,
    )
    longer = plan._replace(layout=plan.layout._replace(epochs=epochs))
    key = jax.random.fold_in(plan.key, SCHEDULER_KEY)
    trial_scheduler = init_scheduler(search.scheduler, epochs, plan.space, key)
    check_train_on(longer, earlier, search.scheduler, trial_scheduler)
    journal = search.journal.start_again(longer)
    return Search(
        longer, Programs(), [], search.sampler, search.scheduler, trial_scheduler, journal, earlier
    )  # fmt: skip
