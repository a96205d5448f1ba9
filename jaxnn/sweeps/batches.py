"""The batches of a sweep: settings from a sampler, through the lanes of one program for each combination of choices."""

from collections.abc import Generator, Iterator
from typing import Any

from jaxnn._checks.warn import warn_user
from jaxnn.sweeps.describe import describe_result, mismatch_error
from jaxnn.sweeps.earlier import EarlierBatch, EarlierRun
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.recorded_calls import call_sampler
from jaxnn.sweeps.results.stored_trials import fill_by_name
from jaxnn.sweeps.running import Batch, Event, Search, run_batch
from jaxnn.sweeps.samplers.base import (
    AsynchronousSampler,
    RecordedCall,
    ask_settings,
    repeat_settings,
)
from jaxnn.sweeps.shape_check import ShapeCheck
from jaxnn.sweeps.space.traced import check_settings
from jaxnn.sweeps.train_on import find_longer, warn_of_restarts


def run_batches(search: Search, shapes: ShapeCheck) -> Generator[Event, None, None]:
    """Asks the sampler for settings, runs them, and passes it their results, until all trials have run."""
    best = search.journal.best
    if search.earlier is not None:
        yield from run_earlier(search, search.earlier, shapes)
    while (done := len(best.drawn)) < search.plan.trials:
        batch = ask_batch(search, search.sampler.ask_limit or search.plan.trials)
        if not batch:
            return
        yield from run_batch(search, shapes.drop_failed(batch, search.journal))
        _tell(search, [best.results[number] for number, _ in batch], 0 if done else len(search.first))


def ask_batch(search: Search, limit: int) -> Batch:
    """Asks for at most `limit` settings; returns them with the numbers of their trials, after those tried first."""
    done = len(search.journal.best.drawn)
    first = [] if done else search.first
    recorded = search.journal.next_call(len(first))
    # The recorded call may be one for fewer settings, if this sweep goes on from one with fewer trials.
    asked = min(limit, search.plan.trials - done - len(first)) if recorded is None else recorded.asked
    call = RecordedCall(first, asked, [], None)
    settings, note = call_sampler(search.sampler, search.plan.space, call, recorded)
    batch = list(enumerate(first + settings, done))
    if not batch and not done:
        warn_user("sweep: the sampler returned no setting, so no trial runs")
    if batch:
        check_settings(search.plan.space, [setting for _, setting in batch])
        search.journal.record_batch(batch, asked, note)
    return batch


def run_earlier(search: Search, earlier: EarlierRun, shapes: ShapeCheck) -> Iterator[Event]:
    """Repeats the calls of an earlier run, and runs its trials that have not ended, then those with epochs left."""
    best, longer = search.journal.best, find_longer(search.plan, earlier)
    best.earlier, best.chunks = earlier.results, [*earlier.chunks]
    # Programs are made of what the checks of shapes find.
    shapes.check_settings(result.setting for result in earlier.results.values() if result.status != "failed")
    for batch in earlier.batches:
        best.drawn |= batch.settings
        first = len(batch.settings) - _repeat_call(search, batch)
        for number in batch.settings.keys() & earlier.results.keys() - longer.keys():
            _add_earlier(search, earlier, number)
        waiting = [(number, each) for number, each in batch.settings.items() if number not in earlier.results]
        yield from run_batch(search, shapes.drop_failed(waiting, search.journal))
        if batch.asked is not None:
            told = batch.told or earlier.results | best.results
            _tell(search, [told[number] for number in batch.settings], first)
    if not search.journal.resuming:
        warn_of_restarts(longer, earlier)
    yield from run_batch(search._replace(trial_scheduler=None), list(longer.items()), earlier)


def _repeat_call(search: Search, batch: EarlierBatch) -> int:
    """Asks the sampler for the settings of an earlier batch again; returns their number."""
    settings, sampler, answer = list(batch.settings.values()), search.sampler, []
    if isinstance(sampler, AsynchronousSampler) and batch.asked is not None:
        first = len(search.first) if 0 in batch.settings else 0
        call = RecordedCall(settings[:first], batch.asked, settings[first:], batch.note)
        answer = repeat_settings(sampler, search.plan.space, call)
    elif batch.asked:
        answer = ask_settings(sampler, search.plan.space, batch.asked)
    if answer and answer != settings[-len(answer) :]:
        raise mismatch_error("the settings that the sampler gives are others")
    return len(answer)


def _add_earlier(search: Search, earlier: EarlierRun, number: int) -> None:
    result, params, journal = earlier.results[number], earlier.params.get(number), search.journal

    def read_params() -> Any:
        if params is None or not earlier.is_stored:
            return params
        return fill_by_name(params, journal.shapes.params(describe_result(result)))

    journal.add_earlier(result, read_params, earlier.states.get(number))


def _tell(search: Search, results: list[TrialResult], first: int) -> None:
    """Tells the sampler the results of a batch; those of the first settings are not its own."""
    for told in (results[:first], results[first:]):
        if told:
            search.sampler.tell(told)
