"""What is trained, and how; and the refusal of data that does not fit it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from jaxnn._checks import check_data, check_whole
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
    """How many updates an epoch of `count` examples makes; the batch size is checked against it."""
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
    return recipe._replace(optimizer=recipe.optimizer(total_steps))


def check_training(where: str, recipe: Recipe, data: tuple[Any, Any], params: PyTree) -> None:
    """Refuse data that does not fit the recipe, before anything compiles.

    The network and the loss run once on shapes alone, with the targets' values at hand: every layer and loss makes
    its own checks there, on the whole data set.
    """
    count = check_data(where, data)
    steps_per_epoch(recipe, count)
    x, targets = data
    losses = jax.eval_shape(lambda params, x: recipe.loss(recipe.model.apply(params, x), targets), params, x)
    if jnp.shape(losses) != (count,):
        raise ValueError(
            f"{where}: the loss must give one value per example, shape ({count},), not {jnp.shape(losses)}; "
            "an elementwise loss needs a sum over the last axis"
        )


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
