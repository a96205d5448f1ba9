"""Checks of parameters that a user hands in: they must be such as the model makes itself."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import is_traced, leaf_name


def check_model(where: str, model: Any) -> None:
    """A pair of functions."""
    if not all(callable(getattr(model, name, None)) for name in ("init", "apply")):
        raise TypeError(f"{where}: model must be a Model, a pair of functions (init, apply), not {model!r}")


def check_params(where: str, model: Any, params: Any) -> None:
    """Refuse parameters with other names, shapes or kinds of numbers than those that `model.init` makes."""
    # Inside somebody's trace the model may close over tracers, which must not stay behind in a cache of ours.
    made = _made(model.init) if is_traced(params) else _made_before(model.init)
    wanted, found = _named(made), _named(params)
    missing, unknown = ([name for name in a if name not in b] for a, b in ((wanted, found), (found, wanted)))
    if missing or unknown:
        parts = (("params lack", missing), ("the model does not know", unknown))
        said = "; ".join(f"{words} {', '.join(names)}" for words, names in parts if names)
        raise ValueError(f"{where}: params must be such as model.init makes: {said}")
    for name, leaf in found.items():
        _check_leaf(where, name, leaf, wanted[name])
    if jax.tree.structure(params) != jax.tree.structure(made):
        structures = f"{jax.tree.structure(made)}, not {jax.tree.structure(params)}"
        raise TypeError(f"{where}: params must have the structure of those that model.init makes, {structures}")


def _made(init: Any) -> Any:
    return jax.eval_shape(init, jax.eval_shape(lambda: jax.random.key(0)))


# `predict` is called again and again, and to trace a CNN's init takes longer than a small network's outputs.
_made_before = functools.lru_cache(maxsize=32)(_made)


def check_arrays(where: str, params: Any) -> None:
    """Numbers, not the shapes of some: `jax.eval_shape` makes these, and all other checks take them."""
    for name, leaf in _named(params).items():
        if isinstance(leaf, jax.ShapeDtypeStruct):
            raise TypeError(f"{where}: params: {name} must be an array, not a shape, {leaf}")


def _check_leaf(where: str, name: str, leaf: Any, wanted: Any) -> None:
    if not isinstance(leaf, np.ndarray | np.generic | jax.Array | jax.ShapeDtypeStruct | int | float | complex):
        raise TypeError(f"{where}: params: {name} must be an array, not {leaf!r}")
    if jnp.shape(leaf) != wanted.shape:
        raise ValueError(
            f"{where}: params: {name} must have shape {wanted.shape}, as model.init makes it, not {jnp.shape(leaf)}"
        )
    dtype = jnp.result_type(leaf)
    if jnp.issubdtype(wanted.dtype, jnp.floating) and not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"{where}: params: {name} must hold floating-point numbers, not {dtype}")


def _named(tree: Any) -> dict[str, Any]:
    return {leaf_name(path) if path else "params": leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
