"""Checks of parameters from the user against those that the model's `init` makes."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import is_traced, leaf_name
from jaxnn._checks.functions import never_changes


def check_model(caller: str, model: Any) -> None:
    """Checks that `model` has the two functions of a Model."""
    if not all(callable(getattr(model, name, None)) for name in ("init", "apply")):
        raise TypeError(f"{caller}: model must be a Model, a pair of functions (init, apply), not {model!r}")
    train_apply = getattr(model, "train_apply", None)
    if not (train_apply is None or callable(train_apply)):
        raise TypeError(f"{caller}: train_apply of the model must be a function or None, not {train_apply!r}")


def check_params(caller: str, model: Any, params: Any) -> None:
    """Checks that parameters have the names, shapes, kinds of numbers and structure that `model.init` makes."""
    # Inside a trace the model may close over tracers, and a cache must not keep those.
    is_constant = never_changes(model.init) and not is_traced(params)
    expected_tree = _cached_init_shapes(model.init) if is_constant else _init_shapes(model.init)
    expected, actual = _name_leaves(expected_tree), _name_leaves(params)
    missing = [name for name in expected if name not in actual]
    unknown = [name for name in actual if name not in expected]
    if missing or unknown:
        parts = (("params lack", missing), ("the model has no", unknown))
        reasons = "; ".join(f"{words} {', '.join(names)}" for words, names in parts if names)
        raise ValueError(f"{caller}: params must match those that model.init makes: {reasons}")
    for name, leaf in actual.items():
        _check_leaf(caller, name, leaf, expected[name])
    if jax.tree.structure(params) != jax.tree.structure(expected_tree):
        structures = f"{jax.tree.structure(expected_tree)}, not {jax.tree.structure(params)}"
        raise TypeError(f"{caller}: params must have the structure of those that model.init makes, {structures}")


def _init_shapes(init: Any) -> Any:
    return jax.eval_shape(init, jax.eval_shape(lambda: jax.random.key(0)))


# `predict` is called repeatedly, and tracing the init of a CNN takes longer than computing a small network's outputs.
_cached_init_shapes = functools.lru_cache(maxsize=32)(_init_shapes)


def check_arrays(caller: str, params: Any) -> None:
    """Checks that no leaf is a `jax.ShapeDtypeStruct`, which `jax.eval_shape` makes and the other checks accept."""
    for name, leaf in _name_leaves(params).items():
        if isinstance(leaf, jax.ShapeDtypeStruct):
            raise TypeError(f"{caller}: params: {name} must be an array, not a shape, {leaf}")


def _check_leaf(caller: str, name: str, leaf: Any, expected: Any) -> None:
    if not isinstance(leaf, np.ndarray | np.generic | jax.Array | jax.ShapeDtypeStruct | int | float | complex):
        raise TypeError(f"{caller}: params: {name} must be an array, not {leaf!r}")
    if jnp.shape(leaf) != expected.shape:
        raise ValueError(
            f"{caller}: params: {name} must have shape {expected.shape}, as model.init makes it, not {jnp.shape(leaf)}"
        )
    dtype = jnp.result_type(leaf)
    if jnp.issubdtype(expected.dtype, jnp.floating) and not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"{caller}: params: {name} must hold floating-point numbers, not {dtype}")
    if jnp.issubdtype(expected.dtype, jnp.integer) and not jnp.issubdtype(dtype, jnp.integer):
        raise TypeError(f"{caller}: params: {name} must hold whole numbers, not {dtype}")


def _name_leaves(tree: Any) -> dict[str, Any]:
    return {leaf_name(path) if path else "params": leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
