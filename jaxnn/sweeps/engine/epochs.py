"""The epochs of all lanes: every lane trains up to its own limit, and is evaluated.

Seen from outside, a lane freezes at its limit. Inside the compiled loop no lane freezes. The loop runs to the next
limit of any lane, and keeps what that lane has learned by then. The lane itself continues to train, unused, until the
chunk ends. Selecting the old or the new state of every lane in every epoch would copy both, and take 5 % more time.

The number of epochs is an argument of the program, not a shape, so that a training's bits do not depend on it. XLA may
compile a loop of another static length in another way.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn._kernels.batch_last import swap_batch_axes
from jaxnn.batches import FoldRows
from jaxnn.data import Folds
from jaxnn.sweeps.engine.early_stop import can_train, stop_or_go_on
from jaxnn.sweeps.engine.lanes import Lanes, ProgramSpec, select, unwrap_key, wrap_key
from jaxnn.sweeps.engine.rows import look_up_rows, take_rows
from jaxnn.training.epoch import (
    TrainingState,
    judged_params,
    replace_judged_params,
    report_epoch,
    to_loop_layout,
    train_epoch,
)
from jaxnn.training.evaluation import Curves, Numbers, loss_and_score
from jaxnn.training.recipe import Recipe


class LaneData(NamedTuple):
    """The data of a lane.

    Attributes:
        train: `(x, targets)` in loop layout; with folds and minibatches, the row numbers in place of both.
        validation: `(x, targets)`, batch last.
        mask: which rows of the validation part count; None for all.
    """

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    mask: Array | None


def advance_lanes(
    spec: ProgramSpec, tile: int, lanes: Lanes, limits: Array, shared: Any, epochs: Array
) -> tuple[Lanes, Curves]:
    """Trains all lanes for some epochs, each up to its own limit.

    Lanes run in tiles: those that fit the cache together run all their epochs before the next tile does. A tile of one
    lane has no lane axis, since XLA compiles products over an axis of length one to slow forms. Without the axis, an
    epoch of a CNN on digits takes 33 % less time.

    Args:
        spec: what the lanes share.
        tile: the number of lanes at a time, which divides the number of lanes.
        lanes: their state.
        limits: the epoch at which each lane freezes.
        shared: data, validation part and folds, on the device.
        epochs: the number of epochs of the chunk.

    Returns:
        The lanes, and curves of shape (lanes, max_epochs), NaN where a lane was frozen or not evaluated.
    """
    tile_shape = (-1,) if tile == 1 else (-1, tile)
    tiles = jax.tree.map(lambda leaf: leaf.reshape(*tile_shape, *leaf.shape[1:]), (lanes, limits))

    def advance_tile(lanes_and_limits: tuple[Lanes, Array]) -> tuple[Lanes, Curves]:
        return _advance_tile(spec, *lanes_and_limits, shared, epochs)

    if len(limits) == tile:
        advanced = jax.tree.map(lambda leaf: leaf[None], advance_tile(jax.tree.map(lambda leaf: leaf[0], tiles)))
    else:
        advanced = jax.lax.map(advance_tile, tiles)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[len(tile_shape) :]), advanced)


def _advance_tile(spec: ProgramSpec, lanes: Lanes, limits: Array, shared: Any, epochs: Array) -> tuple[Lanes, Curves]:
    """Trains the lanes of one tile, or one lane without a lane axis."""
    map_lanes = jax.vmap if limits.ndim else _without_lane_axis
    data, data_axis = _select_data(spec, lanes, shared, map_lanes)
    train_one = map_lanes(functools.partial(_train_lane, spec, shared[0]), (0, 0, data_axis))
    # How many epochs of this chunk each lane trains.
    ends = jnp.where(can_train(lanes), jnp.clip(limits - lanes.state.epoch, 0, epochs), 0)

    def run_epoch(i: Array, carry: tuple[Lanes, Curves]) -> tuple[Lanes, Curves]:
        live, history = carry
        live, numbers = train_one(live, i < ends, data)
        return live, _write_epoch(spec, history, numbers, i)

    def run_to_next_end(carry: tuple[Array, Any, Lanes, Curves]) -> tuple[Array, Any, Lanes, Curves]:
        begin, frozen, live, history = carry
        end = jnp.where(ends > begin, ends, epochs).min()
        live, history = jax.lax.fori_loop(begin, end, run_epoch, (live, history))
        return end, map_lanes(select, (0, 0, 0))(ends == end, _get_learned(live), frozen), live, history

    history = jax.tree.map(lambda _: jnp.full((*limits.shape, spec.max_epochs), jnp.nan, float), _fill_curves(spec, 0))
    carry = jnp.zeros((), epochs.dtype), _get_learned(lanes), lanes, history
    carry = jax.lax.while_loop(lambda carry: carry[0] < ends.max(), run_to_next_end, carry)
    _, (params, optimizer_state), live, history = carry
    # Lanes with a stopping rule are frozen where they end, and have counted their epochs.
    epoch = lanes.state.epoch + ends if spec.stop is None else live.state.epoch
    state = TrainingState(params, optimizer_state, lanes.state.key, epoch)
    after = lanes._replace(state=state, diverged=live.diverged, stopping=live.stopping)
    if spec.evaluate_at == "epochs":
        return after, history
    return _evaluate_arrived(spec, lanes, after, limits, data, history, map_lanes, data_axis)


def _select_data(spec: ProgramSpec, lanes: Lanes, shared: Any, map_lanes: Callable) -> tuple[LaneData, int | None]:
    """Returns the data of the lanes, and their lane axis; None where all lanes share them."""
    data, validation, folds = shared
    any_recipe = spec.recipe_of({name: values.ravel()[0] for name, values in lanes.values.items()})
    if folds is None:
        return LaneData(to_loop_layout(any_recipe, data), swap_batch_axes(validation), None), None
    return map_lanes(functools.partial(_select_fold, any_recipe, data, folds), (0,))(lanes.fold), 0


def _select_fold(recipe: Recipe, data: Any, folds: Folds, fold: Array) -> LaneData:
    """Returns the data of one fold; for minibatches only the row numbers, so that no lane holds a copy of the data."""
    rows = folds.train[fold]
    train = to_loop_layout(recipe, take_rows(data, rows)) if recipe.batch_size is None else (rows, rows)
    return LaneData(train, swap_batch_axes(take_rows(data, folds.validation[fold])), folds.mask[fold])


def _count_rows(spec: ProgramSpec, fold: Array) -> FoldRows | None:
    """Returns how many rows the folds have, if their numbers differ."""
    if spec.folds is None or spec.folds.train_mask is None:
        return None
    return FoldRows(tuple(np.asarray(spec.folds.train_mask).sum(axis=1).tolist()), fold)


def _train_lane(spec: ProgramSpec, all_data: Any, lane: Lanes, running: Array, data: LaneData) -> tuple[Lanes, Curves]:
    """Trains one lane for one epoch; its numbers are NaN if it is frozen or diverged in an earlier epoch."""
    recipe, not_evaluated = spec.recipe_of(lane.values), jnp.array(jnp.nan)
    by_rows = spec.folds is not None and recipe.batch_size is not None
    trained = look_up_rows(recipe, all_data) if by_rows else recipe
    state, info = train_epoch(trained, data.train, wrap_key(lane.state), _count_rows(spec, lane.fold))
    numbers, finite = _fill_curves(spec, not_evaluated)._replace(losses=info.losses), jnp.isfinite(info.losses)
    if spec.evaluate_at == "epochs":
        # Without the barrier XLA repeats the update for every product of the evaluation.
        state = replace_judged_params(state, jax.lax.optimization_barrier(judged_params(state)))
        numbers = Curves(info.losses, *_evaluate(spec, recipe, judged_params(state), data))
        finite &= jnp.isfinite(numbers.validation_losses)
    state = report_epoch(state, numbers.validation_losses if spec.evaluate_at == "epochs" else info.losses)
    running &= can_train(lane)
    diverged = jnp.where(running & ~finite, state.epoch, lane.diverged)
    after = lane._replace(state=unwrap_key(state), diverged=diverged)
    if spec.stop is not None:
        after = stop_or_go_on(spec.stop, lane, after, running, numbers.scores, info.step_sizes)
    return after, jax.tree.map(lambda value: jnp.where(running, value, jnp.nan), numbers)


def _evaluate_arrived(
    spec: ProgramSpec,
    before: Lanes,
    after: Lanes,
    limits: Array,
    data: LaneData,
    history: Curves,
    map_lanes: Callable,
    data_axis: int | None,
) -> tuple[Lanes, Curves]:
    """Evaluates the lanes that reached their limit in this chunk, and writes the numbers into their curves."""
    arrived = (before.state.epoch < limits) & (after.state.epoch >= limits) & (after.diverged == 0)
    evaluate_one = map_lanes(functools.partial(_evaluate_lane, spec), (0, 0, 0, data_axis, 0))
    return jax.lax.cond(
        arrived.any(),
        lambda: evaluate_one(after, arrived, limits - before.state.epoch - 1, data, history),
        lambda: (after, history),
    )


def _evaluate_lane(
    spec: ProgramSpec, lane: Lanes, arrived: Array, index: Array, data: LaneData, curves: Curves
) -> tuple[Lanes, Curves]:
    """Evaluates one lane, and writes the numbers at `index` of its curves if it has reached its limit."""
    latest = _evaluate(spec, spec.recipe_of(lane.values), judged_params(lane.state), data)
    here = arrived & (jnp.arange(spec.max_epochs) == index)
    written = jax.tree.map(
        lambda old, new: jnp.where(here, new.astype(old.dtype), old), tuple(curves[1:]), tuple(latest)
    )
    diverged = jnp.where(arrived & ~jnp.isfinite(latest.loss), lane.state.epoch, lane.diverged)
    return lane._replace(diverged=diverged), Curves(curves.losses, *written)


def _evaluate(spec: ProgramSpec, recipe: Recipe, params: Any, data: LaneData) -> Numbers:
    return loss_and_score(
        recipe, params, swap_batch_axes(data.validation), spec.compiled_score, spec.compiled_metrics, data.mask
    )


def _fill_curves(spec: ProgramSpec, value: Any) -> Curves:
    """Returns curves with one value in place of each."""
    return Curves(value, value, value, dict.fromkeys(spec.compiled_metrics, value))


def _write_epoch(spec: ProgramSpec, history: Curves, numbers: Curves, epoch: Array) -> Curves:
    """Writes one epoch's numbers into the curves; those that are not evaluated stay NaN."""

    def write(old: Array, new: Array) -> Array:
        return jax.lax.dynamic_update_index_in_dim(old, new.astype(old.dtype), epoch, axis=-1)

    if spec.evaluate_at == "epochs":
        return jax.tree.map(write, history, numbers)
    return history._replace(losses=write(history.losses, numbers.losses))


def _get_learned(lanes: Lanes) -> tuple[Any, Any]:
    return lanes.state.params, lanes.state.optimizer_state


def _without_lane_axis(function: Callable[..., Any], in_axes: tuple[int | None, ...]) -> Callable[..., Any]:
    """Returns the function unchanged; replaces `jax.vmap` where a tile is one lane."""
    del in_axes
    return function
