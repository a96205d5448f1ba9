"""Augmentation in the training step: its key, and its checks on shapes."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import by_name, leaf_name
from jaxnn._checks.data import shape_rows
from jaxnn._kernels.dtypes import as_native
from jaxnn.augment.calls import Augmentation, call_augmentation
from jaxnn.augment.mix import compute_losses

# Derives the key of the augmentation from that of dropout. Splits and folds of a model take small numbers.
_AUGMENTATION_KEY = 2**32 - 1


def augment_batch(augment: Augmentation | None, key: Array, x: Any, targets: Any) -> tuple[Any, Any]:
    """Returns the batch of a step after augmentation.

    Args:
        augment: `Recipe.augment`.
        key: that of the step, from which dropout is drawn too.
        x, targets: of the batch.
    """
    if augment is None:
        return x, targets
    return call_augmentation(augment, jax.random.fold_in(key, np.uint32(_AUGMENTATION_KEY)), x, targets)


def check_augmentation(caller: str, recipe: Any, data: tuple[Any, Any], params: Any) -> None:
    """Checks on the shapes of a batch that the augmentation keeps the shape of x, and that model and loss take it.

    Args:
        caller: the public function that the message names.
        recipe: with a valid batch size.
        data: `(x, targets)`, valid.
        params: the parameters or their shapes.

    Raises:
        ValueError: x has another shape, or there is not one loss for each example.
    """
    if recipe.augment is None:
        return
    data = as_native(data)
    rows = len(jax.tree.leaves(data)[0]) if recipe.batch_size is None else recipe.batch_size
    batch = shape_rows(data, rows)
    # Not `jax.random.key`, which compiles.
    key = jax.eval_shape(lambda: jax.random.key(0))
    x, targets = jax.eval_shape(lambda key, x, targets: augment_batch(recipe.augment, key, x, targets), key, *batch)
    _check_shapes(caller, batch[0], x)

    def compute(params: Any, x: Any, targets: Any) -> Any:
        return compute_losses(recipe.loss, recipe.model.apply(params, x, key=None), targets)

    losses = jax.eval_shape(compute, params, x, targets)
    if losses.shape != (rows,):
        raise ValueError(
            f"{caller}: the loss of augmented examples must give one value per example, shape ({rows},), not "
            f"{losses.shape}"
        )


def _check_shapes(caller: str, before: Any, after: Any) -> None:
    """Checks that x has the same names and shapes after augmentation; its types may differ."""
    if jax.tree.structure(before) != jax.tree.structure(after):
        structures = f"{jax.tree.structure(before)}, not {jax.tree.structure(after)}"
        raise ValueError(f"{caller}: augment must keep the structure of x, {structures}")
    named = jax.tree_util.tree_leaves_with_path(by_name((before, None)))
    for (path, leaf), augmented in zip(named, jax.tree.leaves(after), strict=True):
        if leaf.shape != augmented.shape:
            raise ValueError(
                f"{caller}: augment must keep the shape of {leaf_name(path)}, {leaf.shape} for a batch, not "
                f"{augmented.shape}"
            )
