"""Search: settings from a sampler, through the lanes of one program for each combination of choices."""

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.devices import tell_of_idle_cores
from jaxnn.io.runs import check_run, open_run
from jaxnn.progress import progress_bar
from jaxnn.sweeps.engine.plan import SAMPLER_KEY, SCHEDULER_KEY, Plan, make_plan
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.run import Call, run_trials
from jaxnn.sweeps.results.best_trials import Found
from jaxnn.sweeps.results.replay import replay
from jaxnn.sweeps.results.result import Sweep
from jaxnn.sweeps.resume import Log, Record, configuration_of
from jaxnn.sweeps.samplers.grid import Sampler, check_sampler, make_sampler
from jaxnn.sweeps.schedulers.base import check_scheduler
from jaxnn.sweeps.schedulers.population_based import RunningPopulations
from jaxnn.sweeps.space.space import Setting
from jaxnn.training.recipe import Recipe

Members = list[tuple[int, Setting]]

# Threads that compile the programs of the first two buckets, or the next one's while this one's runs.
_COMPILERS = 2
# Settings that a searcher is asked for before it is told how the last ones did.
_AT_ONCE = 32


def sweep(
    make_recipe: Callable[[dict[str, Any]], Recipe],
    space: dict[str, Any],
    data: tuple[Any, Any],
    *,
    key: Array,
    trials: int,
    epochs: int,
    validation: tuple[Any, Any] | None = None,
    folds: int | None = None,
    score: Callable[..., Array] | None = None,
    judge: str = "epochs",
    repeats: int = 1,
    sampler: Any = "random",
    scheduler: Any = None,
    lanes: int | str = "auto",
    keep: int = 1,
    directory: str | Path | None = None,
    save_every: float = 60.0,
    log: Log | None = None,
    progress: bool = True,
) -> Sweep:
    """Search hyperparameters: every trial is a training, and all trainings share compiled programs.

    Args:
        make_recipe: `make_recipe(hypers) -> Recipe`, traced with the trial's own numbers.
        space: names and what they may be: `uniform(...)`, `log_uniform(...)`, … are traced and share one program; each
            combination of `choice(...)` values has a program of its own, and they run one after the other.
        data: `(x, targets)`.
        key: a `jax.random.key`. A trial's own is `fold_in(fold_in(key, trial), repeat)`.
        trials: how many settings to try.
        epochs: of every trial, unless the scheduler stops it.
        validation: `(x, targets)` to judge by.
        folds: or the number of folds of a cross-validation. Exactly one of the two.
        score: `score(outputs, targets) -> number`, higher is better, with `where=` for folds; by default minus the mean
            validation loss.
        judge: after all "epochs", or only at "rungs", where the scheduler compares the trials and where they end. It
            saves time (a fifth for iris networks); curves of the validation loss and of the score are NaN between.
        repeats: trainings of every setting, with keys of their own; a trial's score is their mean.
        sampler: "random", "grid", "sobol", or an object with `ask(count)` and `tell(results)`.
        scheduler: `asha(...)`, `hyperband(...)`, `median_stopping(...)`, `population_based(...)`, or None.
        lanes: how many trainings run side by side, over all devices; "auto" fits them to the processor's cache. Without
            a scheduler a lane may take several trials in a call, one after the other.
        keep: parameters are kept of so many best trials.
        directory: where the sweep is kept, so that the same call goes on from there after whatever ended it: the
            configuration, a journal with a line for each trial, the last two checkpoints, `trials.csv`, as of the last
            checkpoint, and in the end `curves.csv`. It is made in a folder that exists.
        save_every: seconds between two checkpoints.
        log: `log(trial, {"learning_rate": …, "score": …, "epochs": …})`, with all hypers that are numbers, called when
            a trial has ended; after a resume again for those since the last checkpoint. `nn.tensorboard(directory)` is
            one.
        progress: show a bar.

    Returns:
        A `Sweep`. One that was ended and resumed is the same, to the last bit, as one that was not, on the same
        machine (versions, device kind and count, cores, lanes); only seconds differ.

    Raises:
        TypeError, ValueError: as `fit`; both or neither of validation and folds; an empty space; a hyper that
            `make_recipe` asks for and the space lacks; a traced hyper that decides a shape or a Python branch; a
            directory whose sweep was begun otherwise.
        CheckpointError: a directory with damaged files.
        OSError: a directory that cannot be made or written to, or that another process has open.
        KeyboardInterrupt: with a directory, after Ctrl-C or SIGTERM, when the sweep is saved.

    Example:
        >>> import jaxnn as nn, optax
        >>> x = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
        >>> line = x, 3 * x
        >>> def make_recipe(hypers):
        ...     return nn.Recipe(nn.mlp([1, 1]), nn.squared_residuals, optax.sgd(hypers["learning_rate"]))
        >>> space, key = {"learning_rate": nn.log_uniform(1e-3, 0.5)}, jax.random.key(0)
        >>> found = sweep(make_recipe, space, line, key=key, trials=8, epochs=50, validation=line, progress=False)
        >>> len(found.table()), found.best.score > -0.1
        (8, True)
    """
    trials, keep = check_whole("sweep", "trials", trials, least=1), check_whole("sweep", "keep", keep, least=1)
    check_run("sweep", directory, save_every, log)
    check_sampler(sampler)
    check_scheduler(scheduler)
    plan = make_plan(
        make_recipe, space, data, key=key, epochs=epochs, validation=validation, folds=folds, score=score,
        judge=judge, repeats=repeats, lanes=lanes, decided=scheduler is not None,
    )  # fmt: skip
    tell_of_idle_cores()
    asked = make_sampler(sampler, space, jax.random.fold_in(key, SAMPLER_KEY), trials)
    begun = None if scheduler is None else scheduler.begin(epochs, space, jax.random.fold_in(key, SCHEDULER_KEY))
    settings = {"trials": trials, "keep": keep, "sampler": sampler, "scheduler": scheduler, "lanes": lanes}
    configuration = functools.partial(configuration_of, plan, settings)
    found, programs = Found(keep), {}
    with open_run("sweep", directory, configuration, every=float(save_every)) as run:
        record = Record(run, plan, found, log)
        calls = _search(plan, programs, asked, trials, begun, record, adaptive=not isinstance(sampler, str))
        _follow(calls, trials, record, progress)
        run.write(record.tables)
    return _result(plan, programs, found)


def _follow(calls: Iterator[Call], trials: int, record: Record, progress: bool) -> None:
    """Go through the calls, to the last one or to a signal, showing and saving what has been found."""
    with progress_bar(trials, "trial", wanted=progress) as bar:
        for call in calls:
            bar.update(len(record.found.outcomes) + call.progress - bar.n)
            bar.set_postfix(record.found.summary())
            if record.visit():
                return
    record.finish()


def _search(
    plan: Plan,
    programs: dict[Any, Program],
    asked: Sampler,
    trials: int,
    scheduler: Any,
    record: Record,
    *,
    adaptive: bool,
) -> Iterator[Call]:
    """All calls of all programs, batch after batch of what the sampler asks for."""
    for batch in _batches(asked, trials, adaptive=adaptive):
        record.asked(batch)
        yield from _run(plan, programs, batch, scheduler, record)
        asked.tell([(setting, record.found.outcomes[number].score) for number, setting in batch])


def _run(plan: Plan, programs: dict[Any, Program], batch: Members, scheduler: Any, record: Record) -> Iterator[Call]:
    """A batch of trials, bucket after bucket, each through its program, which is made when it is first needed."""
    with ThreadPoolExecutor(_COMPILERS) as compilers:

        def program(bucket: Any, setting: Setting) -> Program:
            if bucket not in programs:
                made = plan.program(setting)
                programs[bucket] = made.compile(compilers) if record.will_run() else made
            return programs[bucket]

        for members, compiled in _one_ahead(_by_bucket(batch), program):
            if isinstance(scheduler, RunningPopulations):
                _check_population(len(members) * plan.layout.lanes, compiled.size)
            watched = record.watch(compiled, members[0][1])
            for call in run_trials(watched, members, layout=plan.layout, scheduler=scheduler, report=record.ended):
                yield record.called(call)


def _batches(sampler: Any, trials: int, *, adaptive: bool) -> Iterator[Members]:
    """Numbered settings: all at once, or for a searcher that learns from results a few at a time."""
    done = 0
    while done < trials:
        settings = sampler.ask(min(trials - done, _AT_ONCE) if adaptive else trials)
        if not settings:
            return
        yield list(enumerate(settings, done))
        done += len(settings)


def _by_bucket(batch: Members) -> Iterator[tuple[Any, Members]]:
    """The trials of each bucket, in the order in which buckets first appear.

    Buckets run one after the other: their programs have other shapes and cannot share lanes, and to take turns would
    only make them push one another out of the cache.
    """
    groups: dict[Any, Members] = {}
    for number, setting in batch:
        groups.setdefault(setting.bucket, []).append((number, setting))
    yield from groups.items()


def _one_ahead(
    groups: Iterator[tuple[Any, Members]], program: Callable[[Any, Setting], Program]
) -> Iterator[tuple[Members, Program]]:
    """The trials of each bucket with their program, while the next bucket's is already being compiled."""
    ready: list[tuple[Members, Program]] = []
    for bucket, members in groups:
        ready.append((members, program(bucket, members[0][1])))
        if len(ready) > 1:
            yield ready.pop(0)
    yield from ready


def _check_population(needed: int, lanes: int) -> None:
    if needed > lanes:
        raise ValueError(
            f"sweep: a population lives side by side: {needed} lanes are needed, there are {lanes}: lanes={needed}"
        )


def _result(plan: Plan, programs: dict[Any, Program], found: Found) -> Sweep:
    outcomes = tuple(found.outcomes[number] for number in sorted(found.outcomes))
    return Sweep(
        outcomes,
        found.kept,
        tuple(found.calls),
        plan.space,
        lambda trial: plan.hypers(outcomes[trial].setting),
        lambda trial: plan.recipe(outcomes[trial].setting.bucket, outcomes[trial].setting.values),
        lambda trial: replay(plan, programs[outcomes[trial].setting.bucket], outcomes, trial),
    )
