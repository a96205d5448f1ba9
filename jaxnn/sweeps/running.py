"""What a search runs, and how the trials of a batch go through the lanes of their programs."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple

from jaxnn.sweeps.earlier import EarlierRun
from jaxnn.sweeps.engine.memory_fit import fit_program
from jaxnn.sweeps.engine.padding_check import check_padding
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.recipe_check import check_hypers
from jaxnn.sweeps.engine.run import ChunkStats, run_trials
from jaxnn.sweeps.engine.source import TrialSource
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.resume import SweepJournal
from jaxnn.sweeps.samplers.base import TrialSampler
from jaxnn.sweeps.schedulers.base import Scheduler, TrialScheduler
from jaxnn.sweeps.space.space import Choices, Setting

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


class Waiting(NamedTuple):
    """Says what a sweep waits for, for the display of its progress; "" is its trials."""

    what: str


Event = ChunkStats | Waiting


def run_batch(search: Search, batch: Batch, earlier: EarlierRun | None = None) -> Iterator[Event]:
    """Runs a batch of trials, one program after another; a program is built when it is first needed.

    Trials with a state in an earlier run go on from it.
    """
    with ThreadPoolExecutor(_COMPILER_THREADS) as executor:
        since = time.perf_counter()

        def get_program(setting: Setting) -> Program:
            return _make_program(search, setting, executor if search.journal.needs_next_program() else None)

        groups = group_by_choices(batch)
        if groups:
            yield Waiting(f"compiling program 1 of {len(groups)}")
        for number, (group, made) in enumerate(_compile_ahead(groups, get_program), 1):
            yield Waiting(f"compiling program {number} of {len(groups)}")
            yield from _run_program(search, group[0][1], made, group, executor, since, earlier)
            since = time.perf_counter()


def run_source(search: Search, setting: Setting, source: TrialSource) -> Iterator[Event]:
    """Runs the trials that a source gives to the program of a setting."""
    with ThreadPoolExecutor(_COMPILER_THREADS) as executor:
        since = time.perf_counter()
        yield Waiting("compiling a program")
        made = _make_program(search, setting, executor)
        yield from _run_program(search, setting, made, source, executor, since)


def _make_program(search: Search, setting: Setting, executor: Executor | None) -> Program:
    """Returns the program of a setting, which is made once; an executor compiles it in a thread."""
    if setting.choices not in search.programs:
        check_hypers(search.plan, setting)
        check_padding(search.plan, setting, search.journal.trimmer)
        search.programs[setting.choices] = search.plan.make_program(setting, executor)
    return search.programs[setting.choices]


def _run_program(
    search: Search,
    setting: Setting,
    made: Program,
    trials: Batch | TrialSource,
    executor: Executor,
    since: float,
    earlier: EarlierRun | None = None,
) -> Iterator[Event]:
    """Runs trials, which share the choices of a setting, through the lanes of their program, once it is compiled.

    `since` is when the search began to make it; the first chunk gets the seconds until it is compiled.
    """
    plan, journal, scheduler = search.plan, search.journal, search.trial_scheduler
    program = fit_program(plan, setting, made, executor)
    ready = not journal.resuming
    if ready:
        program.wait()
    yield Waiting("")
    search.programs[setting.choices] = program
    limited = plan.limits_epochs(setting)
    if scheduler is not None and scheduler.population and isinstance(trials, list):
        _check_population(len(trials) * plan.layout.lanes, program.size, limited=limited)
    compiled = time.perf_counter() - since
    for stats in run_trials(
        journal.wrap_program(program, setting), trials, layout=plan.layout, scheduler=scheduler,
        on_trial_end=journal.record_trial, epochs_of=(lambda _, setting: plan.epochs_of(setting)) if limited else None,
        earlier=None if earlier is None else earlier.trained,
    ):  # fmt: skip
        yield journal.record_chunk(stats._replace(compile_seconds=compiled))
        compiled = 0.0
        # The last recorded chunk was read: what follows compiles before the seconds of the next chunk count.
        if not ready and not journal.resuming and (stats.running or stats.waiting):
            ready, since = True, time.perf_counter()
            yield Waiting("compiling a program")
            program.wait()
            yield Waiting("")
            compiled = time.perf_counter() - since


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
