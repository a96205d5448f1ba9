"""The lanes of a sweep: many trainings side by side, each with hypers, key, fold and end of its own.

A lane holds one training; `assign` puts new ones into lanes that are free, `copy` lets them go on from what another has
learned, and `advance` (in `epochs.py`) trains them. Lanes never look at one another: they are mapped over, so that a
training's bits depend on its own numbers, the data and the program alone.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn.data import Folds
from jaxnn.training.fit import TrainingState, init_training
from jaxnn.training.recipe import Recipe


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


class Orders(NamedTuple):
    """What the lanes are told with a call, each array with the lanes on its first axis.

    Attributes:
        starts: which lanes begin a new training; the others go on with what they have.
        trial, repeat: whose own key is `fold_in(fold_in(key, trial), repeat)`; all folds of a repeat start alike.
        values: the traced hypers of what begins, by path.
        fold: which fold it trains on; 0 without folds.
        limit: the epoch at which each lane freezes; 0 if it is free.
    """

    starts: Any
    trial: Any
    repeat: Any
    values: dict[str, Any]
    fold: Any
    limit: Any


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


def start(task: Task, key: Array, orders: Orders) -> Lanes:
    """A fresh training in one lane; the key is the sweep's."""
    own = jax.random.fold_in(jax.random.fold_in(key, orders.trial), orders.repeat)
    state = init_training(task.recipe_of(orders.values), own)
    return Lanes(pack(state), orders.values, orders.fold, jnp.zeros((), jnp.int32))


def assign(task: Task, key: Array, lanes: Lanes, orders: Orders) -> Lanes:
    """A fresh training in every lane that begins one."""

    def one(lane: Lanes, orders: Orders) -> Lanes:
        return choose(orders.starts, start(task, key, orders), lane)

    return jax.lax.cond(orders.starts.any(), lambda: jax.vmap(one)(lanes, orders), lambda: lanes)


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
    return jax.vmap(choose)(mask, copied, lanes)


def choose(condition: Array, ours: Any, theirs: Any) -> Any:
    """All arrays of one tree, or all of the other."""
    return jax.tree.map(functools.partial(jnp.where, condition), ours, theirs)


def pack(state: TrainingState) -> TrainingState:
    """With the key as plain numbers, which can be selected, copied and written down like any others."""
    return state._replace(key=jax.random.key_data(state.key))


def unpack(state: TrainingState) -> TrainingState:
    """With the key as a key again."""
    return state._replace(key=jax.random.wrap_key_data(state.key))
