"""The compiled loop under `train`: as many epochs as it is told, each judged, the best parameters kept.

How many is a number, not a shape, so that it compiles once and computes the same bits however the epochs are divided.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._kernels.batch_last import turn_all
from jaxnn.training.evaluation import evaluate
from jaxnn.training.fit import TrainingState, hold, one_epoch
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import StoppingRule

Score = Callable[[Any, Any], Array]


class Curves(NamedTuple):
    """A number for each epoch; NaN for those that have not run, and where there is no validation part."""

    losses: Array
    validation_losses: Array
    scores: Array


class Best(NamedTuple):
    """The parameters with the best score so far, and after how many epochs they were so."""

    params: Any
    score: Array
    epoch: Array


class Loop(NamedTuple):
    """What the loop carries, and all that is needed to go on.

    Attributes:
        state: the training.
        best: of it so far.
        memory: of the stopping rule.
        stopped: whether the rule has stopped it.
        diverged: the epoch that gave a loss that is not finite; 0 as long as none has.
        restores: how often it went back to the best parameters for that.
        curves: of all epochs, those to come included.
    """

    state: TrainingState
    best: Best
    memory: Any
    stopped: Array
    diverged: Array
    restores: Array
    curves: Curves


class Task(NamedTuple):
    """What the loop trains and how it judges, apart from arrays.

    Attributes:
        recipe: with a plain optimizer.
        score: on the validation part; None is minus the mean loss.
        stop: a stopping rule, or None.
        keep_best: whether the best parameters are kept: of all epochs with a validation part, the ones after the epoch
            with the best score; without, the ones before the epoch with the lowest training loss.
    """

    recipe: Recipe
    score: Score | None
    stop: StoppingRule | None
    keep_best: bool


def begin(task: Task, state: TrainingState, epochs: int) -> Loop:
    """The loop before the first of so many epochs."""
    curves = Curves(*(jnp.full(epochs, jnp.nan, float) for _ in Curves._fields))
    best = Best(state.params, jnp.array(-jnp.inf, float), jnp.array(0, jnp.int32))
    memory = () if task.stop is None else task.stop.init()
    none = jnp.array(0, jnp.int32)
    return jax.tree.map(_strong, Loop(state, best, memory, jnp.array(False), none, none, curves))


def _strong(leaf: Any) -> Array:
    """With a dtype of its own: a file does not tell that a number is free to take another's."""
    leaf = jnp.asarray(leaf)
    return leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf.astype(leaf.dtype)


@functools.partial(jax.jit, static_argnums=0)
def advance(task: Task, data: Any, validation: Any, loop: Loop, until: Array) -> Loop:
    """Carry the loop on until that epoch, or to where the rule stops it or it diverges."""

    data, validation = hold(task.recipe, data), turn_all(validation)

    def going(loop: Loop) -> Array:
        return (loop.state.epoch < until) & ~loop.stopped & (loop.diverged == 0)

    return jax.lax.while_loop(going, functools.partial(one_lap, task, data, validation), loop)


def one_lap(task: Task, data: Any, validation: Any, loop: Loop) -> Loop:
    """One epoch, judged; the data as `hold` leaves them, the validation part batch last."""
    state, info = one_epoch(task.recipe, data, loop.state)
    judged = _judge(task, turn_all(validation), state, info.losses)
    memory, stopped = loop.memory, loop.stopped
    if task.stop is not None:
        memory, stopped = task.stop.update(loop.memory, judged.scores, info.step_sizes)
    finite = jnp.isfinite(judged.losses)
    if validation is not None:
        finite &= jnp.isfinite(judged.validation_losses)
    return loop._replace(
        state=state,
        best=_better(validation, loop, state, judged.scores) if task.keep_best else loop.best,
        memory=memory,
        stopped=stopped,
        diverged=jnp.where(finite, 0, state.epoch),
        curves=jax.tree.map(lambda curve, value: curve.at[loop.state.epoch].set(value), loop.curves, judged),
    )


def _better(validation: Any, loop: Loop, after: TrainingState, score: Array) -> Best:
    # A training loss is that of the parameters before the epoch, a validation score that of those after it.
    judged = loop.state if validation is None else after
    latest = Best(judged.params, score, judged.epoch)
    return jax.tree.map(functools.partial(jnp.where, score > loop.best.score), latest, loop.best)


def _judge(task: Task, validation: Any, state: TrainingState, loss: Array) -> Curves:
    if validation is None:
        judged = loss, jnp.nan, -loss
    else:
        judged = loss, *evaluate(task.recipe, state.params, validation, score=task.score)
    return Curves(*(jnp.asarray(value, float) for value in judged))
