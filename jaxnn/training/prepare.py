"""Checks that recipe, data and parameters fit together, made for every training before anything compiles.

Model, loss and reduction are traced once on shapes, with the values of the targets where they are known. Every layer
and loss makes its own checks there, on the whole data set.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from jaxnn._checks.arrays import check_key, check_whole, is_traced
from jaxnn._checks.data import check_data, shape_rows
from jaxnn._checks.params import check_arrays, check_params
from jaxnn._kernels.dtypes import as_arrays, as_native
from jaxnn.scores.errors import check_higher_is_better
from jaxnn.training.augmentation import check_augmentation
from jaxnn.training.buffer_check import check_buffers
from jaxnn.training.epoch import TrainingState, init_training
from jaxnn.training.loss_check import check_loss_rows
from jaxnn.training.optimizer import build_optimizer
from jaxnn.training.penalty import check_penalty
from jaxnn.training.recipe import Recipe, check_recipe, limit_epochs, reduce_losses, steps_per_epoch
from jaxnn.training.state_check import check_goes_on, check_state

# The errors of JAX where a function asks a traced array for its numbers.
_NO_NUMBERS = (
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.ConcretizationTypeError,
    jax.errors.NonConcreteBooleanIndexError,
)


class Prepared(NamedTuple):
    """The checked arguments of a training, and the state with which it starts.

    Attributes:
        recipe: with an optax transformation as optimizer.
        data: `(x, targets)` as JAX arrays.
        validation: `(x, targets)` as JAX arrays, or None.
        state: before the first epoch, or that from which the training goes on.
        epochs: the epoch limit.
    """

    recipe: Recipe
    data: tuple[Any, Any]
    validation: tuple[Any, Any] | None
    state: TrainingState
    epochs: int


def prepare(
    caller: str,
    recipe: Recipe,
    data: tuple[Any, Any],
    key: Array,
    params: PyTree,
    epochs: int,
    *,
    state: TrainingState | None = None,
    validation: tuple[Any, Any] | None = None,
    score: Any = None,
    examples: int | None = None,
) -> Prepared:
    """Checks the arguments of a training, then draws the initial weights; returns everything that it starts with.

    With a state, the training goes on from it, and nothing is drawn. `examples` is the number of those of an epoch,
    where `data` are only its first batch.
    """
    epochs = check_whole(caller, "epochs", epochs, least=1)
    count = check_data(caller, data)
    check_recipe(recipe)
    total, epochs = epochs, limit_epochs(caller, recipe, epochs)
    if state is not None:
        check_goes_on(caller, recipe, state, params, epochs)
        params = state.params
    recipe = build_optimizer(recipe, examples or count, total)
    check_key(key)
    check_arrays(caller, params)
    # Inside a trace the initial weights cost no more than their shapes.
    drawn = init_training(recipe, key) if params is None and is_traced(key) else None
    if drawn is None:
        shapes = jax.eval_shape(recipe.model.init, key) if params is None else params
        check_params(caller, recipe.model, shapes)
    else:
        shapes = drawn.params
    if state is not None:
        check_state(caller, recipe, state)
    _check_traces(caller, recipe, data, count, shapes)
    check_buffers(caller, recipe, data, count, shapes)
    if validation is not None:
        evaluated = recipe._replace(batch_size=None, augment=None)
        check_training(f"{caller}: validation", evaluated, validation, shapes)
        check_score(caller, score, recipe, shapes, validation)
    start = state or drawn or init_training(recipe, key, params=params)
    data, validation = as_arrays((data, validation))
    return Prepared(recipe, data, validation, start, epochs)


def check_training(caller: str, recipe: Recipe, data: tuple[Any, Any], params: PyTree) -> None:
    """Checks that recipe, data and parameters (or their shapes) fit together."""
    count = check_data(caller, data)
    check_recipe(recipe)
    steps_per_epoch(recipe, count)
    check_functions(caller, recipe, data, count, params)


def check_functions(caller: str, recipe: Recipe, data: tuple[Any, Any], count: int, params: PyTree) -> None:
    """Checks parameters, model, loss and reduction on the shapes of `count` examples that have passed `check_data`."""
    check_params(caller, recipe.model, params)
    _check_traces(caller, recipe, data, count, params)


def _check_traces(caller: str, recipe: Recipe, data: tuple[Any, Any], count: int, params: PyTree) -> None:
    """Traces model, loss and reduction on shapes, where they make their own checks.

    The model is traced with the rows of a minibatch, as the training traces it: layers that have been traced with the
    same shapes are not traced again. Where that fails, the model is traced with all rows, which the message names.
    """
    check_augmentation(caller, recipe, data, params)
    if recipe.batch_size is not None and recipe.batch_size < count:
        try:
            return _check_rows(caller, recipe, data, count, params, recipe.batch_size)
        except Exception:
            pass
    return _check_rows(caller, recipe, data, count, params, count)


def _check_rows(
    caller: str, recipe: Recipe, data: tuple[Any, Any], count: int, params: PyTree, traced_rows: int
) -> None:
    """Checks model, loss and reduction; the model on fewer rows, if all its outputs have the rows on the first axis."""
    x, targets = as_native(data)
    if traced_rows != count:
        x = shape_rows(x, traced_rows)
    outputs = jax.eval_shape(functools.partial(recipe.model.apply, key=None), params, x)
    outputs = jax.tree.map(functools.partial(_replace_rows, traced_rows, count), outputs)
    losses = jax.eval_shape(lambda outputs: recipe.loss(outputs, targets), outputs)
    shape = losses.shape if isinstance(losses, jax.ShapeDtypeStruct) else type(losses).__name__
    if shape != (count,):
        raise ValueError(
            f"{caller}: the loss must give one value per example, shape ({count},), not {shape}; "
            "an elementwise loss needs a sum over the last axis"
        )
    if not jnp.issubdtype(losses.dtype, jnp.floating):
        raise TypeError(f"{caller}: the loss must give real floating-point numbers, not {losses.dtype}")
    check_loss_rows(caller, recipe.loss, outputs, targets)
    check_penalty(caller, recipe.penalty, params)
    _check_reduction(caller, recipe, losses)


def _replace_rows(rows: int, count: int, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    if rows != count and leaf.shape[:1] != (rows,):
        raise ValueError(f"outputs of shape {leaf.shape} have no axis of {rows} examples")
    return leaf if rows == count else leaf.update(shape=(count, *leaf.shape[1:]))


def _check_reduction(caller: str, recipe: Recipe, losses: Any) -> None:
    """Checks that the reduction gives one number, also with the mask of an incomplete last minibatch."""
    incomplete = recipe.batch_size is not None and losses.shape[0] % recipe.batch_size and not recipe.drop_last
    mask = jax.ShapeDtypeStruct(losses.shape, bool) if incomplete else None
    reduced = jax.eval_shape(lambda losses, mask: reduce_losses(recipe, losses, mask), losses, mask)
    is_number = isinstance(reduced, jax.ShapeDtypeStruct) and reduced.shape == ()
    if not is_number or not jnp.issubdtype(reduced.dtype, jnp.floating):
        raise ValueError(f"{caller}: the reduction must make one floating-point number of the losses, not {reduced}")


def check_score(caller: str, score: Any, recipe: Recipe, params: PyTree, data: tuple[Any, Any]) -> None:
    """Checks on shapes that a score can be compiled and gives one number; None is allowed."""
    error = None if score is None else find_trace_error(caller, "score", score, recipe, params, data)
    if error is not None:
        raise ValueError(f"{caller}: score must be written in functions of jax.numpy, it is compiled") from error


def find_trace_error(
    caller: str, name: str, function: Any, recipe: Recipe, params: PyTree, data: tuple[Any, Any], mask: Any = None
) -> Exception | None:
    """Returns the error that shows that a score or a metric cannot be compiled; checks that it gives one number.

    It uses NumPy, or there is a mask that it does not take as `where=`. None shows that it can be compiled.
    """
    if not callable(function):
        raise TypeError(f"{caller}: {name} must be a function of outputs and targets, not {function!r}")
    if name == "score":
        check_higher_is_better(caller, function)
    x, targets = as_native(data)
    outputs = jax.eval_shape(functools.partial(recipe.model.apply, key=None), params, x)

    def compute(outputs: Any, targets: Any, options: dict[str, Any]) -> None:
        check_real_number(caller, function(outputs, targets, **options), name)

    def trace(options: dict[str, Any]) -> None:
        # First with the values of the targets, which a function may check, and then as the compiled program calls it.
        jax.eval_shape(lambda outputs: compute(outputs, targets, options), outputs)
        jax.eval_shape(compute, outputs, targets, options)

    error = _catch(trace, {} if mask is None else {"where": mask})
    if isinstance(error, TypeError) and mask is not None and not _needs_numbers(error):
        without_mask = _catch(trace, {})
        if without_mask is None or _needs_numbers(without_mask):
            return error
    if error is not None and not _needs_numbers(error):
        raise error
    return error


def _catch(function: Callable[[Any], Any], argument: Any) -> Exception | None:
    """Returns the error that a call raises, or None."""
    try:
        function(argument)
    except Exception as error:
        return error
    return None


def _needs_numbers(error: BaseException | None) -> bool:
    """Returns whether an error arose because a traced array has no numbers yet, such as for NumPy."""
    while error is not None:
        if isinstance(error, _NO_NUMBERS):
            return True
        error = error.__cause__ or error.__context__
    return False


def check_real_number(caller: str, result: Any, name: str = "score") -> None:
    """Checks that the result of a score or a metric is one real number."""
    is_real = isinstance(result, np.ndarray | np.generic | Array | int | float) and not jnp.iscomplexobj(result)
    if not is_real or jnp.shape(result) != ():
        shown = f"an array of shape {jnp.shape(result)}" if is_real else repr(result)
        raise ValueError(f"{caller}: {name} must give one real number, not {shown}")
