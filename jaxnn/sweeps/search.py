"""`sweep`: a search of hyperparameters, from its arguments to its result."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array, ArrayLike

from jaxnn._checks.arrays import check_whole
from jaxnn._checks.names import name_value
from jaxnn._checks.warn import warn_user
from jaxnn.data import Folds
from jaxnn.devices import warn_idle_cores
from jaxnn.io.runs import Log
from jaxnn.sweeps.arguments import check_call, check_first, check_limits, check_population, warn_of_programs
from jaxnn.sweeps.asynchronous import limit_lanes
from jaxnn.sweeps.blocks.options import check_blocks, divide
from jaxnn.sweeps.describe import describe_given, describe_sweep
from jaxnn.sweeps.ends import add_refit, attach_result
from jaxnn.sweeps.engine.loading import Given, load_given
from jaxnn.sweeps.engine.make_plan import make_plan
from jaxnn.sweeps.engine.plan import SAMPLER_KEY, SCHEDULER_KEY
from jaxnn.sweeps.engine.preparation import Prepare
from jaxnn.sweeps.engine.splits import Splitter
from jaxnn.sweeps.one_process import ProcessSweep, sweep_in_process
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.refit import Refit, refit_best
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.samplers import Sampler, make_sampler
from jaxnn.sweeps.samplers.base import check_sampler, init_sampler
from jaxnn.sweeps.schedulers.base import Scheduler, check_scheduler, init_scheduler, warn_of_late_rungs
from jaxnn.sweeps.space.traced import count_programs
from jaxnn.training.evaluation import Metrics, Score
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import StoppingRule


def sweep(
    make_recipe: Callable[[dict[str, Any]], Recipe],
    space: dict[str, Any],
    data: Given,
    *,
    key: Array,
    trials: int,
    epochs: int,
    validation: Given | None = None,
    folds: int | Folds | Splitter | None = None,
    stratify: str | ArrayLike | None = "auto",
    groups: ArrayLike | None = None,
    prepare: Prepare | None = None,
    score: Score | None = None,
    metrics: Metrics | None = None,
    evaluate_at: str = "epochs",
    keep_epoch: str = "last",
    stop: StoppingRule | None = None,
    repeats: int = 1,
    sampler: str | Sampler = "random",
    scheduler: Scheduler | None = None,
    first: Sequence[dict[str, Any]] = (),
    seconds: float | None = None,
    target_score: float | None = None,
    lanes: int | str = "auto",
    block: int | None = None,
    ahead: int = 1,
    executor: Executor | Callable[[], Executor] | None = None,
    keep: int = 1,
    keep_states: bool = False,
    refit: bool = False,
    directory: str | Path | None = None,
    on_mismatch: str = "raise",
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
        data: `(x, targets)`, each an array or a pytree of arrays, the examples on the first axis; or a function without
            arguments that returns them. It is called here, and once by each worker, which must load the same bytes.
        key: a `jax.random.key`. A trial's key is `fold_in(fold_in(key, trial), repeat)`, unless it has a seed of its
            own, see `seeds`.
        trials: the number of settings to try. In the directory of a sweep with fewer, that sweep goes on.
        epochs: the epochs of every trial, unless its `Recipe(epochs=...)` has fewer, or something stops it. In the
            directory of a sweep with fewer that has ended, without blocks, the trials that finished go on to these:
            from their states with `keep_states`, otherwise again from the start, after a warning. A scheduler stops new
            trials only. The sweep before stays as it is; the new one has the subfolder `continued-2` of the directory.
        validation: `(x, targets)` to evaluate on, or a function that returns them.
        folds: the number of folds of a cross-validation; or row numbers, an `nn.Folds`; or an object with `split` and
            `get_n_splits`, such as `GroupKFold(5)`, `TimeSeriesSplit()` and `ShuffleSplit(random_state=0)` of
            scikit-learn, whose `y` are the labels of `stratify`, or else the first targets. Give either `validation` or
            `folds`. With a number, every fold trains on equally many rows, see `nn.k_folds`. Otherwise no row is left
            out: a smaller fold takes fewer steps in an epoch, as `nn.fit` does on its rows. Dropout in full batches
            draws otherwise. An optimizer that is a function of the total steps gets those of the largest fold.
        stratify: the labels that every fold has equal shares of, shape (rows,), or None. "auto" takes the first array
            of whole numbers among the targets, of shape (rows,); otherwise the first bools, zeros and ones, or one-hot
            rows. `SweepResult.stratified_by` names it.
        groups: labels, shape (rows,): no fold divides a group, see `nn.k_folds`. A splitter gets them.
        prepare: `prepare(x) -> function of x`, such as `nn.standard_scaling`: fitted on the training rows of each fold,
            or on the data with `validation`, and applied to all rows of that fold. It runs in NumPy before the sweep,
            and only what it gives must be finite. `SweepResult.preparations` holds the functions, and
            `SweepResult.predict` calls them.
        score: `score(outputs, targets) -> number`, higher is better, in functions of `jax.numpy`; with folds it must
            also take a mask as `where=`. By default it is minus the mean validation loss. With `evaluate_at="rungs"` it
            may use NumPy or scikit-learn: it then gets NumPy arrays, with folds the fold's own rows without a mask.
        metrics: functions like `score` by name, such as {"auc": …}, which are reported beside it and decide nothing.
            Each is a column of the table, a curve, and a value for `log`. They are evaluated where the score is. Some
            use NumPy or scikit-learn, or with folds take no mask: these are computed only where the scheduler compares
            trials and where they end. In the table they are NaN where the best epoch is another. An exception in one
            ends the sweep.
        evaluate_at: "epochs" evaluates after every epoch. "rungs" evaluates only where the scheduler compares trials
            and where they end. This saves time (a fifth for iris networks); curves are NaN in between.
        keep_epoch: "last" gives a trial the score of its last epoch. "best" gives it that of the best epoch of its mean
            curve over repeats and folds, of those that were evaluated; schedulers (but `population_based`) compare the
            best so far, and the parameters that are kept are those of that epoch, trained up to it once more. The best
            of many epochs on the same validation rows is too good: check it on other data.
        stop: a rule such as `no_improvement(...)`, applied to each training with its validation score, as in `train`.
            Its numbers stay those of its last epoch; a trial ends when all its trainings have, and frees their lanes.
        repeats: the number of trainings of every setting, with different keys; a trial's score is their mean.
        sampler: "random", "grid", "sobol", `nn.integrations.optuna(study)`, or an object with `init`, see
            `jaxnn.sweeps.Sampler`. The first three learn nothing from results, so that many trials side by side cost
            them nothing. Those of a study learn less, the more settings they are asked for at a time: of 128 iris
            networks the best score was -0.077 with TPE 8 at a time, -0.080 with 32, -0.086 with all at once, -0.079 at
            random (medians of 10 searches).
        scheduler: `asha(...)`, `hyperband(...)`, `median_stopping(...)`, `population_based(...)`, an object with
            `init`, see `jaxnn.sweeps.Scheduler`, or None.
        first: settings to try before those of the sampler, as dicts of hypers such as `{"learning_rate": 0.01}`; they
            count among the trials.
        seconds: a time limit. It is looked at after each chunk, and what has not ended then is "unfinished"; with a
            directory, a later call goes on. In blocks, a call runs at least one of them.
        target_score: the sweep ends after the chunk in which a trial reaches this score.
        lanes: the number of trainings side by side, over all devices: a multiple of the number of devices, at least
            repeats × folds. "auto" fits it to the processor's cache, or to the speed and memory of another device. A
            sweep of few trainings (trials × repeats × folds) has fewer lanes, and so has one that finds too little
            memory, with a warning. The bits of a trial depend on the number of lanes that run at a time; give a number
            where sweeps of different sizes should agree to the bit. A resumed sweep keeps its lanes. Without a
            scheduler a lane may run several trials in a chunk, one after another.
        block: the trials of a block, for sweeps of very many trials, or on several machines. A block has its own
            scheduler, and its results depend on no other; `lanes` are then those of each device. By default as in the
            directory, or 1,024 with an executor, or the `ask_limit` of the sampler, and no blocks without.
        ahead: a sampler that waits for results is asked for a block right after the one that many before was told.
        executor: runs the blocks: any `concurrent.futures.Executor`, such as that of Dask's `client.get_executor()`, or
            a function that makes one, which may be called again after a worker has died. Same bits as without.
        keep: the number of best trials whose parameters are kept.
        keep_states: whether to keep the state of every trial that finished, with that of its optimizer, so that it can
            go on to more epochs. They take memory, and time in every checkpoint. Sweeps in blocks keep none.
        refit: whether to train the best setting once more, on all rows, those of `validation` included, up to the epoch
            of its score and with its key: `SweepResult.refit`. All rows are prepared together.
        directory: where to keep the sweep, so that the same call resumes it, with an executor or without: a journal
            with a line for each trial, the last two checkpoints, `trials.csv` as of the last one, and at the end
            `curves.csv`. `report.html` shows the sweep while it goes on, and at the end. Its parent must exist.
        on_mismatch: "raise" refuses to go on in a directory under other versions, devices, cores or options of JAX.
            "continue" keeps the trials that have ended up to the last checkpoint, and their `reason` says so. It starts
            the others again, and a scheduler compares only these and new ones. In blocks, it keeps those that are done.
        save_every: seconds between two checkpoints.
        log: `log(trial, {"learning_rate": …, "score": …, "epochs": …})`, with all hypers that are numbers and all
            metrics, called when a trial has ended. A resumed sweep calls it again for the trials since the last
            checkpoint. `nn.tensorboard(directory)` is such a function.
        progress: whether to show what is done, the best score, the speed and what the sweep waits for: as a bar in a
            terminal (extra `progress`), a table in a notebook, or a line a minute in a log file.

    Returns:
        A `SweepResult`. A trial whose model or loss refuses the shapes (TypeError, ValueError) is "failed". A resumed
        sweep gives the same bits as an uninterrupted one on the same machine (versions, device kind and count, cores,
        lanes); only seconds differ.

    Raises:
        Exception: one of a function of yours. Like Ctrl-C, it carries the trials that have ended as `sweep_result`.
        TypeError: as `fit`; an argument, or the result of `make_recipe`, a sampler or a scheduler, of another type.
        ValueError: as `fit`; both or neither of `validation` and `folds`; a fold without rows, or with a row in both
            parts; prepared rows that are not finite; an empty space; a hyper that `make_recipe` reads and the space
            lacks; a traced hyper that decides a shape or a Python branch; a sampler that returns too many settings; a
            population without enough lanes; a directory that holds another sweep; a score that uses NumPy after every
            epoch; a metric with the name of a hyper, a column or a curve.
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
    check_call(directory, save_every, log, on_mismatch)
    blocks = check_blocks(block, ahead, executor, directory, keep_states=keep_states)
    check_sampler(sampler)
    check_scheduler(scheduler)
    loaded = load_given(data, validation, prepare)
    plan = make_plan(
        make_recipe, space, loaded.data, key=key, epochs=epochs, validation=loaded.validation, folds=folds,
        stratify=stratify, groups=groups, prepare=prepare, score=score, metrics=metrics, evaluate_at=evaluate_at,
        stop=stop, repeats=repeats, keep_epoch=keep_epoch, lanes=lanes, trials=trials,
        has_scheduler=scheduler is not None, block=blocks.block, source=loaded.source,
    )  # fmt: skip
    limits, known = check_limits(seconds, target_score), check_first(space, first, trials)
    if executor is None:
        warn_idle_cores()
    warn_of_late_rungs(scheduler, epochs)
    warn_of_programs(count_programs(space), trials)
    sampler, sampler_key = make_sampler(sampler, trials), jax.random.fold_in(key, SAMPLER_KEY)
    start_sampler = functools.partial(init_sampler, sampler, space, sampler_key, plan.lanes)
    trial_sampler = start_sampler()
    trial_scheduler = init_scheduler(scheduler, epochs, space, jax.random.fold_in(key, SCHEDULER_KEY))
    check_population(trial_scheduler, stop, refit)
    if blocks.block is None:
        plan = limit_lanes(plan, trial_sampler, trial_scheduler)
    given = plan.folds if isinstance(folds, Folds | Splitter) or groups is not None else None
    options = {"sampler": sampler, "scheduler": scheduler, "lanes": lanes} | describe_given(first, prepare, given)
    describe = functools.partial(describe_sweep, plan, options)
    best, programs = BestTrials(keep, keeps_states=keep_states), Programs()
    given = {"data": loaded.data, "validation": loaded.validation, "prepare": prepare}
    train_best = functools.partial(refit_best, **given) if refit else None
    common = best, limits, log, progress, float(save_every), on_mismatch
    if blocks.block is not None:
        from jaxnn.sweeps.blocks.sweep import BlockSweep, sweep_in_blocks  # many modules, which few sweeps need

        plan = divide(plan, blocks, trial_sampler)
        parts = BlockSweep(plan, blocks.ahead, executor, known, trial_sampler, scheduler, *common, start_sampler)
        result = sweep_in_blocks(parts, programs, directory, describe)
    else:
        parts = ProcessSweep(plan, known, trial_sampler, scheduler, trial_scheduler, *common)
        result = sweep_in_process(parts, programs, directory, describe)
    with attach_result(plan, programs, best):
        return _finish(result, best, train_best)


def _finish(result: SweepResult, best: BestTrials, refit: Callable[[SweepResult], Refit] | None) -> SweepResult:
    """Warns of scores that are not finite, and trains the best setting on all rows, if that is wanted."""
    if not best.has_finite_score():
        score = name_value(result.plan.score)
        warn_user(f"sweep: the score {score} was finite for no trial, so the best are the first that finished")
    return result if refit is None else add_refit(result, refit)
