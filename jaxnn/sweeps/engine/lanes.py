"""The lanes of a sweep: many trainings side by side, each with its own hypers, key, fold and limit.

A lane holds one training. `start_lanes` puts new trainings into free lanes, `copy_lanes` copies what other lanes have
learned, and `advance_lanes` (in `epochs.py`) trains them. Lanes are mapped over and never read one another, so that a
training's bits depend on its own numbers, the data and the program alone.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn.data import Folds
from jaxnn.sweeps.engine.early_stop import init_stopping
from jaxnn.training.epoch import TrainingState, init_training, judged_params
from jaxnn.training.evaluation import Metrics, Score
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import StoppingRule

# The most bytes of all lanes' parameters that are copied from an accelerator to read those of a few lanes.
_COPIED_BYTES = 2**26


class Lanes(NamedTuple):
    """The state of all lanes, with the lanes on the first axis of each array.

    Attributes:
        state: of each training, with its key as raw numbers.
        values: the traced hypers, by path.
        fold: the fold that each lane trains on; 0 without folds.
        diverged: the epoch in which a loss was not finite; 0 without one.
        stopping: a `Stopping`; () without a stopping rule.
    """

    state: TrainingState
    values: dict[str, Array]
    fold: Array
    diverged: Array
    stopping: Any = ()


class LaneUpdates(NamedTuple):
    """What changes in the lanes before a chunk, with the lanes on the first axis of each array.

    Attributes:
        starts: which lanes start a new training; the others continue.
        trial, repeat: the key of a new training is `fold_in(fold_in(key, trial), repeat)`, the same for all folds.
        values: the traced hypers of a new training, by path.
        fold: the fold of a new training; 0 without folds.
        limit: the epoch at which each lane freezes; 0 for a free lane.
    """

    starts: Any
    trial: Any
    repeat: Any
    values: dict[str, Any]
    fold: Any
    limit: Any


class ProgramSpec(NamedTuple):
    """What the lanes of one program share.

    Attributes:
        recipe_of: maps the traced hypers of a lane to its recipe, with an optax transformation as optimizer.
        data: `(x, targets)`, all of it.
        validation: `(x, targets)` to evaluate on; None with folds.
        folds: the rows that each lane trains and is evaluated on; None with a validation part.
        score: `score(outputs, targets) -> number`; None is minus the mean validation loss.
        evaluate_at: "epochs" evaluates after each epoch, "rungs" only where a lane reaches its limit.
        seed: the hyper from which the key of a training is made; None makes it from the key of the sweep.
        repeats: the trainings of a setting with different keys.
        max_epochs: the most epochs of a chunk, which is the length of the buffers for curves.
        metrics: functions like the score by name.
        stop: the stopping rule of each lane, or None.
        on_host: the names of the metrics that cannot be compiled, and "score" if it cannot; the host computes them
            where a lane reaches its limit.
    """

    recipe_of: Callable[[dict[str, Array]], Recipe]
    data: tuple[Any, Any]
    validation: tuple[Any, Any] | None
    folds: Folds | None
    score: Score | None
    evaluate_at: str
    seed: str | None
    repeats: int
    max_epochs: int
    metrics: Metrics = {}  # noqa: RUF012 - never changed
    stop: StoppingRule | None = None
    on_host: frozenset[str] = frozenset()

    @property
    def compiled_score(self) -> Score | None:
        """The score of the compiled program; None is minus the mean validation loss."""
        return None if "score" in self.on_host else self.score

    @property
    def compiled_metrics(self) -> Metrics:
        """The metrics of the compiled program, which are evaluated where the score is."""
        return {name: metric for name, metric in self.metrics.items() if name not in self.on_host}

    @property
    def host_functions(self) -> Metrics:
        """The functions that the host computes, by name."""
        named = {"score": self.score} | self.metrics
        return {name: function for name, function in named.items() if name in self.on_host and function is not None}


def init_lane(spec: ProgramSpec, key: Array, updates: LaneUpdates) -> Lanes:
    """Returns one lane with a new training; `key` is that of the sweep."""
    seed = None if spec.seed is None else updates.values[spec.seed]
    own_key = derive_key(key, updates.trial, updates.repeat, seed=seed, repeats=spec.repeats)
    state = init_training(spec.recipe_of(updates.values), own_key)
    stopping = init_stopping(spec.stop)
    return Lanes(unwrap_key(state), updates.values, updates.fold, jnp.zeros((), jnp.int32), stopping)


def derive_key(key: Array, trial: Any, repeat: Any, *, seed: Any = None, repeats: int = 1) -> Array:
    """Returns the key of a training.

    Args:
        key: of the sweep.
        trial, repeat: the numbers of the training.
        seed: the trial's own; None derives the key from that of the sweep.
        repeats: the trainings of a trial with different keys.
    """
    if seed is None:
        return jax.random.fold_in(jax.random.fold_in(key, trial), repeat)
    own = jax.random.key(jnp.asarray(seed).astype(jnp.int32), impl="threefry2x32")
    return own if repeats == 1 else jax.random.fold_in(own, repeat)


def start_lanes(spec: ProgramSpec, key: Array, lanes: Lanes, updates: LaneUpdates) -> Lanes:
    """Puts a new training into every lane that starts one."""

    def start_lane(lane: Lanes, updates: LaneUpdates) -> Lanes:
        return select(updates.starts, init_lane(spec, key, updates), lane)

    return jax.vmap(start_lane)(lanes, updates)


def copy_lanes(lanes: Lanes, parents: Array, mask: Array, values: dict[str, Array]) -> Lanes:
    """Copies parameters and optimizer state from the parents into the lanes of the mask, which get new hypers.

    The keys and epochs of the lanes do not change.
    """
    learned = lanes.state.params, lanes.state.optimizer_state
    params, optimizer_state = jax.tree.map(lambda leaf: leaf[parents], learned)
    state = lanes.state._replace(params=params, optimizer_state=optimizer_state)
    copied = lanes._replace(state=state, values=values, diverged=lanes.diverged[parents])
    return jax.vmap(select)(mask, copied, lanes)


def select(condition: Array, on_true: Any, on_false: Any) -> Any:
    """Selects all arrays of one tree or all of the other."""
    return jax.tree.map(functools.partial(jnp.where, condition), on_true, on_false)


def unwrap_key(state: TrainingState) -> TrainingState:
    """Returns the state with the key as raw numbers, which can be selected, copied and saved like other arrays."""
    return state._replace(key=jax.random.key_data(state.key))


def wrap_key(state: TrainingState) -> TrainingState:
    """Returns the state with a typed key; the inverse of `unwrap_key`."""
    return state._replace(key=jax.random.wrap_key_data(state.key))


def put_states(lanes: Lanes, states: Lanes, mask: Array) -> Lanes:
    """Puts the states of earlier trainings into the lanes of the mask."""
    return jax.vmap(select)(mask, states, lanes)


class LaneReader(NamedTuple):
    """Reads the lanes of a trial while they are on the devices, as NumPy arrays with the lanes on the first axis.

    Attributes:
        lanes: all lanes after a chunk.
        rows: those of the trial.
    """

    lanes: Any
    rows: slice

    def read_params(self) -> Any:
        """Reads the parameters that are evaluated and kept."""
        return read_rows(judged_params(self.lanes.state), self.rows)

    def read_state(self) -> list[np.ndarray]:
        """Reads everything with which the trial can go on: the leaves of its `Lanes`."""
        return jax.tree.leaves(read_rows(self.lanes, self.rows))


def read_rows(tree: Any, rows: slice) -> Any:
    """Reads some rows of sharded arrays, device by device: this is many times faster than slicing them."""
    leaves, structure = jax.tree.flatten(tree)
    parts = []
    for device in range(len(leaves[0].sharding.device_set)):
        shards = [leaf.addressable_data(device) for leaf in leaves]
        first = device * len(shards[0])
        start, stop = max(rows.start - first, 0), min(rows.stop - first, len(shards[0]))
        if start < stop:
            parts.append(_read_rows(shards, start, stop))
    return jax.tree.unflatten(structure, [np.concatenate(shards) for shards in zip(*parts, strict=True)])


def _read_rows(leaves: list[Array], start: int, stop: int) -> list[np.ndarray]:
    # Views and copies of all lanes are no computations, which would wait for the chunk that the device is running.
    if next(iter(leaves[0].devices())).platform == "cpu" or sum(leaf.nbytes for leaf in leaves) <= _COPIED_BYTES:
        return [np.asarray(leaf)[start:stop] for leaf in leaves]
    return jax.device_get(_slice_rows(leaves, start, stop - start))


@functools.partial(jax.jit, static_argnums=2)
def _slice_rows(leaves: list[Array], start: Array, count: int) -> list[Array]:
    # The start is an argument: a slice with constant ends would compile for every lane.
    return [jax.lax.dynamic_slice_in_dim(leaf, start, count) for leaf in leaves]
