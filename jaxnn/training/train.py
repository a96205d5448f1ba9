"""`train`: the compiled loop with a progress bar, curves, the best parameters, logs and a run directory."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.stages import Traced
from jaxtyping import Array, Float

from jaxnn._checks.arrays import by_name, is_traced
from jaxnn._checks.names import name_value
from jaxnn._checks.warn import warn_user
from jaxnn._kernels.digest import digest_program
from jaxnn.io.runs import Log, Run, check_run, open_run
from jaxnn.io.runs.fingerprint import (
    describe,
    describe_arrays,
    describe_environment,
    describe_state,
)
from jaxnn.io.runs.journal import as_json
from jaxnn.progress import progress_bar
from jaxnn.training.epoch import TrainingState
from jaxnn.training.evaluation import Score
from jaxnn.training.loop import LoopConfig, LoopState, compile_loop, init_loop, run_timed_chunks, trace_loop
from jaxnn.training.prepare import prepare
from jaxnn.training.recipe import Recipe, get_optimizer
from jaxnn.training.stopping import StoppingRule, check_rule
from jaxnn.training.summary import count_numbers, summarize_curve


class TrainResult(NamedTuple):
    """The result of `train`. Curves are NumPy arrays with one entry for each epoch that ran.

    Attributes:
        params: the parameters with the best score; the last ones without a validation part, or if no score is finite.
        losses: the training loss of each epoch, before its updates.
        validation_losses: the loss on the validation part after each epoch; None without one.
        scores: the score after each epoch, higher is better; None without a validation part.
        best_epoch: the number of epochs after which the training had `params`.
        epochs: the number of epochs that ran.
        state: the last state, from which `advance` continues; after a divergence, the last finite one.
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
            f"  losses: {summarize_curve(self.losses)}\n"
            f"  params: {count_numbers(self.params)}, after epoch {self.best_epoch}, {chosen}"
        )


def train(
    recipe: Recipe,
    data: tuple[Any, Any],
    *,
    key: Array,
    epochs: int,
    params: Any = None,
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

    It takes the same steps as `fit` with the same recipe, data and key. Calls with the same recipe object share one
    compilation. An optimizer that is a function of the total steps is built, and compiled, in every call.

    Args:
        recipe: what is trained, and how.
        data: `(x, targets)`, each an array or a pytree of arrays, the examples on the first axis.
        key: a `jax.random.key`; initial weights, minibatch orders and dropout are drawn from it.
        epochs: the epoch limit.
        params: initial parameters; by default those of `model.init`.
        validation: `(x, targets)` to evaluate on after every epoch, without dropout.
        score: `score(outputs, targets) -> number` on the validation part, higher is better, in functions of
            `jax.numpy`; by default minus the mean validation loss.
        stop: a stopping rule, such as `no_improvement(...)`. It gets the validation score, or minus the training loss
            without a validation part.
        on_divergence: what to do when a loss or a parameter is not finite. "stop" ends the training before that epoch,
            with a warning. "restore" returns to the best parameters so far, with a fresh optimizer state and another
            minibatch order, at most three times. Without a validation part, the best are those of the lowest loss.
        directory: where to keep the run, so that the same call resumes it: the configuration, a journal with a line
            for each epoch, the last two checkpoints, and `curves.csv` as of the last checkpoint. Its parent must exist.
        save_every: seconds between two checkpoints.
        log: `log(epoch, {"loss": …, "validation_loss": …, "score": …})`, called for each epoch; without a validation
            part there is only the loss. A resumed run calls it again for the epochs since the last checkpoint.
            `nn.tensorboard(directory)` is such a function.
        progress: whether to show a bar with losses, score, epochs per second and the time left (extra `progress`).

    Returns:
        A `TrainResult`. A resumed run gives the same bits as an uninterrupted one on the same machine (versions,
        devices, cores).

    Raises:
        TypeError: as `fit`, also for the validation part; a call inside a jitted function, where `fit` is needed.
        ValueError: as `fit`, also for the validation part; a score without a validation part; a directory that holds
            a run with other arguments.
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
    _check_options((data, key, params, validation), validation, score, stop, on_divergence)
    start = prepare("train", recipe, data, key, params, epochs, validation=validation, score=score)
    restores = on_divergence == "restore"
    config = LoopConfig(start.recipe, score, stop, keep_best=validation is not None or restores)
    loop = init_loop(config, start.state, start.epochs, validated=validation is not None)

    trace = functools.cache(lambda: trace_loop(config, start.data, start.validation, loop))

    def configuration() -> dict[str, Any]:
        arrays = {"key": key, "params": params, "data": by_name(start.data)}
        arrays["validation"] = None if start.validation is None else by_name(start.validation)
        options = {"kind": "train", "epochs": start.epochs, "on_divergence": on_divergence}
        return options | _describe(config, trace(), loop) | describe_arrays("", arrays) | describe_environment()

    with open_run("train", directory, configuration, every=float(save_every)) as run:
        restored = run.restore(loop)
        run_until = compile_loop(config, start.data, start.validation, restored, trace=trace)
        optimizer = get_optimizer(start.recipe) if restores else None
        chunks = run_timed_chunks(run_until, restored, start.epochs, optimizer)
        loop = _run_chunks(restored, chunks, start.epochs, run, log, progress)
    if loop.diverged:
        _warn_of_divergence(loop)
    return _make_result(loop, score)


def _check_options(arrays: Any, validation: Any, score: Any, stop: Any, on_divergence: str) -> None:
    if is_traced(arrays):
        raise TypeError("train reports to the host and cannot be traced; use fit inside jax.jit, jax.vmap and jax.grad")
    if score is not None and validation is None:
        raise ValueError("train: a score needs validation=(x, targets), on which it is computed")
    if on_divergence not in ("stop", "restore"):
        raise ValueError(f"train: on_divergence must be 'stop' or 'restore', not {on_divergence!r}")
    check_rule("train", stop)


def _describe(config: LoopConfig, traced: Traced, loop: LoopState) -> dict[str, Any]:
    """Describes the functions and the initial state of a training for its run directory."""
    parts = {f"recipe.{name}": describe(part) for name, part in config.recipe._asdict().items()}
    functions = {"recipe.traced": digest_program(traced.jaxpr).text}
    options = {"score": describe(config.score), "stop": describe(config.stop)}
    return parts | functions | options | {"initial state": describe_state(loop)}


def _run_chunks(
    first: LoopState, chunks: Iterator[LoopState], epochs: int, run: Run, log: Log | None, progress: bool
) -> LoopState:
    """Runs all chunks, up to the last or a signal; logs, shows progress and saves after each."""
    loop, done = first, int(first.state.epoch)
    with progress_bar(epochs, "epoch", wanted=progress) as bar:
        bar.update(done)
        for loop in chunks:
            epoch = int(loop.state.epoch)
            if run.active or log is not None:
                _report(loop, range(done, epoch), run, log)
            bar.update(epoch - done)
            bar.set_postfix({name: f"{value:.4f}" for name, value in _latest(loop, epoch).items()})
            done = epoch
            if run.save_if_due(loop, lambda loop=loop: _tables(loop), epoch=done):
                return loop
    run.finish(loop, epoch=done)
    run.write_tables(lambda: _tables(loop))
    return loop


def _report(loop: LoopState, epochs: range, run: Run, log: Log | None) -> None:
    curves = _curves_by_name(loop)
    for epoch in epochs:
        values = {name: float(curve[epoch]) for name, curve in curves.items()}
        run.record("epoch", epoch=epoch + 1, **{name: as_json(value) for name, value in values.items()})
        if log is not None:
            log(epoch + 1, values)


def _curves_by_name(loop: LoopState) -> dict[str, np.ndarray]:
    """Returns the curves; without a validation part only that of the loss."""
    named = zip(("loss", "validation_loss", "score"), loop.curves[:3], strict=True)
    return {name: np.asarray(curve) for name, curve in named if curve is not None}


def _latest(loop: LoopState, epoch: int) -> dict[str, float]:
    return {name: float(curve[epoch - 1]) for name, curve in _curves_by_name(loop).items()} if epoch else {}


def _tables(loop: LoopState) -> dict[str, str]:
    """Returns the curves as CSV, a row for each epoch that ran."""
    curves, epochs = _curves_by_name(loop), int(loop.state.epoch)
    rows = zip(range(1, epochs + 1), *(curve[:epochs] for curve in curves.values()), strict=True)
    lines = [",".join(["epoch", *curves]), *(",".join(map(str, row)) for row in rows)]
    return {"curves.csv": "\n".join(lines) + "\n"}


def _warn_of_divergence(loop: LoopState) -> None:
    after = f", after returning to the best parameters {int(loop.restores)} times" if loop.restores else ""
    warn_user(
        f"train: epoch {int(loop.diverged)} gave a loss or a parameter that is not finite{after}; "
        f"the training ends with epoch {int(loop.state.epoch)}"
    )


def _make_result(loop: LoopState, score: Score | None) -> TrainResult:
    epochs, diverged = int(loop.state.epoch), int(loop.diverged) or None
    curves = jax.tree.map(lambda curve: np.asarray(curve)[:epochs], loop.curves)
    params, best_epoch = loop.state.params, epochs
    if curves.scores is not None and np.isfinite(curves.scores).any():
        params, best_epoch = loop.best.params, int(loop.best.epoch)
    elif curves.scores is not None and epochs:
        warn_user(
            f"train: the score {name_value(score)} was finite after no epoch, so `params` are the last; "
            f"it was {curves.scores[-1]} then"
        )
    losses, validation_losses, scores, _ = curves
    return TrainResult(params, losses, validation_losses, scores, best_epoch, epochs, loop.state, diverged)
