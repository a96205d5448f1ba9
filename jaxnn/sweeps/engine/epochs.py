"""The epochs of all lanes: every lane trains to an end of its own, and is judged.

Seen from outside a lane freezes at its limit; inside of the loop over epochs none does. The loop runs to the next end
of some lane, whose state is laid aside, and the lane itself trains on for nothing until the call is over: to choose
between the new and the old state of every lane in every epoch copies both, and takes 1.05 of the time. The number of
epochs is an argument of the program, not a shape, so that a training's bits do not depend on it: a loop of another
static length may be compiled another way.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn._kernels.batch_last import turn_all
from jaxnn.data import Folds
from jaxnn.sweeps.engine.lanes import Lanes, Task, choose, pack, unpack
from jaxnn.training.fit import TrainingState, hold, one_epoch
from jaxnn.training.recipe import Recipe, reduce


class Curves(NamedTuple):
    """Of every lane and every epoch of a call, shape (lanes, longest); NaN where it was frozen or not judged."""

    losses: Array | np.ndarray
    validation_losses: Array | np.ndarray
    scores: Array | np.ndarray


class Part(NamedTuple):
    """What a lane works on.

    Attributes:
        train: `(x, targets)`, or with folds and minibatches the numbers of their rows; as `hold` leaves them.
        judged: `(x, targets)`, batch last between the epochs.
        counts: which rows of `judged` count; None if all do.
    """

    train: tuple[Any, Any]
    judged: tuple[Any, Any]
    counts: Array | None


def advance(task: Task, tile: int, lanes: Lanes, limits: Array, shared: Any, epochs: Array) -> tuple[Lanes, Curves]:
    """So many epochs of all lanes, each up to its own limit; `tile` lanes at a time, which must divide their number.

    As many lanes as fit the cache run all their epochs before the next ones do. A single one has no axis of lanes: XLA
    turns products that share an axis of one into forms that take twice as long (an epoch of a CNN on digits takes 0.67
    of the time without).
    """
    shape = (-1,) if tile == 1 else (-1, tile)
    tiles = jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), (lanes, limits))

    def one(tile: tuple[Lanes, Array]) -> tuple[Lanes, Curves]:
        return _advance_tile(task, *tile, shared, epochs)

    if len(limits) == tile:
        done = jax.tree.map(lambda leaf: leaf[None], one(jax.tree.map(lambda leaf: leaf[0], tiles)))
    else:
        done = jax.lax.map(one, tiles)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[len(shape) :]), done)


def _advance_tile(task: Task, lanes: Lanes, limits: Array, shared: Any, epochs: Array) -> tuple[Lanes, Curves]:
    """The same for the lanes of one tile, or for a lane without an axis of lanes."""
    each = jax.vmap if limits.ndim else _alone
    data, validation, folds = shared
    any_recipe = task.recipe_of({name: values.ravel()[0] for name, values in lanes.values.items()})
    if folds is None:
        parts, axis = Part(hold(any_recipe, data), turn_all(validation), None), None
    else:
        parts, axis = each(functools.partial(_fold_part, any_recipe, data, folds), (0,))(lanes.fold), 0
    one = each(functools.partial(_one_epoch, task, data), (0, 0, axis))
    ends = jnp.where(lanes.diverged == 0, jnp.clip(limits - lanes.state.epoch, 0, epochs), 0)

    def epoch(i: Array, carry: tuple[Lanes, Curves]) -> tuple[Lanes, Curves]:
        live, history = carry
        live, curves = one(live, i < ends, parts)
        written = curves if task.judge == "epochs" else curves._replace(validation_losses=None, scores=None)
        return live, Curves(
            *(past if now is None else _write(past, now, i) for past, now in zip(history, written, strict=True))
        )

    def stretch(carry: tuple[Array, Any, Lanes, Curves]) -> tuple[Array, Any, Lanes, Curves]:
        begin, ended, live, history = carry
        end = jnp.where(ends > begin, ends, epochs).min()
        live, history = jax.lax.fori_loop(begin, end, epoch, (live, history))
        return end, each(choose, (0, 0, 0))(ends == end, _learned(live), ended), live, history

    history = Curves(*(jnp.full((*limits.shape, task.longest), jnp.nan, float) for _ in Curves._fields))
    begin = jnp.zeros((), epochs.dtype), _learned(lanes), lanes, history
    _, (params, optimizer_state), live, history = jax.lax.while_loop(
        lambda carry: carry[0] < ends.max(), stretch, begin
    )
    state = TrainingState(params, optimizer_state, lanes.state.key, lanes.state.epoch + ends)
    after = lanes._replace(state=state, diverged=live.diverged)
    if task.judge == "epochs":
        return after, history
    arrived = (lanes.state.epoch < limits) & (after.state.epoch >= limits) & (after.diverged == 0)
    enter = each(functools.partial(_enter, task), (0, 0, 0, axis, 0))
    return jax.lax.cond(
        arrived.any(),
        lambda: enter(after, arrived, limits - lanes.state.epoch - 1, parts, history),
        lambda: (after, history),
    )


def _one_epoch(task: Task, data: Any, lane: Lanes, running: Array, part: Part) -> tuple[Lanes, Curves]:
    """One epoch of one lane; what it did is told only if it is running, and has not diverged."""
    recipe, nothing = task.recipe_of(lane.values), jnp.array(jnp.nan)
    trained = recipe if task.folds is None or recipe.batch_size is None else _by_rows(recipe, data)
    state, info = one_epoch(trained, part.train, unpack(lane.state))
    curves, finite = Curves(info.losses, nothing, nothing), jnp.isfinite(info.losses)
    if task.judge == "epochs":
        # XLA would otherwise make the update anew for every product that judges it.
        state = state._replace(params=jax.lax.optimization_barrier(state.params))
        curves = Curves(info.losses, *_judge(task, recipe, state.params, part))
        finite &= jnp.isfinite(curves.validation_losses)
    running &= lane.diverged == 0
    diverged = jnp.where(running & ~finite, state.epoch, lane.diverged)
    return lane._replace(state=pack(state), diverged=diverged), Curves(
        *(jnp.where(running, value, jnp.nan) for value in curves)
    )


def _enter(task: Task, lane: Lanes, arrived: Array, place: Array, part: Part, curves: Curves) -> tuple[Lanes, Curves]:
    """Judge a lane that has arrived at its limit, and enter what is found in this place of its curves."""
    judged = _judge(task, task.recipe_of(lane.values), lane.state.params, part)
    here = arrived & (jnp.arange(task.longest) == place)
    entered = [jnp.where(here, now.astype(past.dtype), past) for past, now in zip(curves[1:], judged, strict=True)]
    diverged = jnp.where(arrived & ~jnp.isfinite(judged[0]), lane.state.epoch, lane.diverged)
    return lane._replace(diverged=diverged), Curves(curves.losses, *entered)


def _fold_part(recipe: Recipe, data: Any, folds: Folds, fold: Array) -> Part:
    """One lane's part; minibatches look rows up, so that no lane holds a copy of the data."""
    rows = folds.train[fold]
    train = hold(recipe, _take(data, rows)) if recipe.batch_size is None else (rows, rows)
    return Part(train, turn_all(_take(data, folds.validation[fold])), folds.counts[fold])


def _by_rows(recipe: Recipe, data: tuple[Any, Any]) -> Recipe:
    """The recipe for data that are row numbers: the model and the loss look the rows up."""
    x, targets = data

    def apply(params: Any, rows: Array, *, key: Array | None = None) -> Any:
        return recipe.model.apply(params, _take(x, rows), key=key)

    def loss(outputs: Any, rows: Array) -> Array:
        return recipe.loss(outputs, _take(targets, rows))

    return recipe._replace(model=recipe.model._replace(apply=apply), loss=loss)


def _judge(task: Task, recipe: Recipe, params: Any, part: Part) -> tuple[Array, Array]:
    (x, targets), counts = turn_all(part.judged), part.counts
    outputs = recipe.model.apply(params, x)
    losses = recipe.loss(outputs, targets)
    if task.score is None:
        return reduce(recipe, losses, counts), -jnp.mean(losses, where=counts)
    counted = {} if counts is None else {"where": counts}
    return reduce(recipe, losses, counts), jnp.asarray(task.score(outputs, targets, **counted))


def _learned(lanes: Lanes) -> tuple[Any, Any]:
    return lanes.state.params, lanes.state.optimizer_state


def _alone(function: Callable[..., Any], in_axes: tuple[int | None, ...]) -> Callable[..., Any]:
    """What `jax.vmap` is for many lanes, for one."""
    del in_axes
    return function


def _write(past: Any, now: Any, epoch: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(past, now.astype(past.dtype), epoch, axis=-1)


def _take(tree: Any, rows: Array) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows], tree)
