"""Training as a pure function.

`init_training` makes a state, `advance` carries it on by whole epochs, and `fit` is the two together. All of them
can be jitted, mapped over and differentiated; `train` (in `trainer.py`), lanes and everything else stand on the
same step.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxnn._checks.arrays import check_data, check_key, check_whole
from jaxnn._checks.params import check_arrays
from jaxnn._kernels.batch_last import turn_all
from jaxnn.data import minibatches
from jaxnn.training.recipe import Recipe, check_training, for_length, optimizer_of, reduce, steps_per_epoch
from jaxnn.training.stopping import StoppingRule, check_rule


class TrainingState(NamedTuple):
    """All that a training carries from epoch to epoch.

    Attributes:
        params: of the model.
        optimizer_state: of the optimizer.
        key: from which each epoch's order and dropout are drawn, together with `epoch`.
        epoch: epochs done.
    """

    params: Any
    optimizer_state: Any
    key: Array
    epoch: Int[Array, ""]


class Info(NamedTuple):
    """What `advance` reports of each epoch.

    Attributes:
        losses: the reduction of all examples' losses, each as it was when its batch came by; shape (epochs,).
        step_sizes: the largest change of any parameter over the epoch, shape (epochs,).
    """

    losses: Float[Array, "epochs"]
    step_sizes: Float[Array, "epochs"]


class Fit(NamedTuple):
    """The outcome of `fit`.

    Attributes:
        params: the trained parameters.
        losses: of each epoch, shape (epochs,), before that epoch's updates; past an early stop the last one repeats.
        epochs: epochs run, fewer than asked for where the stopping rule said so.
        state: to be carried on with `advance`.
    """

    params: Any
    losses: Float[Array, "epochs"]
    epochs: Int[Array, ""]
    state: TrainingState


def init_training(recipe: Recipe, key: Array, *, params: Any = None) -> TrainingState:
    """The state before the first epoch.

    Args:
        recipe: with a plain optimizer; `fit` is who turns a function of the total steps into one.
        key: a `jax.random.key`; initial weights, minibatch orders and dropout come from it.
        params: initial parameters; the model's own by default.

    Raises:
        TypeError: no key, or an optimizer that is still a function.

    Example:
        >>> import jaxnn as nn
        >>> recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(0.01))
        >>> init_training(recipe, jax.random.key(0)).epoch
        Array(0, dtype=int32)
    """
    check_key(key)
    init_key, run_key = jax.random.split(key)
    params = recipe.model.init(init_key) if params is None else jax.tree.map(jnp.asarray, params)
    return TrainingState(params, optimizer_of(recipe).init(params), run_key, jnp.zeros((), jnp.int32))


def start_training(where: str, recipe: Recipe, data: tuple[Any, Any], key: Array, params: Any) -> TrainingState:
    """`init_training` for data that fit the recipe; others are refused before a weight is drawn."""
    check_key(key)
    check_arrays(where, params)
    shapes = jax.eval_shape(recipe.model.init, key) if params is None else params
    check_training(where, recipe, data, shapes)
    return init_training(recipe, key, params=params)


def advance(recipe: Recipe, data: tuple[Any, Any], state: TrainingState, *, epochs: int) -> tuple[TrainingState, Info]:
    """Carry a training on by whole epochs: the pure function under everything that trains.

    Args:
        recipe: with a plain optimizer.
        data: `(x, targets)`, each an array or a pytree of them, the examples on the first axis.
        state: from `init_training` or an earlier call; the outcome does not depend on how the epochs are divided.
        epochs: how many, a Python int.

    Raises:
        TypeError, ValueError: as `fit`.

    Example:
        >>> import jaxnn as nn
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_residuals, optax.sgd(0.1))
        >>> data = jnp.ones((8, 1)), jnp.ones((8, 1))
        >>> state, info = advance(recipe, data, init_training(recipe, jax.random.key(0)), epochs=3)
        >>> state.epoch, info.losses.shape
        (Array(3, dtype=int32), (3,))
    """
    epochs = check_whole("advance", "epochs", epochs, least=1)
    _check_state(recipe, state)
    check_training("advance", recipe, data, state.params)
    return _advance(recipe, jax.tree.map(jnp.asarray, data), state, epochs)


def fit(
    recipe: Recipe,
    data: tuple[Any, Any],
    *,
    key: Array,
    epochs: int,
    params: Any = None,
    stop: StoppingRule | None = None,
) -> Fit:
    """Train: one pure function of the recipe's numbers, the data, the key and the initial parameters.

    It is not jitted inside, so that it can be jitted, mapped over and differentiated from outside. Called as it is, it
    compiles anew each time; in a Python loop over settings, jit one function of the setting and call that:

        run = jax.jit(lambda learning_rate, key: nn.fit(make_recipe(learning_rate), data, key=key, epochs=500))
        for learning_rate in learning_rates: run(learning_rate, key)      # compiles once

    and with `jax.jit(jax.vmap(...))` all of them run side by side.

    Gradients through it (of a validation loss with respect to a learning rate, say) are exact, with two costs. Reverse
    mode keeps the parameters, optimizer state and activations of every step: memory grows with the number of steps;
    `jax.jvp` or `jax.jacfwd` needs no memory for a few hyperparameters. And plain Adam gives NaN where some gradient is
    exactly 0, as for a pixel that is always black: the derivative of √v at v = 0 is infinite. Use
    `optax.adam(learning_rate, eps_root=1e-8)`.

    Args:
        recipe: what is trained, and how.
        data: `(x, targets)`, each an array or a pytree of them, the examples on the first axis.
        key: a `jax.random.key`; initial weights, minibatch orders and dropout come from it.
        epochs: the epoch limit, a Python int.
        params: initial parameters; the model's own by default.
        stop: a stopping rule. A stopped training is frozen while the compiled loop runs on, which keeps it
            differentiable and mappable, and saves no time; `train` does save it.

    Returns:
        `Fit(params, losses, epochs, state)`.

    Raises:
        TypeError: data that is no pair, labels that are not whole numbers, a key that is none.
        ValueError: no rows, lengths that differ, NaN or infinity in x, labels out of range, a batch larger than the
            data, features or channels that do not fit, or a loss that is not one value per example. All of it before
            anything compiles, wherever the values are known; of traced data only shapes and dtypes can be checked.

    Example:
        >>> import jaxnn as nn
        >>> x = jnp.linspace(0, 1, 20)[:, None]
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_residuals, optax.sgd(0.5))
        >>> fitted = fit(recipe, (x, 3 * x + 1), key=jax.random.key(0), epochs=200)
        >>> fitted.params["output"].weight.round(2), fitted.params["output"].bias.round(2)
        (Array([[3.]], dtype=float32), Array([1.], dtype=float32))
    """
    epochs = check_whole("fit", "epochs", epochs, least=1)
    check_rule("fit", stop)
    recipe = for_length(recipe, epochs * steps_per_epoch(recipe, check_data("fit", data)))
    state = start_training("fit", recipe, data, key, params)
    data = jax.tree.map(jnp.asarray, data)
    if stop is None:
        state, info = _advance(recipe, data, state, epochs)
        return Fit(state.params, info.losses, jnp.asarray(epochs, jnp.int32), state)
    return _fit_until(stop, recipe, data, state, epochs)


def _check_state(recipe: Recipe, state: Any) -> None:
    if not isinstance(state, TrainingState):
        raise TypeError(f"advance: state must be a TrainingState, from init_training, not {type(state).__name__}")
    made = jax.eval_shape(optimizer_of(recipe).init, state.params)
    if jax.tree.structure(made) != jax.tree.structure(state.optimizer_state):
        raise ValueError("advance: state holds an optimizer state that the recipe's optimizer does not make")


def _advance(recipe: Recipe, data: tuple[Any, Any], state: TrainingState, epochs: int) -> tuple[TrainingState, Info]:
    data = hold(recipe, data)

    def one(state: TrainingState, _) -> tuple[TrainingState, Info]:
        return one_epoch(recipe, data, state)

    return jax.lax.scan(one, state, length=epochs)


def hold(recipe: Recipe, data: Any) -> Any:
    """Data as a loop over epochs keeps them, and back again.

    Full batches are kept batch last: turned once before the loop, they need not be read in strides in every epoch,
    which takes up to 1.5 times as long. Minibatches are rows, which are looked up batch first.
    """
    return turn_all(data) if recipe.batch_size is None else data


def one_epoch(recipe: Recipe, held: tuple[Any, Any], state: TrainingState) -> tuple[TrainingState, Info]:
    """Every example once, unchecked: the new state, with the loss and the step size of this one epoch.

    The data are given as `hold` leaves them.
    """
    data = hold(recipe, held)
    order_key, drop_key = jax.random.split(jax.random.fold_in(state.key, state.epoch))
    step = functools.partial(_step, recipe)
    learned = state.params, state.optimizer_state
    if recipe.batch_size is None:
        learned, losses = step(learned, (data, None, drop_key))
        loss = recipe.reduction(losses)
    else:
        rows, counts = minibatches(order_key, len(jax.tree.leaves(data)[0]), recipe.batch_size)

        def minibatch(learned, chosen):
            rows, counts, i = chosen
            key = jax.random.fold_in(drop_key, i)
            return step(learned, (jax.tree.map(lambda leaf: leaf[rows], data), counts, key))

        learned, losses = jax.lax.scan(minibatch, learned, (rows, counts, jnp.arange(len(rows))))
        loss = reduce(recipe, losses.ravel(), None if counts is None else counts.ravel())
    return TrainingState(*learned, state.key, state.epoch + 1), Info(loss, _largest_change(state.params, learned[0]))


def _step(recipe: Recipe, learned: tuple[Any, Any], batch: tuple[Any, Any, Array]) -> tuple[tuple[Any, Any], Array]:
    """One update: new parameters and optimizer state, and the losses of the batch's examples before it."""
    params, optimizer_state = learned
    (x, targets), counts, key = batch

    def objective(params: Any) -> tuple[Array, Array]:
        # A line search comes back for the value at other parameters, under the same dropout.
        losses = recipe.loss(recipe.model.apply(params, x, key=jax.random.clone(key)), targets)
        return reduce(recipe, losses, counts), losses

    (value, losses), grad = jax.value_and_grad(objective, has_aux=True)(params)
    updates, optimizer_state = optimizer_of(recipe).update(
        grad, optimizer_state, params, value=value, grad=grad, value_fn=lambda params: objective(params)[0]
    )
    return (optax.apply_updates(params, updates), optimizer_state), losses


def _fit_until(stop: StoppingRule, recipe: Recipe, data: tuple[Any, Any], state: TrainingState, epochs: int) -> Fit:
    data = hold(recipe, data)

    def one(carry, _):
        before, memory, stopped, last = carry
        after, info = one_epoch(recipe, data, before)
        latest = info.losses.astype(last.dtype)
        remembered, now = stop.update(memory, -latest, info.step_sizes)
        (state, memory), loss = jax.tree.map(
            functools.partial(jnp.where, stopped),
            ((before._replace(key=None), memory), last),
            ((after._replace(key=None), remembered), latest),
        )
        # The key is the same before and after, and JAX counts a key that is selected as used.
        return (state._replace(key=before.key), memory, stopped | now, loss), loss

    start = (state, stop.init(), jnp.array(False), jnp.zeros((), float))
    (state, *_), losses = jax.lax.scan(one, start, length=epochs)
    return Fit(state.params, losses, state.epoch, state)


def _largest_change(before: Any, after: Any) -> Array:
    changes = jax.tree.leaves(jax.tree.map(lambda a, b: jnp.abs(b - a).max(), before, after))
    return functools.reduce(jnp.maximum, changes)
