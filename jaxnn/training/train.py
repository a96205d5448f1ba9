"""`train`: the compiled loop with a progress bar, curves, the best parameters, logs and a run directory."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from jaxnn._checks.arrays import is_traced
from jaxnn._checks.names import name_value
from jaxnn._checks.warn import warn_user
from jaxnn.io.runs import Log, check_run, open_run
from jaxnn.models.model import Model
from jaxnn.training.epoch import TrainingState, judged_params
from jaxnn.training.evaluation import Score
from jaxnn.training.feed import open_feed
from jaxnn.training.host import Host, run_chunks
from jaxnn.training.loop import LoopConfig, LoopState, run_timed_chunks
from jaxnn.training.loop_program import LoopProgram
from jaxnn.training.optimizer import get_optimizer
from jaxnn.training.recipe import Recipe
from jaxnn.training.run_files import adapt_epochs, cut_curves, make_tables, restore_loop
from jaxnn.training.stopping import StoppingRule, check_rule
from jaxnn.training.stream import is_stream
from jaxnn.training.summary import count_numbers, summarize_curve


class TrainResult(NamedTuple):
    """The result of `train`. Curves are NumPy arrays with a number for each epoch, NaN before a given `state`.

    Attributes:
        params: the parameters with the best score; the last ones without a validation part, or if no score is finite.
            With `Recipe.ema` they are means.
        losses: the training loss of each epoch, before its updates.
        validation_losses: the loss on the validation part after each epoch; None without one.
        scores: the score after each epoch, higher is better; None without a validation part.
        best_epoch: the number of epochs after which the training had `params`.
        epochs: the number of epochs that ran, including those before a given `state`.
        state: the last state, with which `train` and `advance` go on; after a divergence, the last finite one.
        diverged: the epoch in which a loss or a parameter was not finite, or None. It is not part of `epochs` and the
            curves.
    """

    params: Any
    losses: Float[np.ndarray, "epochs"]
    validation_losses: Float[np.ndarray, "epochs"] | None
    scores: Float[np.ndarray, "epochs"] | None
    best_epoch: int
    epochs: int
    state: TrainingState
    diverged: int | None = None

    def __repr__(self) -> str:
        end = "" if self.diverged is None else f", diverged in epoch {self.diverged}"
        chosen = "the last"
        if self.scores is not None and np.isfinite(self.scores).any():
            chosen = f"the best score {self.scores[self.best_epoch - 1]:.4g}"
        return (
            f"TrainResult after {self.epochs} epochs{end}\n"
            f"  losses: {summarize_curve(self.losses[~np.isnan(self.losses)])}\n"
            f"  params: {count_numbers(self.params)}, after epoch {self.best_epoch}, {chosen}"
        )

    def report(
        self,
        path: str | Path,
        *,
        title: str | None = None,
        model: Model | None = None,
        validation: tuple[Any, Any] | None = None,
        pictures: bool = False,
    ) -> Path:
        """Writes a page to look at, one file, and returns its path.

        With the model and validation data whose targets are classes, it shows the confusion matrix and the wrongest
        examples. `jaxnn.report.write_report` documents the arguments.
        """
        from jaxnn.report import write_report  # pages are made of results

        return write_report(self, path, title=title, model=model, validation=validation, pictures=pictures)


def train(
    recipe: Recipe,
    data: Any,
    *,
    key: Array,
    epochs: int,
    steps: int | None = None,
    params: Any = None,
    state: TrainingState | None = None,
    validation: tuple[Any, Any] | None = None,
    score: Score | None = None,
    stop: StoppingRule | None = None,
    on_divergence: str = "stop",
    directory: str | Path | None = None,
    save_every: float = 60.0,
    log: Log | None = None,
    progress: bool = True,
) -> TrainResult:
    """Trains a model with a progress bar and curves, and keeps the best parameters.

    It takes the same steps as `fit` with the same recipe, data and key. Calls that compute the same share one
    compilation, also those of new recipes and of optimizers that are functions of equal total steps.

    Data may stream, as batches `(x, targets)` of NumPy arrays, or of tensors that NumPy reads. Then `data` is one of

    - an iterable that starts anew for each epoch, such as a `DataLoader` of PyTorch or of grain; worker processes need
      `multiprocessing_context="spawn"`, as JAX has threads, which do not survive a fork;
    - a function that returns the batches of an epoch, such as a generator function of the epoch, which counts from 0,
      or `shuffled_batches(...)` for `numpy.memmap`;
    - a generator, or another iterator, from which each epoch takes the next `steps` batches.

    A thread reads the next batches while this one trains. Every batch has the shapes and types of the first, and as
    many rows or fewer; `batch_size` of the recipe may be left out. A smaller batch is filled up with rows that do not
    count (`where` in `train_apply`), without another compilation; `Recipe.drop_last` leaves it out. The same batches
    train as they do from arrays. Validation data are arrays.

    A run in a directory is saved between two epochs. It resumes with the same bits if an epoch gives the same batches
    again: a function of the epoch does, a loader that shuffles does not, and a generator, which cannot be read again,
    is refused.

    Args:
        recipe: what is trained, and how.
        data: `(x, targets)`, each an array or a pytree of arrays, the examples on the first axis; or batches that
            stream, as below.
        key: a `jax.random.key`; initial weights, minibatch orders, dropout and augmentation are drawn from it. It is
            not used with `state`, which has its own.
        epochs: the epoch limit, counted from the start of the training, also with `state` and `directory`.
        steps: the number of batches of an epoch, of data that stream; None takes all that an epoch gives.
        params: initial parameters; by default those of `model.init`.
        state: the `state` of an earlier result, with which the training goes on: 20 epochs and then 20 more give the
            same bits as 40. The stopping rule and the search for the best parameters start anew.
        validation: `(x, targets)` to evaluate on after every epoch, without dropout.
        score: `score(outputs, targets) -> number` on the validation part, higher is better, in functions of
            `jax.numpy`; by default minus the mean validation loss.
        stop: a stopping rule, such as `no_improvement(...)`. It gets the validation score, or minus the training loss
            without a validation part.
        on_divergence: what to do when a loss or a parameter is not finite. "stop" ends the training before that epoch,
            with a warning. "restore" returns to the best parameters so far, with a fresh optimizer state and another
            minibatch order, at most three times. Without a validation part, the best are those of the lowest loss.
        directory: where to keep the run, so that the same call resumes it: the configuration, a journal with a line
            for each epoch, the last two checkpoints, `curves.csv` as of the last checkpoint, and `report.html`, which
            shows the curves while the run goes on. At the end, `outputs.npz` holds what the best parameters say of
            validation rows whose targets are classes. Its parent must exist.
            With more `epochs` a finished run goes on; one that `stop` or `log` ended stays ended.
        save_every: seconds between two checkpoints.
        log: `log(epoch, {"loss": …, "validation_loss": …, "score": …})`, called for each epoch; without a validation
            part there is only the loss. A resumed run calls it again for the epochs since the last checkpoint.
            If it returns "stop", the training ends with that epoch. `nn.tensorboard(directory)` is such a function.
        progress: whether to show losses, score, epochs per second and the time left: as a bar in a terminal (extra
            `progress`), a table in a notebook, or a line a minute in a log file.

    Returns:
        A `TrainResult`. A resumed run gives the same bits as an uninterrupted one on the same machine (versions,
        devices, cores).

    Raises:
        TypeError: as `fit`, also for the validation part; a call inside a jitted function, where `fit` is needed.
        ValueError: as `fit`, also for the validation part; a score without a validation part; a state that does not
            fit the recipe, or has done all epochs; a directory that holds a run with other arguments. A training that
            goes on to more epochs refuses an optimizer that is a function of the total steps.
        CheckpointError: a directory with damaged files.
        OSError: a directory that cannot be created or written to, or that another process uses.
        KeyboardInterrupt: with a directory, after Ctrl-C or SIGTERM, once the run is saved.

    Example:
        >>> import jaxnn as nn, optax
        >>> x = jnp.linspace(0, 1, 20)[:, None]
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(0.5))
        >>> result = train(recipe, (x, 3 * x + 1), key=jax.random.key(0), epochs=200, progress=False)
        >>> result.losses.shape, result.params["output"].weight.round(2)
        ((200,), Array([[3.]], dtype=float32))
    """
    check_run("train", directory, save_every, log)
    arrays = None if is_stream(data) else data, key, params, validation, state
    _check_options(arrays, validation, score, stop, on_divergence)
    feed = open_feed(data, steps, state, directory)
    start = feed.prepare(recipe, key, params, epochs, state=state, validation=validation, score=score)
    restores = on_divergence == "restore"
    config = LoopConfig(start.recipe, score, stop, keep_best=validation is not None or restores)
    first = int(start.state.epoch)
    arrays, options = {"key": key, "params": params}, {"on_divergence": on_divergence}
    program = LoopProgram(config, start, feed, arrays, options)
    configuration = functools.partial(program.describe, start.epochs)
    adapt = adapt_epochs(recipe, start.epochs, program.describe)
    with open_run("train", directory, configuration, every=float(save_every), adapt=adapt) as run:
        restored = restore_loop(run, start.epochs, program.init)
        trace = functools.partial(program.trace, start.epochs)
        run_until = feed.compile(config, start.validation, restored, trace)
        optimizer = get_optimizer(start.recipe) if restores else None
        chunks = run_timed_chunks(run_until, restored, start.epochs, optimizer, by_epoch=feed.by_epoch)
        host = Host(run, log, start.epochs, progress, functools.partial(make_tables, first=first))
        if directory is not None:
            from jaxnn.report.keep_training import KeptTraining, TrainingPage  # pages are made of results

            kept = KeptTraining(directory, float(save_every), first, start.epochs, recipe.model, start.validation)
            host = host._replace(follow=TrainingPage(run, kept, restored).follow)
        loop = run_chunks(run_until, chunks, restored, host)
    if loop.diverged:
        _warn_of_divergence(loop)
    return _make_result(loop, score, first)


def _check_options(arrays: Any, validation: Any, score: Any, stop: Any, on_divergence: str) -> None:
    if is_stream(validation):
        kind = type(validation).__name__
        raise TypeError(f"train: validation must be arrays (x, targets), not {kind}; put its batches together first")
    if is_traced(arrays):
        raise TypeError("train reports to the host and cannot be traced; use fit inside jax.jit, jax.vmap and jax.grad")
    if score is not None and validation is None:
        raise ValueError("train: a score needs validation=(x, targets), on which it is computed")
    if on_divergence not in ("stop", "restore"):
        raise ValueError(f"train: on_divergence must be 'stop' or 'restore', not {on_divergence!r}")
    check_rule("train", stop)


def _warn_of_divergence(loop: LoopState) -> None:
    after = f", after returning to the best parameters {int(loop.restores)} times" if loop.restores else ""
    warn_user(
        f"train: epoch {int(loop.diverged)} gave a loss or a parameter that is not finite{after}; "
        f"the training ends with epoch {int(loop.state.epoch)}"
    )


def _make_result(loop: LoopState, score: Score | None, first: int) -> TrainResult:
    """Returns the result of a training that went on after `first` epochs."""
    epochs, diverged = int(loop.state.epoch), int(loop.diverged) or None
    curves, params, best_epoch = cut_curves(loop, first), judged_params(loop.state), epochs
    if curves.scores is not None and np.isfinite(curves.scores).any():
        params, best_epoch = loop.best.params, int(loop.best.epoch)
    elif curves.scores is not None and epochs > first:
        warn_user(
            f"train: the score {name_value(score)} was finite after no epoch, so `params` are the last; "
            f"it was {curves.scores[-1]} then"
        )
    losses, validation_losses, scores, _ = curves
    return TrainResult(params, losses, validation_losses, scores, best_epoch, epochs, loop.state, diverged)
