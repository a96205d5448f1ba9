"""Checks of a model with buffers, made for every training before anything compiles."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from jaxnn._checks.arrays import leaf_name
from jaxnn._checks.data import shape_rows
from jaxnn._kernels.dtypes import as_native
from jaxnn.augment.mix import compute_losses
from jaxnn.buffers import is_buffer, partition
from jaxnn.training.augmentation import augment_batch
from jaxnn.training.optimizer import init_optimizer
from jaxnn.training.recipe import Recipe

_CONSTANTS = "lambda params, x, *, key, where=None: (apply(params, x, key=key), params)"


def check_buffers(caller: str, recipe: Recipe, data: tuple[Any, Any], count: int, params: PyTree) -> None:
    """Checks that what is learned has a gradient, and traces `train_apply` on the shapes of a batch of `count` rows.

    Raises:
        TypeError: integers outside of a buffer, keys in one, or a `train_apply` that does not return a pair.
        ValueError: nothing to learn; buffers without a `train_apply`, or one that returns other params; a loss that is
            not one value per example; an optimizer with a mask that is a tree with buffers.
    """
    learned, buffers = partition(params)
    if buffers is not None:
        jax.eval_shape(functools.partial(init_optimizer, recipe), params)
    _check_types(caller, learned, buffers)
    if recipe.model.train_apply is not None:
        rows = count if recipe.batch_size is None else min(recipe.batch_size, count)
        _check_train_apply(caller, recipe, data, rows, params)
    elif buffers is not None:
        names = ", ".join(_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(buffers, is_leaf=is_buffer))
        raise ValueError(
            f"{caller}: the model has buffers ({names}), but no train_apply, which gives their new values; "
            f"for constants it is {_CONSTANTS}"
        )


def _check_types(caller: str, learned: Any, buffers: Any) -> None:
    """Checks that something is learned, that all of it has a gradient, and that buffers hold numbers."""
    leaves = jax.tree_util.tree_leaves_with_path(learned)
    if not leaves:
        raise ValueError(f"{caller}: the model has nothing to learn: model.init makes no params but buffers")
    for path, leaf in leaves:
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.inexact):
            raise TypeError(
                f"{caller}: params: {_name(path)} holds {jnp.result_type(leaf)}, which has no gradient; "
                "mark numbers that are not learned as nn.Buffer"
            )
    for path, leaf in jax.tree_util.tree_leaves_with_path(buffers):
        if jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key):
            raise TypeError(f"{caller}: params: {_name(path)} must hold numbers, not keys; train_apply gets a key")


def _check_train_apply(caller: str, recipe: Recipe, data: tuple[Any, Any], rows: int, params: PyTree) -> None:
    x, targets = shape_rows(as_native(data), rows)
    key = jax.eval_shape(lambda: jax.random.key(0))
    x, targets = jax.eval_shape(functools.partial(augment_batch, recipe.augment), key, x, targets)
    # With a mask, also where no minibatch needs one: the next data may not fill the last one.
    where = jax.ShapeDtypeStruct((rows,), bool)
    train_apply: Any = recipe.model.train_apply
    returned = jax.eval_shape(
        lambda params, x, key, where: train_apply(params, x, key=key, where=where), params, x, key, where
    )
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise TypeError(f"{caller}: train_apply must return a pair (outputs, params), not {type(returned).__name__}")
    outputs, after = returned
    _check_same(caller, params, after)
    losses = jax.eval_shape(functools.partial(compute_losses, recipe.loss), outputs, targets)
    if losses.shape != (rows,):
        raise ValueError(
            f"{caller}: the loss of train_apply's outputs must give one value per example, shape ({rows},), "
            f"not {losses.shape}"
        )


def _check_same(caller: str, before: Any, after: Any) -> None:
    """Checks that returned params have the structure, shapes and types of the given ones."""
    rule = f"{caller}: train_apply must return params as it takes them"
    expected, given = (dict(jax.tree_util.tree_leaves_with_path(tree)) for tree in (before, after))
    for words, paths in (("lack", expected.keys() - given.keys()), ("have another", given.keys() - expected.keys())):
        if paths:
            raise ValueError(f"{rule}; those returned {words} {', '.join(sorted(map(_name, paths)))}")
    for path, leaf in expected.items():
        described, returned = (f"{jnp.result_type(each)} of shape {jnp.shape(each)}" for each in (leaf, given[path]))
        if described != returned:
            raise ValueError(f"{rule}: {_name(path)} must be {described}, not {returned}")
    structures = [jax.tree.structure(tree) for tree in (before, after)]
    if structures[0] != structures[1]:
        raise ValueError(f"{rule}, {structures[0]}, not {structures[1]}")


def _name(path: Any) -> str:
    return leaf_name(path) if path else "params"
