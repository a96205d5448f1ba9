"""The lanes of a sweep: many trainings side by side, each with hypers, key, fold and end of its own.

A lane holds one training; `assign` puts new ones into lanes that are free, `advance` runs all lanes for a number of
epochs. Lanes never look at one another: they are mapped over, so that a training's bits depend on its own numbers, the
data and the program alone. The number of epochs is an argument of the program, not a shape, for the same reason: a loop
of another static length may be compiled another way.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn._batch_last import turn_all
from jaxnn.data import Folds
from jaxnn.recipe import Recipe, reduce
from jaxnn.sweeps.axis import over_lanes
from jaxnn.training import TrainingState, hold, init_training, one_epoch


class Lanes(NamedTuple):
    """The state of all lanes, each array with the lanes on its first axis.

    Attributes:
        state: of each training, its key as plain numbers.
        values: the traced hypers, by path.
        fold: which fold each one trains on; 0 without folds.
        diverged: the epoch whose losses were not finite; 0 as long as all were.
    """

    state: TrainingState
    values: dict[str, Array]
    fold: Array
    diverged: Array


class Assignment(NamedTuple):
    """What the lanes are given that start a new training, the lanes on the first axis.

    Attributes:
        starts: which lanes do; the others go on with what they have.
        trial, repeat: whose own key is `fold_in(fold_in(key, trial), repeat)`; all folds of a repeat start alike.
        values: the traced hypers, by path.
        fold: which fold it trains on; 0 without folds.
    """

    starts: Any
    trial: Any
    repeat: Any
    values: dict[str, Any]
    fold: Any


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


class Task(NamedTuple):
    """What the lanes of one program have in common.

    Attributes:
        recipe_of: a lane's traced hypers to its recipe, with a plain optimizer.
        data: `(x, targets)`, all of it.
        validation: `(x, targets)` to judge by; None with folds.
        folds: whose rows each lane trains and is judged on; None with a validation part.
        score: `score(outputs, targets) -> number`; None is minus the mean validation loss.
        judge: "epochs", to judge every lane after each, or "rungs", only where it has come to its limit.
        longest: epochs in one call at most, the length of the buffers that curves come back in.
    """

    recipe_of: Callable[[dict[str, Array]], Recipe]
    data: tuple[Any, Any]
    validation: tuple[Any, Any] | None
    folds: Folds | None
    score: Callable[..., Array] | None
    judge: str
    longest: int


def start(task: Task, key: Array, given: Assignment) -> Lanes:
    """A fresh training in one lane; the key is the sweep's."""
    own = jax.random.fold_in(jax.random.fold_in(key, given.trial), given.repeat)
    state = init_training(task.recipe_of(given.values), own)
    return Lanes(_pack(state), given.values, given.fold, jnp.zeros((), jnp.int32))


def assign(task: Task, key: Array, lanes: Lanes, given: Assignment) -> Lanes:
    """A fresh training in every lane that starts one."""

    def one(lane: Lanes, given: Assignment) -> Lanes:
        return _choose(given.starts, start(task, key, given), lane)

    return jax.vmap(one)(lanes, given)


def copy(lanes: Lanes, parents: Array, mask: Array, values: dict[str, Array]) -> Lanes:
    """Parameters and optimizer state of its parent, in the lanes of the mask; own keys and epochs, and new hypers."""
    learned = lanes.state.params, lanes.state.optimizer_state
    params, optimizer_state = jax.tree.map(lambda leaf: leaf[parents], learned)
    copied = Lanes(
        lanes.state._replace(params=params, optimizer_state=optimizer_state),
        values,
        lanes.fold,
        lanes.diverged[parents],
    )
    return jax.vmap(_choose)(mask, copied, lanes)


def advance(task: Task, tile: int, lanes: Lanes, limits: Array, shared: Any, epochs: Array) -> tuple[Lanes, Curves]:
    """So many epochs of all lanes, each up to its own limit; `tile` lanes at a time, which must divide their number.

    As many lanes as fit the cache run all their epochs before the next ones do.
    """
    if len(limits) == tile:
        return _advance_tile(task, lanes, limits, shared, epochs)
    tiles = jax.tree.map(lambda leaf: leaf.reshape(-1, tile, *leaf.shape[1:]), (lanes, limits))
    done = jax.lax.map(lambda part: _advance_tile(task, part[0], part[1], shared, epochs), tiles)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), done)


def _advance_tile(task: Task, lanes: Lanes, limits: Array, shared: Any, epochs: Array) -> tuple[Lanes, Curves]:
    data, validation, folds = shared
    nothing = jnp.array(jnp.nan)
    any_recipe = task.recipe_of({name: values[0] for name, values in lanes.values.items()})
    if folds is None:
        parts, axis = Part(hold(any_recipe, data), turn_all(validation), None), None
    else:
        parts, axis = jax.vmap(functools.partial(_fold_part, any_recipe, data, folds))(lanes.fold), 0

    def one(lane: Lanes, limit: Array, part: Part) -> tuple[Lanes, Curves]:
        recipe = task.recipe_of(lane.values)
        trained = recipe if folds is None or recipe.batch_size is None else _by_rows(recipe, data)
        state, info = one_epoch(trained, part.train, _unpack(lane.state))
        running = (lane.state.epoch < limit) & (lane.diverged == 0)
        # Chosen first, then judged: XLA would otherwise make the update anew for every product that judges it.
        state = _choose(running, _pack(state), lane.state)
        curves, finite = Curves(info.losses, nothing, nothing), jnp.isfinite(info.losses)
        if task.judge == "epochs":
            curves = Curves(info.losses, *_judge(task, recipe, state.params, part))
            finite &= jnp.isfinite(curves.validation_losses)
        diverged = jnp.where(running & ~finite, state.epoch, lane.diverged)
        return lane._replace(state=state, diverged=diverged), Curves(
            *(jnp.where(running, value, jnp.nan) for value in curves)
        )

    def epoch(i: Array, carry: tuple[Lanes, Curves]) -> tuple[Lanes, Curves]:
        lanes, history = carry
        lanes, curves = over_lanes(len(limits), one, (0, 0, axis))(lanes, limits, parts)
        written = curves if task.judge == "epochs" else curves._replace(validation_losses=None, scores=None)
        return lanes, Curves(
            *(past if now is None else _write(past, now, i) for past, now in zip(history, written, strict=True))
        )

    history = Curves(*(jnp.full((len(limits), task.longest), jnp.nan, float) for _ in Curves._fields))
    after, history = jax.lax.fori_loop(0, epochs, epoch, (lanes, history))
    if task.judge == "epochs":
        return after, history
    arrived = (lanes.state.epoch < limits) & (after.state.epoch >= limits)
    enter = over_lanes(len(limits), functools.partial(_enter, task), (0, 0, 0, axis, 0))
    return jax.lax.cond(
        arrived.any(),
        lambda: enter(after, arrived, limits - lanes.state.epoch - 1, parts, history),
        lambda: (after, history),
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


def _write(past: Any, now: Any, epoch: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(past, now.astype(past.dtype), epoch, axis=1)


def _take(tree: Any, rows: Array) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows], tree)


def _choose(condition: Array, ours: Any, theirs: Any) -> Any:
    return jax.tree.map(functools.partial(jnp.where, condition), ours, theirs)


def _pack(state: TrainingState) -> TrainingState:
    """With the key as plain numbers, which can be selected, copied and written down like any others."""
    return state._replace(key=jax.random.key_data(state.key))


def _unpack(state: TrainingState) -> TrainingState:
    return state._replace(key=jax.random.wrap_key_data(state.key))
