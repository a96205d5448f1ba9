"""Row numbers in place of the examples of a fold, so that no lane holds a copy of the data."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn.augment.calls import call_augmentation
from jaxnn.training.recipe import Recipe


def look_up_rows(recipe: Recipe, data: tuple[Any, Any]) -> Recipe:
    """Returns a recipe for row numbers as data: its model and loss look the rows up in the whole data set.

    With an augmentation, that looks them up.
    """
    (x, targets), model = data, recipe.model

    def augment(key: Array, rows: Array, _: Array) -> tuple[Any, Any]:
        assert recipe.augment is not None
        return call_augmentation(recipe.augment, key, take_rows(x, rows), take_rows(targets, rows))

    if recipe.augment is not None:
        return recipe._replace(augment=augment)

    def apply(params: Any, rows: Array, *, key: Array | None = None) -> Any:
        return model.apply(params, take_rows(x, rows), key=key)

    def train_apply(params: Any, rows: Array, **options: Any) -> tuple[Any, Any]:
        assert model.train_apply is not None
        return model.train_apply(params, take_rows(x, rows), **options)

    def loss(outputs: Any, rows: Array) -> Array:
        return recipe.loss(outputs, take_rows(targets, rows))

    by_rows = model._replace(apply=apply, train_apply=None if model.train_apply is None else train_apply)
    return recipe._replace(model=by_rows, loss=loss)


def take_rows(tree: Any, rows: Array) -> Any:
    """Returns the rows of every array of a pytree."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows], tree)
