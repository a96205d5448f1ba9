"""Training as a pure function: `advance` trains for some epochs, and `fit` trains from start to end.

Both can be jitted, mapped over and differentiated.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxnn._checks.arrays import check_whole, count_rows, is_traced, is_tracing
from jaxnn._kernels.dtypes import as_arrays
from jaxnn._kernels.program_cache import compile_function, trace_function
from jaxnn.training.buffer_check import check_buffers
from jaxnn.training.epoch import EpochInfo, TrainingState, judged_params, report_epoch, to_loop_layout, train_epoch
from jaxnn.training.prepare import check_training, prepare
from jaxnn.training.recipe import Recipe
from jaxnn.training.state_check import check_state
from jaxnn.training.stopping import StoppingRule, check_rule
from jaxnn.training.summary import count_numbers, summarize_curve


class FitResult(NamedTuple):
    """The result of `fit`.

    Attributes:
        params: the trained parameters; with `Recipe.ema` their mean.
        losses: the training loss of each epoch, before its updates; shape (epochs,). After an early stop the last loss
            is repeated.
        epochs: the number of epochs that ran, fewer than the limit after an early stop.
        state: the state from which `advance` continues.
    """

    params: Any
    losses: Float[Array, "epochs"]
    epochs: Int[Array, ""]
    state: TrainingState

    def __repr__(self) -> str:
        return f"FitResult\n  losses: {summarize_curve(self.losses)}\n  params: {count_numbers(self.params)}"


def advance(
    recipe: Recipe, data: tuple[Any, Any], state: TrainingState, *, epochs: int
) -> tuple[TrainingState, EpochInfo]:
    """Trains for some more epochs: one pure function, of which `fit` consists.

    In a Python loop it compiles once: outside of `jax.jit` and the like, a call compiles when no call has computed the
    same for as many epochs. It is still traced and checked every time, and the data are copied to the device. A jitted
    function does so once, which is faster for short epochs:

        step = jax.jit(lambda state: nn.advance(recipe, data, state, epochs=1))
        for _ in range(100): state, info = step(state)

    Args:
        recipe: with an optax transformation as optimizer.
        data: `(x, targets)`, each an array or a pytree of arrays, the examples on the first axis.
        state: from `init_training` or an earlier call. How the epochs are divided into calls changes no bit.
        epochs: the number of epochs, a Python int.

    Returns:
        The state after the epochs, and an `EpochInfo` with one loss and one step size for each of them.

    Raises:
        TypeError, ValueError: as `fit`.

    Example:
        >>> import jaxnn as nn, optax
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(0.1))
        >>> data = jnp.ones((8, 1)), jnp.ones((8, 1))
        >>> state, info = advance(recipe, data, nn.init_training(recipe, jax.random.key(0)), epochs=3)
        >>> state.epoch, info.losses.shape
        (Array(3, dtype=int32), (3,))
    """
    epochs = check_whole("advance", "epochs", epochs, least=1)
    check_state("advance", recipe, state)
    check_training("advance", recipe, data, state.params)
    check_buffers("advance", recipe, data, count_rows("advance", data), state.params)
    data = as_arrays(data)
    advanced = _advance_compiled(recipe, data, state, epochs)
    return _advance(recipe, data, state, epochs) if advanced is None else advanced


def fit(
    recipe: Recipe,
    data: tuple[Any, Any],
    *,
    key: Array,
    epochs: int,
    params: Any = None,
    stop: StoppingRule | None = None,
) -> FitResult:
    """Trains a model: one pure function of the recipe's numbers, the data, the key and the initial parameters.

    It is not jitted inside: you can jit it, map over it and differentiate it. A call outside `jax.jit` compiles every
    time. In a Python loop over settings, jit a function of the setting:

        run = jax.jit(lambda learning_rate, key: nn.fit(make_recipe(learning_rate), data, key=key, epochs=500))
        for learning_rate in learning_rates: run(learning_rate, key)      # compiles once

    With `jax.jit(jax.vmap(...))` all settings train side by side.

    Gradients through training, such as those of a validation loss with respect to the learning rate, are exact. Reverse
    mode keeps parameters, optimizer state and activations of every step, so its memory grows with the number of steps.
    For a few hyperparameters use `jax.jvp` or `jax.jacfwd`, which do not. With plain Adam, gradients through training
    are NaN if a gradient of the loss is exactly 0, such as that of a pixel that is always black. The derivative of √v
    at v = 0 is infinite; use `optax.adam(learning_rate, eps_root=1e-8)`.

    Args:
        recipe: what is trained, and how.
        data: `(x, targets)`, each an array or a pytree of arrays, the examples on the first axis.
        key: a `jax.random.key`; initial weights, minibatch orders, dropout and augmentation are drawn from it.
        epochs: the epoch limit, a Python int.
        params: initial parameters; by default those of `model.init`.
        stop: a stopping rule. A stopped training is frozen while the compiled loop runs on. This keeps it
            differentiable and mappable but saves no time; `train` saves the time.

    Returns:
        `FitResult(params, losses, epochs, state)`.

    Raises:
        TypeError: data that is not a pair, labels that are not whole numbers, or a key that is not a `jax.random.key`.
        ValueError: no rows, arrays of different lengths, NaN or infinity, labels out of range, a batch larger than the
            data, features or channels that do not match, or a loss that is not one value per example.

    All errors come before anything compiles. Traced data is checked by shape and dtype only.

    Example:
        >>> import jaxnn as nn, optax
        >>> x = jnp.linspace(0, 1, 20)[:, None]
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(0.5))
        >>> fitted = fit(recipe, (x, 3 * x + 1), key=jax.random.key(0), epochs=200)
        >>> fitted.params["output"].weight.round(2), fitted.params["output"].bias.round(2)
        (Array([[3.]], dtype=float32), Array([1.], dtype=float32))
    """
    check_rule("fit", stop)
    start = prepare("fit", recipe, data, key, params, epochs)
    if stop is not None:
        return _fit_until(stop, start.recipe, start.data, start.state, start.epochs)
    state, info = _advance(start.recipe, start.data, start.state, start.epochs)
    return FitResult(judged_params(state), info.losses, jnp.asarray(start.epochs, jnp.int32), state)


def _advance(
    recipe: Recipe, data: tuple[Any, Any], state: TrainingState, epochs: int
) -> tuple[TrainingState, EpochInfo]:
    data = to_loop_layout(recipe, data)

    def train_one(state: TrainingState, _: None) -> tuple[TrainingState, EpochInfo]:
        state, info = train_epoch(recipe, data, state)
        return report_epoch(state, info.losses), info

    return jax.lax.scan(train_one, state, length=epochs)


def _advance_compiled(
    recipe: Recipe, data: tuple[Any, Any], state: TrainingState, epochs: int
) -> tuple[TrainingState, EpochInfo] | None:
    """Advances by a program that is compiled once in a process; returns None inside a transformation of JAX."""
    if is_tracing() or is_traced((data, state)):
        return None
    advance = functools.partial(_advance, recipe, epochs=epochs)
    traced = trace_function(advance, data, state)
    # More inputs than arguments: the recipe closes over numbers that `jax.vmap` or `jax.grad` trace.
    if len(traced.jaxpr.in_avals) > len(jax.tree.leaves((data, state))):
        return None
    return compile_function(advance, data, state, trace=lambda: traced)(data, state)


def _fit_until(
    stop: StoppingRule, recipe: Recipe, data: tuple[Any, Any], state: TrainingState, epochs: int
) -> FitResult:
    data = to_loop_layout(recipe, data)

    def train_one(carry: Any, _: None) -> tuple[Any, Array]:
        before, memory, stopped, last_loss = carry
        after, info = train_epoch(recipe, data, before)
        after = report_epoch(after, info.losses)
        loss = info.losses.astype(last_loss.dtype)
        new_memory, stops = stop.update(memory, -loss, info.step_sizes)
        (state, memory), loss = jax.tree.map(
            functools.partial(jnp.where, stopped),
            ((before._replace(key=None), memory), last_loss),
            ((after._replace(key=None), new_memory), loss),
        )
        # The key never changes, and JAX's key-reuse checker counts a selected key as used.
        return (state._replace(key=before.key), memory, stopped | stops, loss), loss

    start = (state, stop.init(), jnp.array(False), jnp.zeros((), float))
    (state, *_), losses = jax.lax.scan(train_one, start, length=epochs)
    return FitResult(judged_params(state), losses, state.epoch, state)
