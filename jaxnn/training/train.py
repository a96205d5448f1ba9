"""Training under the eyes of its user: the compiled loop in portions, with all that is shown, kept and logged."""

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxnn._checks.arrays import by_name, check_data, check_key, check_whole, is_traced
from jaxnn._checks.params import check_arrays
from jaxnn.io.runs import Run, check_run, open_run
from jaxnn.io.runs.fingerprint import conditions, describe, describe_arrays, describe_program, describe_state
from jaxnn.io.runs.journal import as_json
from jaxnn.progress import progress_bar
from jaxnn.training import loop as compiled
from jaxnn.training.evaluation import check_score
from jaxnn.training.fit import TrainingState, start_training
from jaxnn.training.loop import Loop, Score, Task
from jaxnn.training.portions import portions
from jaxnn.training.recipe import Recipe, check_training, for_length, optimizer_of, steps_per_epoch
from jaxnn.training.stopping import StoppingRule, check_rule

Log = Callable[[int, dict[str, float]], Any]


class Training(NamedTuple):
    """The outcome of `train`. Curves are NumPy arrays with one entry for each epoch that ran.

    Attributes:
        params: those with the best score, where there is a validation part; the last ones otherwise.
        losses: training loss of each epoch, before that epoch's updates.
        validation_losses: after each epoch; None without a validation part.
        scores: after each epoch, higher is better; None without a validation part.
        best_epoch: how many epochs `params` were trained.
        epochs: how many ran.
        state: the last one, to be carried on with `advance`; after a divergence the last that was finite.
        diverged: the epoch that gave a loss or a parameter that is not finite, and is not among those that count; None
            where all were finite.
    """

    params: Any
    losses: Float[np.ndarray, "epochs"]
    validation_losses: Float[np.ndarray, "epochs"] | None
    scores: Float[np.ndarray, "epochs"] | None
    best_epoch: int
    epochs: int
    state: TrainingState
    diverged: int | None = None


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
) -> Training:
    """Train with a progress bar, curves, and the best parameters kept.

    It takes the same steps as `fit` with the same recipe, data and key. Equal calls share one compilation: hold on to
    the recipe, since a new one holds new functions. An optimizer made for the total steps is new in every call.

    Args:
        recipe: what is trained, and how.
        data: `(x, targets)`, each an array or a pytree of them, the examples on the first axis.
        key: a `jax.random.key`; initial weights, minibatch orders and dropout come from it.
        epochs: the epoch limit.
        params: initial parameters; the model's own by default.
        validation: `(x, targets)` that is judged after every epoch, without dropout.
        score: `score(outputs, targets) -> number` on the validation part, higher is better, in functions of
            `jax.numpy`; by default minus the mean validation loss.
        stop: a stopping rule, which sees the validation score, or minus the training loss without a validation part.
            It ends the training and its cost.
        on_divergence: what happens when a loss is not finite, or a parameter. "stop" ends the training before that
            epoch, with a warning that names it. "restore" goes back to the best parameters so far (those of the best
            score, or of the lowest training loss) with a fresh optimizer state and another order of the minibatches,
            at most three times, and stops at the fourth.
        directory: where the run is kept, so that the same call goes on from there after whatever ended it: the
            configuration, a journal with a line for each epoch, the last two checkpoints, and `curves.csv`, as of the
            last checkpoint. It is made in a folder that exists.
        save_every: seconds between two checkpoints.
        log: `log(epoch, {"loss": …, "validation_loss": …, "score": …})`, called after each epoch; after a resume
            again for those since the last checkpoint. `nn.tensorboard(directory)` is one.
        progress: show a bar with loss, score, epochs a second and the time left (extra `progress`).

    Returns:
        `Training(params, losses, validation_losses, scores, best_epoch, epochs, state, diverged)`. A run that was
        ended and resumed gives the same bits as one that was not, on the same machine (versions, devices, cores).

    Raises:
        TypeError, ValueError: as `fit`, for both parts of the data; a score without a validation part; a call from
            inside a jitted function, where `fit` is what you want; a directory whose run was begun otherwise.
        CheckpointError: a directory with damaged files.
        OSError: a directory that cannot be made or written to, or that another process has open.
        KeyboardInterrupt: with a directory, after Ctrl-C or SIGTERM, when the run is saved.

    Example:
        >>> import jaxnn as nn, optax
        >>> x = jnp.linspace(0, 1, 20)[:, None]
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_residuals, optax.sgd(0.5))
        >>> training = train(recipe, (x, 3 * x + 1), key=jax.random.key(0), epochs=200, progress=False)
        >>> training.losses.shape, training.params["output"].weight.round(2)
        ((200,), Array([[3.]], dtype=float32))
    """
    check_run("train", directory, save_every, log)
    epochs = _check(data, key, params, validation, score, stop, epochs, on_divergence)
    recipe = for_length(recipe, epochs * steps_per_epoch(recipe, check_data("train", data)))
    if validation is not None:
        shapes = jax.eval_shape(recipe.model.init, key) if params is None else params
        check_training("train: validation", recipe._replace(batch_size=None), validation, shapes)
        check_score("train", score, recipe, shapes, validation)
    state = start_training("train", recipe, data, key, params)
    data, validation = jax.tree.map(jnp.asarray, (data, validation))
    task = Task(recipe, score, stop, validation is not None or on_divergence == "restore")
    loop = compiled.begin(task, state, epochs)
    judged = None if validation is None else by_name(validation)
    arguments = {"key": key, "params": params, "data": by_name(data), "validation": judged}

    def configuration() -> dict[str, Any]:
        settings = {"kind": "train", "epochs": epochs, "on_divergence": on_divergence}
        return settings | _described(task, arguments, data, validation, loop)

    with open_run("train", directory, configuration, every=float(save_every)) as run:
        loop = run.restore(loop)
        advance = functools.partial(compiled.advance, task, data, validation)
        optimizer = optimizer_of(recipe) if on_divergence == "restore" else None
        loop = _follow(loop, portions(advance, loop, epochs, optimizer), epochs, run, log, progress)
    if loop.diverged:
        _warn(loop)
    return _result(loop, validated=validation is not None)


def _check(
    data: Any, key: Any, params: Any, validation: Any, score: Any, stop: Any, epochs: int, on_divergence: str
) -> int:
    """What `fit` need not check; the number of epochs."""
    if is_traced((data, key, params, validation)):
        raise TypeError("train reports to the host and cannot be traced; use fit inside jax.jit, jax.vmap and jax.grad")
    if score is not None and validation is None:
        raise ValueError("train: a score is taken on the validation part, and none is given")
    if on_divergence not in ("stop", "restore"):
        raise ValueError(f"train: on_divergence must be 'stop' or 'restore', not {on_divergence!r}")
    check_key(key)
    check_rule("train", stop)
    check_arrays("train", params)
    return check_whole("train", "epochs", epochs, least=1)


def _described(task: Task, arguments: dict[str, Any], data: Any, validation: Any, loop: Loop) -> dict[str, Any]:
    """All that decides the bits of a training, for its directory."""
    parts = {f"recipe.{name}": describe(part) for name, part in task.recipe._asdict().items()}
    traced = describe_program(compiled.advance.trace(task, data, validation, loop, 0).jaxpr)
    judged = {"score": describe(task.score), "stop": describe(task.stop), "initial state": describe_state(loop)}
    return parts | {"recipe.traced": traced} | judged | describe_arrays("", arguments) | conditions()


def _follow(begun: Loop, loops: Iterator[Loop], epochs: int, run: Run, log: Log | None, progress: bool) -> Loop:
    """Go through the loop as it is after each portion, and let everybody know of it."""
    loop, done = begun, int(begun.state.epoch)
    with progress_bar(epochs, "epoch", wanted=progress) as bar:
        bar.update(done)
        for loop in loops:
            now = int(loop.state.epoch)
            if run.active or log is not None:
                _report(loop, range(done, now), run, log)
            bar.update(now - done)
            bar.set_postfix({name: f"{value:.4f}" for name, value in _shown(loop, now).items()})
            done = now
            if run.visit(loop, lambda loop=loop: _tables(loop), epoch=done):
                return loop
    run.finish(loop, epoch=done)
    run.write(lambda: _tables(loop))
    return loop


def _report(loop: Loop, epochs: range, run: Run, log: Log | None) -> None:
    curves = _values(loop)
    for epoch in epochs:
        values = {name: float(curve[epoch]) for name, curve in curves.items()}
        run.record("epoch", epoch=epoch + 1, **{name: as_json(value) for name, value in values.items()})
        if log is not None:
            log(epoch + 1, values)


def _values(loop: Loop) -> dict[str, np.ndarray]:
    """The curves that there are, by the name of one value."""
    names = ("loss", "validation_loss", "score")
    curves: dict[str, np.ndarray] = dict(zip(names, map(np.asarray, loop.curves), strict=True))
    return curves if not np.isnan(curves["validation_loss"]).all() else {"loss": curves["loss"]}


def _shown(loop: Loop, epoch: int) -> dict[str, float]:
    return {name: float(curve[epoch - 1]) for name, curve in _values(loop).items()} if epoch else {}


def _tables(loop: Loop) -> dict[str, str]:
    """The curves as CSV, a row for each epoch that ran."""
    curves, epochs = _values(loop), int(loop.state.epoch)
    rows = zip(range(1, epochs + 1), *(curve[:epochs] for curve in curves.values()), strict=True)
    lines = [",".join(["epoch", *curves]), *(",".join(map(str, row)) for row in rows)]
    return {"curves.csv": "\n".join(lines) + "\n"}


def _warn(loop: Loop) -> None:
    after = f", after going back to the best parameters {int(loop.restores)} times" if loop.restores else ""
    warnings.warn(
        f"train: epoch {int(loop.diverged)} gave a loss or a parameter that is not finite{after}; "
        f"the training ends with epoch {int(loop.state.epoch)}",
        stacklevel=3,
    )


def _result(loop: Loop, *, validated: bool) -> Training:
    epochs, diverged = int(loop.state.epoch), int(loop.diverged) or None
    losses, validation_losses, scores = (np.asarray(curve)[:epochs] for curve in loop.curves)
    if not validated:
        return Training(loop.state.params, losses, None, None, epochs, epochs, loop.state, diverged)
    best = loop.best
    return Training(best.params, losses, validation_losses, scores, int(best.epoch), epochs, loop.state, diverged)
