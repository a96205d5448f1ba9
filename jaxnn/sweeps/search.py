"""`sweep`: settings from a sampler, through the lanes of one program for each combination of choices."""

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import jax
from jaxtyping import Array, ArrayLike

from jaxnn._checks.arrays import check_whole
from jaxnn._checks.names import name_value
from jaxnn._checks.warn import warn_user
from jaxnn.devices import warn_idle_cores
from jaxnn.io.runs import Log, check_run, open_run
from jaxnn.progress import progress_bar
from jaxnn.sweeps.engine.memory_fit import fit_program
from jaxnn.sweeps.engine.padding_check import check_padding
from jaxnn.sweeps.engine.plan import SAMPLER_KEY, SCHEDULER_KEY, Plan, make_plan
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.run import ChunkStats, run_trials
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.resume import SweepJournal, describe_sweep
from jaxnn.sweeps.samplers import Sampler, make_sampler
from jaxnn.sweeps.samplers.base import TrialSampler, ask_settings, check_sampler, init_sampler
from jaxnn.sweeps.schedulers.base import Scheduler, TrialScheduler, check_scheduler, init_scheduler
from jaxnn.sweeps.space.space import Choices, Setting
from jaxnn.sweeps.space.traced import check_settings, count_programs
from jaxnn.training.evaluation import Metrics, Score
from jaxnn.training.recipe import Recipe

# Settings with the numbers of their trials.
Batch = list[tuple[int, Setting]]

# More programs than this give a warning.
_MANY_PROGRAMS = 8
# The seconds that a CPU takes to compile the program of a small network.
_COMPILE_SECONDS = 3.0
# The threads that compile: two programs at the start, and then the next one while another runs.
_COMPILER_THREADS = 2


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
    stratify: str | ArrayLike | None = "auto",
    score: Score | None = None,
    metrics: Metrics | None = None,
    evaluate_at: str = "epochs",
    repeats: int = 1,
    sampler: str | Sampler = "random",
    scheduler: Scheduler | None = None,
    lanes: int | str = "auto",
    keep: int = 1,
    directory: str | Path | None = None,
    save_every: float = 60.0,
    log: Log | None = None,
    progress: bool = True,
) -> SweepResult:
    """Searches hyperparameters: a trial trains one setting of the space, and trials share compiled programs.

    Args:
        make_recipe: `make_recipe(hypers) -> Recipe`, traced with the trial's own numbers.
        space: a dict from names to distributions, choices, nested dicts and constants. All values of `uniform(...)`,
            `log_uniform(...)`, … share one program, and so do those of `sizes(...)`, `depth(...)` and `switch(...)`.
            Each combination of `choice(...)` values has its own program; programs run one after another.
        data: `(x, targets)`, each an array or a pytree of arrays, the examples on the first axis.
        key: a `jax.random.key`. A trial's key is `fold_in(fold_in(key, trial), repeat)`.
        trials: the number of settings to try.
        epochs: the epochs of every trial, unless the scheduler stops it.
        validation: `(x, targets)` to evaluate on.
        folds: the number of folds of a cross-validation; give either `validation` or `folds`.
        stratify: the labels that every fold has equal shares of, shape (rows,), or None. "auto" takes the first array
            of whole numbers among the targets, of shape (rows,); otherwise the first bools, zeros and ones, or one-hot
            rows. `SweepResult.stratified_by` names it.
        score: `score(outputs, targets) -> number`, higher is better, in functions of `jax.numpy`; with folds it must
            also take a mask as `where=`. By default it is minus the mean validation loss. With `evaluate_at="rungs"` it
            may use NumPy or scikit-learn: it then gets NumPy arrays, with folds the fold's own rows without a mask.
        metrics: functions like `score` by name, such as {"auc": …}, which are reported beside it and decide nothing.
            Each is a column of the table, a curve, and a value for `log`. They are evaluated where the score is. Those
            that use NumPy or scikit-learn, or with folds take no mask, are computed only where the scheduler compares
            trials and where they end. An exception in one ends the sweep.
        evaluate_at: "epochs" evaluates after every epoch. "rungs" evaluates only where the scheduler compares trials
            and where they end. This saves time (a fifth for iris networks); curves are NaN in between.
        repeats: the number of trainings of every setting, with different keys; a trial's score is their mean.
        sampler: "random", "grid", "sobol", or an object with `init`, see `jaxnn.sweeps.Sampler`.
        scheduler: `asha(...)`, `hyperband(...)`, `median_stopping(...)`, `population_based(...)`, an object with
            `init`, see `jaxnn.sweeps.Scheduler`, or None.
        lanes: the number of trainings side by side, over all devices: a multiple of the number of devices, at least
            repeats × folds. "auto" fits it to the processor's cache, or to the speed and memory of another device. A
            sweep of few trainings (trials × repeats × folds) has fewer lanes, and so has one that finds too little
            memory, with a warning. The bits of a trial depend on the number of lanes that run at a time; give a number
            where sweeps of different sizes should agree to the bit. A resumed sweep keeps its lanes. Without a
            scheduler a lane may run several trials in a chunk, one after another.
        keep: the number of best trials whose parameters are kept.
        directory: where to keep the sweep, so that the same call resumes it: the configuration, a journal with a line
            for each trial, the last two checkpoints, `trials.csv` as of the last checkpoint, and at the end
            `curves.csv`. Its parent must exist.
        save_every: seconds between two checkpoints.
        log: `log(trial, {"learning_rate": …, "score": …, "epochs": …})`, with all hypers that are numbers and all
            metrics, called when a trial has ended. A resumed sweep calls it again for the trials since the last
            checkpoint. `nn.tensorboard(directory)` is such a function.
        progress: whether to show a bar (extra `progress`).

    Returns:
        A `SweepResult`. A resumed sweep gives the same bits as an uninterrupted one on the same machine (versions,
        device kind and count, cores, lanes); only seconds differ.

    Raises:
        TypeError: as `fit`; an argument, or the result of `make_recipe`, a sampler or a scheduler, of another type.
        ValueError: as `fit`; both or neither of `validation` and `folds`; an empty space; a hyper that `make_recipe`
            reads and the space lacks; a traced hyper that decides a shape or a Python branch; a sampler that returns
            too many settings; a population without enough lanes; a directory that holds another sweep; a score that
            uses NumPy after every epoch; a metric with the name of a hyper, a column or a curve.
        CheckpointError: a directory with damaged files.
        OSError: a directory that cannot be created or written to, or that another process uses.
        KeyboardInterrupt: with a directory, after Ctrl-C or SIGTERM, once the sweep is saved.

    Example:
        >>> import jaxnn as nn, optax
        >>> x = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
        >>> line = x, 3 * x
        >>> def make_recipe(hypers):
        ...     return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["learning_rate"]))
        >>> space, key = {"learning_rate": nn.log_uniform(1e-3, 0.5)}, jax.random.key(0)
        >>> result = sweep(make_recipe, space, line, key=key, trials=8, epochs=50, validation=line, progress=False)
        >>> len(result.table()), result.best.score > -0.1
        (8, True)
    """
    trials, keep = check_whole("sweep", "trials", trials, least=1), check_whole("sweep", "keep", keep, least=1)
    if cast(Any, jax.config).jax_disable_jit:
        raise ValueError("sweep: trials run in compiled programs, which jax.disable_jit() rules out; fit runs without")
    check_run("sweep", directory, save_every, log)
    check_sampler(sampler)
    check_scheduler(scheduler)
    plan = make_plan(
        make_recipe, space, data, key=key, epochs=epochs, validation=validation, folds=folds, stratify=stratify,
        score=score, metrics=metrics, evaluate_at=evaluate_at, repeats=repeats, lanes=lanes, trials=trials,
        has_scheduler=scheduler is not None,
    )  # fmt: skip
    warn_idle_cores()
    _warn_of_programs(count_programs(space), trials)
    trial_sampler = init_sampler(make_sampler(sampler, trials), space, jax.random.fold_in(key, SAMPLER_KEY), plan.lanes)
    trial_scheduler = init_scheduler(scheduler, epochs, space, jax.random.fold_in(key, SCHEDULER_KEY))
    options = {"trials": trials, "keep": keep, "sampler": sampler, "scheduler": scheduler, "lanes": lanes}
    configuration = functools.partial(describe_sweep, plan, options)
    best, programs = BestTrials(keep), Programs()
    # Frozen lanes hold NaN. The journal looks for that of trials, and names the trial.
    with jax.debug_nans(False), open_run("sweep", directory, configuration, every=float(save_every)) as run:
        journal = SweepJournal(run, plan, best, log)
        chunks = _run_batches(plan, programs, trial_sampler, trials, trial_scheduler, journal)
        _run_chunks(chunks, trials, journal, progress)
        run.write_tables(journal.tables)
    if not best.has_finite_score():
        warn_user(
            f"sweep: the score {name_value(score)} was finite for no trial, so the best are the first that finished"
        )
    return SweepResult(best.sorted_results(), best.kept, tuple(best.chunks), plan, programs)


def _warn_of_programs(programs: int, trials: int) -> None:
    """Warns of a space that may need many programs; how many depends on the settings that are drawn."""
    if min(programs, trials) <= _MANY_PROGRAMS:
        return
    drawn = f", of which {trials} trials draw up to {trials}" if trials < programs else ""
    minutes = max(round(min(programs, trials) * _COMPILE_SECONDS / 60), 1)
    warn_user(
        f"sweep: this space has {programs} combinations of choices{drawn}; each that is drawn compiles a program (up "
        f"to about {minutes} minute{'s' * (minutes > 1)}); sizes(...), depth(...) and switch(...) share one"
    )


def _run_chunks(chunks: Iterator[ChunkStats], trials: int, journal: SweepJournal, progress: bool) -> None:
    """Runs all chunks, up to the last or a signal; shows progress and saves after each."""
    with progress_bar(trials, "trial", wanted=progress) as bar:
        for stats in chunks:
            bar.update(len(journal.best.results) + stats.progress - bar.n)
            bar.set_postfix(journal.best.summary())
            if journal.save_if_due():
                return
    journal.finish()


def _run_batches(
    plan: Plan,
    programs: Programs,
    sampler: TrialSampler,
    trials: int,
    scheduler: TrialScheduler | None,
    journal: SweepJournal,
) -> Iterator[ChunkStats]:
    """Asks the sampler for settings, runs them, and passes it their results, until all trials have run."""
    done = 0
    while done < trials:
        settings = ask_settings(sampler, min(trials - done, sampler.ask_limit or trials))
        check_settings(plan.space, settings)
        if not settings and not done:
            warn_user("sweep: the sampler returned no setting, so no trial runs")
        if not settings:
            return
        batch = list(enumerate(settings, done))
        journal.record_batch(batch)
        yield from _run_batch(plan, programs, batch, scheduler, journal)
        sampler.tell([journal.best.results[number] for number, _ in batch])
        done += len(batch)


def _run_batch(
    plan: Plan,
    programs: Programs,
    batch: Batch,
    scheduler: TrialScheduler | None,
    journal: SweepJournal,
) -> Iterator[ChunkStats]:
    """Runs a batch of trials, one program after another; a program is built when it is first needed."""
    with ThreadPoolExecutor(_COMPILER_THREADS) as executor:

        def get_program(setting: Setting) -> Program:
            if setting.choices not in programs:
                plan.check_setting(setting)
                check_padding(plan, setting, journal.trimmer)
                ahead = executor if journal.needs_next_program() else None
                programs[setting.choices] = plan.make_program(setting, ahead)
            return programs[setting.choices]

        for group, made in _compile_ahead(_group_by_choices(batch), get_program):
            program = fit_program(plan, group[0][1], made, executor)
            programs[group[0][1].choices] = program
            if scheduler is not None and scheduler.population:
                _check_population(len(group) * plan.layout.lanes, program.size)
            runner = journal.wrap_program(program, group[0][1])
            for stats in run_trials(
                runner, group, layout=plan.layout, scheduler=scheduler, on_trial_end=journal.record_trial
            ):
                yield journal.record_chunk(stats)


def _group_by_choices(batch: Batch) -> list[Batch]:
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


def _check_population(needed: int, lanes: int) -> None:
    if needed > lanes:
        raise ValueError(
            f"sweep: a population needs a lane for each training, {needed} in all, but there are {lanes}; "
            f"use lanes={needed}"
        )
