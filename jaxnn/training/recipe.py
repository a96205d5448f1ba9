"""What is trained, and how; and the refusal of data that does not fit it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from jaxnn._checks.arrays import check_data, check_whole
from jaxnn._checks.params import check_model, check_params
from jaxnn.models import Model

Optimizer = optax.GradientTransformation | Callable[[int], optax.GradientTransformation]


class Recipe(NamedTuple):
    """What is trained, and how.

    Attributes:
        model: the pair of functions.
        loss: `loss(outputs, targets) -> (batch,)`, one value per example.
        optimizer: an optax transformation, or a function `total_steps -> transformation` for schedules whose length
            depends on the run. It always gets `value`, `grad` and `value_fn`, so that optax's line searches work.
        batch_size: rows in a minibatch; None trains on all rows at once.
        reduction: makes one number of a batch's losses: `jnp.mean`, or `jnp.sum` as in the notes. It takes `where=`.

    Freeze parameters with one line: `optax.selective_transform(optimizer, freeze_mask=...)`, or
    `optax.chain(optimizer, optax.freeze(mask))`; not with `optax.masked`, which lets raw gradients through.
    """

    model: Model
    loss: Callable[[Any, Any], Float[Array, "batch"]]
    optimizer: Optimizer
    batch_size: int | None = None
    reduction: Callable[..., Float[Array, ""]] = jnp.mean


def steps_per_epoch(recipe: Recipe, count: int) -> int:
    """How many updates an epoch of `count` examples makes; the recipe is checked, its batch size against `count`."""
    check_recipe(recipe)
    if recipe.batch_size is None:
        return 1
    batch_size = check_whole("Recipe", "batch_size", recipe.batch_size, least=1)
    if batch_size > count:
        raise ValueError(f"Recipe: batch_size must be at most the number of examples, {count}, not {batch_size}")
    return math.ceil(count / batch_size)


def for_length(recipe: Recipe, total_steps: int) -> Recipe:
    """The recipe with a plain optimizer, made for this number of steps where it is a function of it."""
    if isinstance(recipe.optimizer, optax.GradientTransformation):
        return recipe
    made = recipe.optimizer(total_steps)
    if not isinstance(made, optax.GradientTransformation):
        raise TypeError(f"Recipe: optimizer, called with the total steps, must give a transformation, not {made!r}")
    return recipe._replace(optimizer=made)


def check_recipe(recipe: Any) -> None:
    """A recipe of the parts it should have; what they do is seen when they run on shapes."""
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe must be a Recipe, not {type(recipe).__name__}")
    check_model("Recipe", recipe.model)
    for name in ("loss", "reduction"):
        if not callable(getattr(recipe, name)):
            raise TypeError(f"Recipe: {name} must be a function, not {getattr(recipe, name)!r}")
    optimizer = recipe.optimizer
    if isinstance(optimizer, optax.GradientTransformation):
        return
    # optax.adam itself would take the number of steps for its learning rate.
    if not callable(optimizer) or getattr(optimizer, "__module__", "").startswith("optax"):
        raise TypeError(
            "Recipe: optimizer must be an optax transformation, such as optax.adam(0.01), "
            f"or a function of the total steps that gives one, not {optimizer!r}"
        )


def check_training(where: str, recipe: Recipe, data: tuple[Any, Any], params: PyTree) -> None:
    """Refuse data that does not fit the recipe, before anything compiles.

    The network and the loss run once on shapes alone, with the targets' values at hand: every layer and loss makes
    its own checks there, on the whole data set.
    """
    count = check_data(where, data)
    steps_per_epoch(recipe, count)
    check_params(where, recipe.model, params)
    x, targets = data
    losses = jax.eval_shape(lambda params, x: recipe.loss(recipe.model.apply(params, x, key=None), targets), params, x)
    found = losses.shape if isinstance(losses, jax.ShapeDtypeStruct) else type(losses).__name__
    if found != (count,):
        raise ValueError(
            f"{where}: the loss must give one value per example, shape ({count},), not {found}; "
            "an elementwise loss needs a sum over the last axis"
        )
    if not jnp.issubdtype(losses.dtype, jnp.floating):
        raise TypeError(f"{where}: the loss must give real floating-point numbers, not {losses.dtype}")
    _check_reduction(where, recipe, losses)


def _check_reduction(where: str, recipe: Recipe, losses: Any) -> None:
    """One number of the losses, with a mask too where the last minibatch is filled with rows that do not count."""
    filled = recipe.batch_size is not None and losses.shape[0] % recipe.batch_size
    counts = jax.ShapeDtypeStruct(losses.shape, bool) if filled else None
    reduced = jax.eval_shape(lambda losses, counts: reduce(recipe, losses, counts), losses, counts)
    found = reduced.shape if isinstance(reduced, jax.ShapeDtypeStruct) else type(reduced).__name__
    if found != () or not jnp.issubdtype(reduced.dtype, jnp.floating):
        raise ValueError(f"{where}: the reduction must make one floating-point number of the losses, not {reduced}")


def optimizer_of(recipe: Recipe) -> optax.GradientTransformationExtraArgs:
    """The recipe's optimizer, which must be a plain one, with extra arguments let through."""
    if not isinstance(recipe.optimizer, optax.GradientTransformation):
        raise TypeError(
            f"the optimizer must be an optax transformation here, not {recipe.optimizer!r}; "
            "give a function of the total steps its number: recipe._replace(optimizer=recipe.optimizer(total_steps))"
        )
    return optax.with_extra_args_support(recipe.optimizer)


def reduce(recipe: Recipe, losses: Array, counts: Array | None) -> Array:
    """The reduction of those losses that count."""
    return recipe.reduction(losses) if counts is None else recipe.reduction(losses, where=counts)
