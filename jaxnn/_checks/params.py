"""Checks of parameters from the user against those that the model's `init` makes."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import is_traced, leaf_name
from jaxnn._checks.describe import describe
from jaxnn._checks.functions import never_changes

_FRAMEWORKS = {"flax": "nn.integrations.flax.model", "equinox": "nn.integrations.equinox.model"}


def _find_framework(module: Any) -> str | None:
    """Returns the library whose class this module derives from, if it can become a Model."""
    packages = [base.__module__.split(".")[0] for base in type(module).__mro__]
    return next((name for name in packages if name in _FRAMEWORKS), None)


def check_model(caller: str, model: Any) -> None:
    """Checks that `model` has the two functions of a Model; a module of Flax has methods of these names."""
    if not isinstance(model, tuple) or not all(callable(getattr(model, name, None)) for name in ("init", "apply")):
        hint = f"; {_FRAMEWORKS[name]} makes one of it" if (name := _find_framework(model)) else ""
        raise TypeError(
            f"{caller}: model must be a Model, a pair of functions (init, apply), not {describe(model)}{hint}"
        )
    train_apply = getattr(model, "train_apply", None)
    if not (train_apply is None or callable(train_apply)):
        raise TypeError(f"{caller}: train_apply of the model must be a function or None, not {train_apply!r}")


def check_params(caller: str, model: Any, params: Any) -> None:
    """Checks that parameters have the names, shapes, kinds of numbers and structure that `model.init` makes."""
    # Inside a trace the model may close over tracers, and a cache must not keep those.
    is_constant = never_changes(model.init) and not is_traced(params)
    expected_tree = _cached_init_shapes(model.init) if is_constant else _init_shapes(model.init)
    expected, actual = _name_leaves(expected_tree), _name_leaves(params)
    if isinstance(params, tuple) and hasattr(params, "params") and not hasattr(expected_tree, "params"):
        raise TypeError(f"{caller}: params must be those of the result, its .params, not a {type(params).__name__}")
    missing = [name for name in expected if name not in actual]
    unknown = [name for name in actual if name not in expected]
    if missing or unknown:
        parts = (("params lack", missing), ("the model has no", unknown))
        reasons = "; ".join(f"{words} {_list_some(names)}" for words, names in parts if names)
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
    if (shape := jnp.shape(leaf)) != expected.shape:
        has_lanes = shape[1:] == expected.shape and len(shape) > len(expected.shape)
        hint = "; its first axis holds lanes of a sweep, of which result.params(trial, lane=0) takes one" * has_lanes
        raise ValueError(
            f"{caller}: params: {name} must have shape {expected.shape}, as model.init makes it, not {shape}{hint}"
        )
    dtype = jnp.result_type(leaf)
    if jnp.issubdtype(expected.dtype, jnp.floating) and not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"{caller}: params: {name} must hold floating-point numbers, not {dtype}")
    if jnp.issubdtype(expected.dtype, jnp.integer) and not jnp.issubdtype(dtype, jnp.integer):
        raise TypeError(f"{caller}: params: {name} must hold whole numbers, not {dtype}")


def _list_some(names: list[str], most: int = 8) -> str:
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return ", ".join(names[:most] + more)


def _name_leaves(tree: Any) -> dict[str, Any]:
    return {leaf_name(path) if path else "params": leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
