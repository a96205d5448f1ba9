"""The batches of a sweep: settings from a sampler, through the lanes of one program for each combination of choices."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from jaxnn._checks.warn import warn_user
from jaxnn.sweeps.describe import describe_result, mismatch_error
from jaxnn.sweeps.earlier import EarlierBatch, EarlierRun
from jaxnn.sweeps.engine.memory_fit import fit_program
from jaxnn.sweeps.engine.padding_check import check_padding
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.recipe_check import check_hypers
from jaxnn.sweeps.engine.run import ChunkStats, run_trials
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.results.stored_trials import fill_by_name
from jaxnn.sweeps.resume import SweepJournal
from jaxnn.sweeps.samplers.base import TrialSampler, ask_settings
from jaxnn.sweeps.schedulers.base import Scheduler, TrialScheduler
from jaxnn.sweeps.shape_check import ShapeCheck
from jaxnn.sweeps.space.space import Choices, Setting
from jaxnn.sweeps.space.traced import check_settings
from jaxnn.sweeps.train_on import find_longer, warn_of_restarts

# Settings with the numbers of their trials.
Batch = list[tuple[int, Setting]]

# The threads that compile: two programs at the start, and then the next one while another runs.
_COMPILER_THREADS = 2


class Search(NamedTuple):
    """What a sweep runs.

    Attributes:
        plan: what trials train, and on what.
        programs: those made so far, by their choices.
        first: the settings of the first trials.
        sampler: gives the other settings.
        scheduler: as the user gave it; None lets trials run.
        trial_scheduler: stops trials; None lets them run.
        journal: records what happens.
        earlier: the run from which it goes on, or None.
    """

    plan: Plan
    programs: Programs
    first: list[Setting]
    sampler: TrialSampler
    scheduler: Scheduler | None
    trial_scheduler: TrialScheduler | None
    journal: SweepJournal
    earlier: EarlierRun | None = None


def run_batches(search: Search, shapes: ShapeCheck) -> Generator[ChunkStats, None, None]:
    """Asks the sampler for settings, runs them, and passes it their results, until all trials have run."""
    best = search.journal.best
    if search.earlier is not None:
        yield from _run_earlier(search, search.earlier, shapes)
    while (done := len(best.drawn)) < search.plan.trials:
        first = search.first if not done else []
        asked = _count_next(search, search.plan.trials - done - len(first))
        settings = ask_settings(search.sampler, search.plan.space, asked) if asked else []
        batch = list(enumerate(first + settings, done))
        if not batch and not done:
            warn_user("sweep: the sampler returned no setting, so no trial runs")
        if not batch:
            return
        check_settings(search.plan.space, [setting for _, setting in batch])
        search.journal.record_batch(batch, asked)
        yield from run_batch(search, shapes.drop_failed(batch, search.journal))
        _tell(search, [best.results[number] for number, _ in batch], len(first))


def _run_earlier(search: Search, earlier: EarlierRun, shapes: ShapeCheck) -> Iterator[ChunkStats]:
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
    answer = ask_settings(search.sampler, search.plan.space, batch.asked) if batch.asked else []
    if answer and answer != list(batch.settings.values())[-len(answer) :]:
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


def _count_next(search: Search, wanted: int) -> int:
    """Returns the number of settings to ask for; a sweep that goes on with more trials repeats its calls first."""
    recorded, limit = search.journal.asked, search.sampler.ask_limit
    return recorded.popleft() if recorded else min(wanted, wanted if limit is None else limit)


def run_batch(search: Search, batch: Batch, earlier: EarlierRun | None = None) -> Iterator[ChunkStats]:
    """Runs a batch of trials, one program after another; a program is built when it is first needed.

    Trials with a state in an earlier run go on from it.
    """
    plan, programs, journal, scheduler = search.plan, search.programs, search.journal, search.trial_scheduler
    with ThreadPoolExecutor(_COMPILER_THREADS) as executor:

        def get_program(setting: Setting) -> Program:
            if setting.choices not in programs:
                check_hypers(plan, setting)
                check_padding(plan, setting, journal.trimmer)
                ahead = executor if journal.needs_next_program() else None
                programs[setting.choices] = plan.make_program(setting, ahead)
            return programs[setting.choices]

        for group, made in _compile_ahead(group_by_choices(batch), get_program):
            program = fit_program(plan, group[0][1], made, executor)
            programs[group[0][1].choices] = program
            limited = plan.limits_epochs(group[0][1])
            if scheduler is not None and scheduler.population:
                _check_population(len(group) * plan.layout.lanes, program.size, limited=limited)
            runner = journal.wrap_program(program, group[0][1])
            for stats in run_trials(
                runner, group, layout=plan.layout, scheduler=scheduler, on_trial_end=journal.record_trial,
                epochs_of=plan.epochs_of if limited else None, earlier=None if earlier is None else earlier.trained,
            ):  # fmt: skip
                yield journal.record_chunk(stats)


def group_by_choices(batch: Batch) -> list[Batch]:
    """Groups trials by their choices, in the order in which the choices first appear.

    Groups run one after another. Their programs have different shapes and cannot share lanes, and alternating
    programs would evict each other's arrays from the cache.
    """
    groups: dict[Choices, Batch] = {}
    for number, setting in batch:
        groups.setdefault(setting.choices, []).append((number, setting))
    return list(groups.values())


def _compile_ahead(groups: list[Batch], get_program: Callable[[Setting], Program]) -> Iterator[tuple[Batch, Program]]:
    """Yields each group with its program, while the program of the next group compiles."""
    ready: list[tuple[Batch, Program]] = []
    for group in groups:
        ready.append((group, get_program(group[0][1])))
        if len(ready) > 1:
            yield ready.pop(0)
    yield from ready


def _check_population(needed: int, lanes: int, *, limited: bool) -> None:
    if limited:
        raise ValueError(
            "sweep: a population trains together to the end, so that Recipe(epochs=...) cannot limit a trial"
        )
    if needed > lanes:
        raise ValueError(
            f"sweep: a population needs a lane for each training, {needed} in all, but there are {lanes}; "
            f"use lanes={needed}"
        )
