"""The optimizer of a recipe: built for the total steps of a training, and called with what it accepts."""

import inspect
from typing import Any

import jax
import optax

from jaxnn.buffers import partition
from jaxnn.training.ema import keep_mean
from jaxnn.training.recipe import Recipe, check_recipe, steps_per_epoch


def build_optimizer(recipe: Recipe, count: int, epochs: int) -> Recipe:
    """Checks a recipe, and returns it with an optax transformation as optimizer.

    An optimizer that is a function of the total steps is called with those of `epochs` epochs of `count` examples.
    """
    check_recipe(recipe)
    total_steps = epochs * steps_per_epoch(recipe, count)
    optimizer = recipe.optimizer
    if not isinstance(optimizer, optax.GradientTransformation | optax.MultiSteps):
        optimizer = optimizer(total_steps)
    optimizer = _convert_multi_steps(optimizer)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(
            f"Recipe: optimizer, called with the total steps, must give a transformation, not {optimizer!r}"
        )
    return recipe if optimizer is recipe.optimizer else recipe._replace(optimizer=optimizer)


def get_optimizer(recipe: Recipe) -> optax.GradientTransformationExtraArgs:
    """Returns the optimizer of a recipe, which must be an optax transformation, extended to accept extra arguments.

    With `ema` its state also holds the mean of the parameters.
    """
    optimizer = _convert_multi_steps(recipe.optimizer)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(
            f"the optimizer must be an optax transformation here, not {recipe.optimizer!r}; "
            "call a function of the total steps first: recipe._replace(optimizer=recipe.optimizer(total_steps))"
        )
    optimizer = optax.with_extra_args_support(optimizer)
    return optimizer if recipe.ema is None else keep_mean(optimizer, recipe.ema)


def init_optimizer(recipe: Recipe, params: Any) -> Any:
    """Returns the state of the optimizer before the first step; the optimizer sees the learned parameters alone.

    Raises:
        ValueError: a mask or labels that are a tree with buffers.
    """
    learned, buffers = partition(params)
    try:
        return get_optimizer(recipe).init(learned)
    except ValueError as error:
        if buffers is None:
            raise
        raise ValueError(
            "Recipe: the optimizer does not take the learned params, which have None in the places of buffers; "
            f"give masks and labels as functions, lambda params: jax.tree.map(…, params): {error}"
        ) from error


def _convert_multi_steps(optimizer: Any) -> Any:
    return optimizer.gradient_transformation() if isinstance(optimizer, optax.MultiSteps) else optimizer


def compute_updates(recipe: Recipe, arguments: tuple[Any, Any, Any], **extra: Any) -> tuple[Any, Any]:
    """Calls the optimizer's update with (gradient, state, params) and the extra arguments that it accepts.

    An update that accepts any gets all but `grad_fn`, which optax's line searches would refuse.
    """
    update = get_optimizer(recipe).update
    parameters = inspect.signature(update).parameters.values()
    takes_any = any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters)
    names = {parameter.name for parameter in parameters} | (set(extra) - {"grad_fn"} if takes_any else set())
    extra = {name: value for name, value in extra.items() if name in names}
    try:
        # Optax mixes floats and whole numbers.
        with jax.numpy_dtype_promotion("standard"):
            return update(*arguments, **extra)
    except AttributeError as error:
        if error.name not in ("fast", "slow"):
            raise
        raise TypeError(
            f"Recipe: the optimizer does not take the params of this model: {error}; "
            "optax.lookahead needs two copies of them, as the docstring of Recipe shows"
        ) from error
    except TypeError as error:
        if isinstance(error, jax.errors.JAXTypeError):
            raise
        raise TypeError(
            f"Recipe: the optimizer cannot compute its updates: {error}; is its learning rate a number?"
        ) from error
