"""Training under the eyes of its user: the step of `fit` under a host loop.

The compiled program runs as many epochs as it is told (a number, not a shape, so that it compiles once and computes the
same bits however the epochs are divided), judges the validation part after each, keeps the best parameters, and ends
early when the stopping rule says so. The host asks for about a tenth of a second at a time and shows what came back.
"""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxnn._checks import check_data, check_key, check_whole, is_traced
from jaxnn.evaluation import evaluate
from jaxnn.progress import progress_bar
from jaxnn.recipe import Recipe, check_training, for_length, steps_per_epoch
from jaxnn.stopping import StoppingRule
from jaxnn.training import TrainingState, one_epoch, start_training

Score = Callable[[Any, Any], Array]


class Training(NamedTuple):
    """The outcome of `train`. Curves are NumPy arrays with one entry for each epoch that ran.

    Attributes:
        params: those with the best score, where there is a validation part; the last ones otherwise.
        losses: training loss of each epoch, before that epoch's updates.
        validation_losses: after each epoch; None without a validation part.
        scores: after each epoch, higher is better; None without a validation part.
        best_epoch: how many epochs `params` were trained.
        epochs: how many ran.
        state: the last one, to be carried on with `advance`.
    """

    params: Any
    losses: Float[np.ndarray, "epochs"]
    validation_losses: Float[np.ndarray, "epochs"] | None
    scores: Float[np.ndarray, "epochs"] | None
    best_epoch: int
    epochs: int
    state: TrainingState


class _Curves(NamedTuple):
    losses: Array
    validation_losses: Array
    scores: Array


class _Best(NamedTuple):
    params: Any
    score: Array
    epoch: Array


class _Loop(NamedTuple):
    """What the compiled loop carries: the training, the best of it so far, the rule's memory and the curves."""

    state: TrainingState
    best: _Best
    memory: Any
    stopped: Array
    curves: _Curves


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
        progress: show a bar with loss, score, epochs a second and the time left (extra `progress`).

    Returns:
        `Training(params, losses, validation_losses, scores, best_epoch, epochs, state)`.

    Raises:
        TypeError, ValueError: as `fit`, for both parts of the data; a score without a validation part; a call from
            inside a jitted function, where `fit` is what you want.

    Example:
        >>> import jaxnn as nn, optax
        >>> x = jnp.linspace(0, 1, 20)[:, None]
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_residuals, optax.sgd(0.5))
        >>> training = train(recipe, (x, 3 * x + 1), key=jax.random.key(0), epochs=200, progress=False)
        >>> training.losses.shape, training.params["output"].weight.round(2)
        ((200,), Array([[3.]], dtype=float32))
    """
    if is_traced((data, key, params, validation)):
        raise TypeError("train reports to the host and cannot be traced; use fit inside jax.jit, jax.vmap and jax.grad")
    if score is not None and validation is None:
        raise ValueError("train: a score is taken on the validation part, and none is given")
    epochs = check_whole("train", "epochs", epochs, least=1)
    check_key(key)
    recipe = for_length(recipe, epochs * steps_per_epoch(recipe, check_data("train", data)))
    if validation is not None:
        shapes = jax.eval_shape(recipe.model.init, key) if params is None else params
        check_training("train: validation", recipe._replace(batch_size=None), validation, shapes)
    state = start_training("train", recipe, data, key, params)
    data, validation = jax.tree.map(jnp.asarray, (data, validation))
    advance = functools.partial(_advance, recipe, score, stop, data, validation)
    return _result(_run(advance, _start(state, stop, epochs), epochs, progress), validated=validation is not None)


def _start(state: TrainingState, stop: StoppingRule | None, epochs: int) -> _Loop:
    curves = _Curves(*(jnp.full(epochs, jnp.nan, float) for _ in _Curves._fields))
    best = _Best(state.params, jnp.array(-jnp.inf, float), jnp.array(0, jnp.int32))
    memory = () if stop is None else stop.init()
    return _Loop(state, best, memory, jnp.array(False), curves)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _advance(
    recipe: Recipe,
    score: Score | None,
    stop: StoppingRule | None,
    data: Any,
    validation: Any,
    loop: _Loop,
    until: Array,
) -> _Loop:
    """Carry the loop on until that epoch, or to where the rule stops it."""

    def one(loop: _Loop) -> _Loop:
        state, info = one_epoch(recipe, data, loop.state)
        judged = _judge(recipe, score, validation, state, info.losses)
        memory, stopped = (
            (loop.memory, loop.stopped) if stop is None else stop.update(loop.memory, judged.scores, info.step_sizes)
        )
        curves = jax.tree.map(lambda curve, value: curve.at[loop.state.epoch].set(value), loop.curves, judged)
        latest = _Best(state.params, judged.scores, state.epoch)
        keep = functools.partial(jnp.where, judged.scores > loop.best.score)
        best = loop.best if validation is None else jax.tree.map(keep, latest, loop.best)
        return _Loop(state, best, memory, stopped, curves)

    return jax.lax.while_loop(lambda loop: (loop.state.epoch < until) & ~loop.stopped, one, loop)


def _judge(recipe: Recipe, score: Score | None, validation: Any, state: TrainingState, loss: Array) -> _Curves:
    if validation is None:
        judged = loss, jnp.nan, -loss
    else:
        judged = loss, *evaluate(recipe, state.params, validation, score=score)
    return _Curves(*(jnp.asarray(value, float) for value in judged))


def _run(advance: Callable[[_Loop, int], _Loop], loop: _Loop, epochs: int, progress: bool) -> _Loop:
    """Ask for epochs in portions of about a tenth of a second until they are done or the rule has stopped."""
    done, portion, warm = 0, 1, False
    with progress_bar(epochs, "epoch", wanted=progress) as bar:
        while done < epochs and not bool(loop.stopped):
            started = time.perf_counter()
            loop = advance(loop, min(done + portion, epochs))
            now = int(loop.state.epoch)
            seconds = time.perf_counter() - started
            bar.update(now - done)
            bar.set_postfix(_shown(loop, now))
            # The first portion's time is that of the compiler.
            portion = max(1, round(portion * min(0.1 / seconds, 10.0))) if warm else 1
            done, warm = now, True
    return loop


def _shown(loop: _Loop, epoch: int) -> dict[str, str]:
    latest = {name: float(curve[epoch - 1]) for name, curve in loop.curves._asdict().items()}
    shown = {"loss": latest["losses"]}
    if not np.isnan(latest["validation_losses"]):
        shown |= {"validation": latest["validation_losses"], "score": latest["scores"]}
    return {name: f"{value:.4f}" for name, value in shown.items()}


def _result(loop: _Loop, *, validated: bool) -> Training:
    epochs = int(loop.state.epoch)
    losses, validation_losses, scores = (np.asarray(curve)[:epochs] for curve in loop.curves)
    if not validated:
        return Training(loop.state.params, losses, None, None, epochs, epochs, loop.state)
    return Training(loop.best.params, losses, validation_losses, scores, int(loop.best.epoch), epochs, loop.state)
