"""One epoch of training, unchecked: the step on which `fit`, `train` and the lanes of a sweep are built."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxnn._checks.arrays import check_key
from jaxnn._kernels.batch_last import swap_batch_axes
from jaxnn._kernels.dtypes import as_arrays
from jaxnn.augment.mix import compute_losses
from jaxnn.batches import FoldRows, fold_minibatches, minibatches
from jaxnn.buffers import merge, partition
from jaxnn.models.model import Model
from jaxnn.training.augmentation import augment_batch
from jaxnn.training.ema import MeanState
from jaxnn.training.optimizer import compute_updates, init_optimizer
from jaxnn.training.penalty import add_penalty
from jaxnn.training.plateau import report_loss
from jaxnn.training.recipe import Recipe, reduce_losses, steps_per_epoch


class TrainingState(NamedTuple):
    """Everything that a training carries from epoch to epoch.

    Attributes:
        params: the parameters of the model, with its buffers.
        optimizer_state: the state of the optimizer; with `Recipe.ema`, `optimizer_state.mean` is the mean of the
            learned parameters.
        key: each epoch draws its minibatch order, dropout and augmentation from it and `epoch`, and does not change it.
        epoch: the number of epochs done.
    """

    params: Any
    optimizer_state: Any
    key: Array
    epoch: Int[Array, ""]


def judged_params(state: TrainingState) -> Any:
    """Returns the parameters that are evaluated and kept: with `Recipe.ema` their mean and the latest buffers.

    Args:
        state: of `init_training`, `advance` or a result of `fit` or `train`.

    Returns:
        The parameters as the model takes them; without `Recipe.ema` those of the state.

    Example:
        >>> import jaxnn as nn
        >>> recipe = nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.sgd(0.1), ema=0.9)
        >>> fitted = nn.fit(recipe, nn.datasets.iris().data, key=jax.random.key(0), epochs=2)
        >>> mean, last = judged_params(fitted.state), fitted.state.params
        >>> bool((mean["output"].weight == fitted.params["output"].weight).all())
        True
        >>> bool((mean["output"].weight == last["output"].weight).all())
        False
    """
    learned = state.optimizer_state
    return merge(learned.mean, partition(state.params)[1]) if isinstance(learned, MeanState) else state.params


def replace_judged_params(state: TrainingState, params: Any) -> TrainingState:
    """Returns the state with other parameters in the place of those that `judged_params` returns."""
    if not isinstance(state.optimizer_state, MeanState):
        return state._replace(params=params)
    mean, buffers = partition(params)
    latest = merge(partition(state.params)[0], buffers)
    return state._replace(params=latest, optimizer_state=state.optimizer_state._replace(mean=mean))


def report_epoch(state: TrainingState, loss: Array) -> TrainingState:
    """Returns the state after an epoch, with its loss for `reduce_on_plateau`."""
    return state._replace(optimizer_state=report_loss(state.optimizer_state, loss))


class EpochInfo(NamedTuple):
    """What `advance` reports for each epoch.

    Attributes:
        losses: the reduction of the losses of all examples, each before the update of its batch; shape (epochs,). With
            `Recipe.drop_last` those of the examples that were trained on.
        step_sizes: the largest change of any learned parameter over the epoch, shape (epochs,).
    """

    losses: Float[Array, "epochs"]
    step_sizes: Float[Array, "epochs"]


def init_training(recipe: Recipe, key: Array, *, params: Any = None) -> TrainingState:
    """Returns the state before the first epoch.

    Args:
        recipe: its optimizer must be an optax transformation. `fit` calls a function of the total steps by itself.
        key: a `jax.random.key`; initial weights, minibatch orders, dropout and augmentation are drawn from it.
        params: initial parameters; by default those of `model.init`.

    Raises:
        TypeError: not a key, or an optimizer that is a function of the total steps.

    Example:
        >>> import jaxnn as nn
        >>> recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(0.01))
        >>> init_training(recipe, jax.random.key(0)).epoch
        Array(0, dtype=int32)
    """
    check_key(key)
    init_key, run_key = jax.random.split(key)
    params = recipe.model.init(init_key) if params is None else as_arrays(params)
    return TrainingState(params, init_optimizer(recipe, params), run_key, jnp.zeros((), jnp.int32))


def to_loop_layout(recipe: Recipe, data: Any) -> Any:
    """Returns data in the layout of a loop over epochs: batch last for full batches, batch first for minibatches.

    Full batches are transposed once before the loop: strided reads in every epoch would take up to 1.5 times as long.
    Minibatches are looked up by row.
    """
    return swap_batch_axes(data) if recipe.batch_size is None else data


def from_loop_layout(recipe: Recipe, data: Any) -> Any:
    """Returns data batch first again; `to_loop_layout` is its own inverse."""
    return to_loop_layout(recipe, data)


def train_epoch(
    recipe: Recipe, data: tuple[Any, Any], state: TrainingState, fold_rows: FoldRows | None = None
) -> tuple[TrainingState, EpochInfo]:
    """Trains on every example once; returns the new state, and the loss and step size of this epoch.

    Args:
        recipe: with an optax transformation as optimizer.
        data: in the layout of `to_loop_layout`.
        state: before the epoch.
        fold_rows: how many rows there are before padding; None if all rows count.
    """
    data = from_loop_layout(recipe, data)
    learned = state.params, state.optimizer_state
    train = _train_full_batch if recipe.batch_size is None else _train_minibatches
    learned, loss = train(recipe, data, learned, epoch_keys(state.key, state.epoch), fold_rows)
    return end_epoch(state, learned, loss)


def epoch_keys(key: Array, epoch: Any) -> tuple[Array, Array]:
    """Returns the two keys of an epoch: of its minibatch order, and of its steps."""
    order_key, dropout_key = jax.random.split(jax.random.fold_in(key, epoch))
    return order_key, dropout_key


def end_epoch(before: TrainingState, learned: tuple[Any, Any], loss: Array) -> tuple[TrainingState, EpochInfo]:
    """Returns the state after an epoch, from what was learned in it, and its loss and step size."""
    params, optimizer_state = learned
    info = EpochInfo(loss, _largest_change(before.params, params))
    return TrainingState(params, optimizer_state, before.key, before.epoch + 1), info


def _train_full_batch(
    recipe: Recipe, data: Any, learned: Any, keys: tuple[Array, Array], fold_rows: FoldRows | None
) -> tuple[Any, Array]:
    mask = None if fold_rows is None else jnp.arange(max(fold_rows.counts), dtype=jnp.int32) < fold_rows.own_count
    learned, losses = take_step(recipe, learned, (data, mask, keys[1]))
    return learned, reduce_losses(recipe, losses, mask)


def _train_minibatches(
    recipe: Recipe, data: Any, learned: Any, keys: tuple[Array, Array], fold_rows: FoldRows | None
) -> tuple[Any, Array]:
    assert recipe.batch_size is not None
    order_key, dropout_key = keys
    if fold_rows is None:
        count = len(jax.tree.leaves(data)[0])
        rows, mask = minibatches(order_key, count, recipe.batch_size, drop_last=recipe.drop_last)
    else:
        rows, mask = fold_minibatches(fold_rows, order_key, recipe.batch_size, drop_last=recipe.drop_last)
    has_empty = fold_rows is not None and steps_per_epoch(recipe, min(fold_rows.counts)) < len(rows)

    def train_minibatch(learned: Any, minibatch: Any) -> tuple[Any, Array]:
        rows, mask, i = minibatch
        key = jax.random.fold_in(dropout_key, i)
        after, losses = take_step(recipe, learned, (jax.tree.map(lambda leaf: leaf[rows], data), mask, key))
        if has_empty:
            # A shorter fold has no rows for the last steps, which then change nothing.
            after = jax.tree.map(functools.partial(jnp.where, mask.any()), after, learned)
        return after, losses

    learned, losses = jax.lax.scan(train_minibatch, learned, (rows, mask, jnp.arange(len(rows))))
    return learned, reduce_losses(recipe, losses.ravel(), None if mask is None else mask.ravel())


def take_step(recipe: Recipe, learned: tuple[Any, Any], batch: tuple[Any, Any, Array]) -> tuple[tuple[Any, Any], Array]:
    """Makes one update; returns parameters and optimizer state, and the examples' losses before the update."""
    params, optimizer_state = learned
    params, buffers = partition(params)
    (x, targets), mask, key = batch
    x, targets = augment_batch(recipe.augment, key, x, targets)

    def objective(params: Any) -> tuple[Array, Any]:
        # A line search evaluates other parameters under the same dropout; the clone lets it use the key again.
        outputs, new = apply_in_training(recipe.model, merge(params, buffers), x, jax.random.clone(key), mask)
        losses = add_penalty(recipe.penalty, compute_losses(recipe.loss, outputs, targets), params)
        return reduce_losses(recipe, losses, mask), (losses, new)

    (value, (losses, new)), grad = jax.value_and_grad(objective, has_aux=True)(params)
    updates, optimizer_state = compute_updates(
        recipe,
        (grad, optimizer_state, params),
        value=value,
        grad=grad,
        value_fn=lambda params: objective(params)[0],
        grad_fn=lambda params, _: jax.grad(objective, has_aux=True)(params)[0],
    )
    return (merge(optax.apply_updates(params, updates), new), optimizer_state), losses


def apply_in_training(model: Model, params: Any, x: Any, key: Array, mask: Array | None) -> tuple[Any, Any]:
    """Returns the outputs of a model in training, and its new buffers; None if it has none."""
    if model.train_apply is None:
        return model.apply(params, x, key=key), partition(params)[1]
    outputs, after = model.train_apply(params, x, key=key, where=mask)
    return outputs, partition(after)[1]


def _largest_change(before: Any, after: Any) -> Array:
    """Returns the largest change of any learned parameter."""

    # Functions of `jax.lax` take a fifth of the time to trace.
    def largest(a: Array, b: Array) -> Array:
        return jax.lax.reduce_max(jax.lax.abs(jax.lax.sub(b, a)), tuple(range(a.ndim)))

    changes = jax.tree.leaves(jax.tree.map(largest, partition(before)[0], partition(after)[0]))
    return functools.reduce(jnp.maximum, changes)
