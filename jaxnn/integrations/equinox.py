"""Modules of Equinox as models that `fit`, `train` and `sweep` train (extra `equinox`)."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._checks.arrays import check_key, leaf_name
from jaxnn.buffers import Buffer, is_buffer
from jaxnn.integrations.foreign import list_keywords, name_after
from jaxnn.models.model import Model

__all__ = ["model", "module"]

# A field of this type is a setting, such as the rate of a dropout, also where a hyper is traced.
_NUMBERS = (float, int, bool, "float", "int", "bool")
# The axis of the examples where no batch norm names one.
_BATCH_AXIS = "batch"


def model(make: Callable[[Array], Any]) -> Model:
    """Makes a `Model` of a function that builds an Equinox module, for `fit`, `train`, `sweep` and `predict`.

    The module computes one example, as is usual in Equinox, so that x has its layout after the batch axis, such as
    (batch, channels, height, width). It is mapped over the batch under the axis name of its batch norm, and gets a key
    of its own for each example if its call takes `key`. In evaluation it is in `eqx.nn.inference_mode`.

    Params are a dict of arrays by their path in the module, such as `"layers.0.weight"`. All arrays of floats are
    learned, as in `eqx.filter_grad`. The state of a batch norm and arrays of whole numbers are `Buffer`s. A field that
    is declared as a number, such as `rate: float` or the `p` of `eqx.nn.Dropout`, is a setting: hypers may enter it.

    A batch norm of Equinox counts all rows of a minibatch, also those that only fill the last one. If `batch_size` does
    not divide the number of rows, use `Recipe(drop_last=True)`. Losses and scores never count rows twice.

    Args:
        make: `make(key)` builds the module, or the pair of `eqx.nn.make_with_state(…)(key)`.

    Returns:
        A `Model`, with a `train_apply` if the module has buffers.

    Raises:
        ImportError: Equinox is not installed.
        TypeError: a module that is built already, or a function that builds something else.
        ValueError: batch norms with several axis names.

    Example:
        >>> import jaxnn as nn, equinox as eqx
        >>> def make(key):
        ...     keys = jax.random.split(key)
        ...     norm = eqx.nn.BatchNorm(16, axis_name="batch", mode="batch")
        ...     layers = [eqx.nn.Linear(4, 16, key=keys[0]), norm, eqx.nn.Lambda(jax.nn.relu)]
        ...     return eqx.nn.Sequential([*layers, eqx.nn.Linear(16, 3, key=keys[1])])
        >>> network, flowers = model(make), nn.datasets.iris()
        >>> recipe = nn.Recipe(network, nn.cross_entropy, optax.adam(0.1))
        >>> fitted = nn.fit(recipe, flowers.data, key=jax.random.key(0), epochs=60)
        >>> bool(nn.accuracy(nn.predict(network, fitted.params, flowers.x), flowers.targets) > 0.95)
        True
    """
    eqx = _import_equinox()
    if isinstance(make, eqx.Module) or not callable(make):
        built = f"{type(make).__name__} is built already" if isinstance(make, eqx.Module) else f"make is {make!r}"
        raise TypeError(
            f"equinox.model: {built}; give a function of a key that builds the module, so that each training draws "
            "its own weights"
        )
    plan = _Plan(make)

    def init(key: Array) -> dict[str, Any]:
        check_key(key)
        return plan.get_params(_build(make, key))

    def apply(params: Any, x: Any, *, key: Array | None = None) -> Any:
        module, state = plan.restore(params)
        module = eqx.nn.inference_mode(module) if key is None else _stop_statistics(module)
        return plan.call(module, state, x, key)[0]

    def train_apply(params: Any, x: Any, *, key: Array | None, where: Any = None) -> tuple[Any, Any]:
        module, state = plan.restore(params)
        outputs, state = plan.call(module, state, x, key)
        after = plan.get_params((module, state))
        return outputs, params | {name: leaf for name, leaf in after.items() if is_buffer(leaf)}

    return name_after(make, init, apply, train_apply if plan.has_buffers else None)


def module(make: Callable[[Array], Any], params: dict[str, Any]) -> Any:
    """Returns the Equinox module that has these params, or the pair of it and its `eqx.nn.State` if it has a state.

    Args:
        make: the function of `model`.
        params: of the model.

    Example:
        >>> import equinox as eqx
        >>> line = module(lambda key: eqx.nn.Linear(1, 1, key=key), {"weight": jnp.ones((1, 1)), "bias": jnp.ones(1)})
        >>> line(jnp.array([2.0]))
        Array([3.], dtype=float32)
    """
    restored, state = _Plan(make).restore(params)
    return (restored, state) if jax.tree.leaves(state) else restored


class _Leaf(NamedTuple):
    """A leaf of a module or its state; `name` is None for what is neither learned nor a buffer, which `value` is."""

    name: str | None
    is_buffer: bool
    value: Any


class _Plan:
    """What the leaves of a module are: learned, buffers or settings.

    Attributes:
        has_buffers: whether there are any.
    """

    def __init__(self, make: Callable[[Array], Any]) -> None:
        eqx = _import_equinox()
        built = eqx.filter_eval_shape(_build, make, jax.eval_shape(lambda: jax.random.key(0)))
        module, state = built
        leaves, self._structure = jax.tree.flatten(built)
        names = _name_leaves(module, state)
        settings = {i for i, (path, _) in enumerate(_with_paths(module)) if _is_setting(module, path)}
        traced = [i for i in settings if _is_array(leaves[i])]
        # Only where a hyper is traced in a setting is the module built here.
        values = jax.tree.leaves(_build(make, jax.random.key(0))) if traced else leaves
        self._leaves = [
            _Leaf(None, False, values[i])
            if i in settings or not _is_array(leaf)
            else _Leaf(name, i >= len(_with_paths(module)) or not jnp.issubdtype(leaf.dtype, jnp.inexact), None)
            for i, (name, leaf) in enumerate(zip(names, leaves, strict=True))
        ]
        self.has_buffers = any(leaf.is_buffer for leaf in self._leaves)
        self._has_state = bool(jax.tree.leaves(state))
        self._axis_name = _find_axis_name(module)
        self._takes_key = "key" in list_keywords(type(module).__call__)

    def get_params(self, built: tuple[Any, Any]) -> dict[str, Any]:
        """Returns the learned arrays and the buffers of a module and its state, by name."""
        leaves = zip(self._leaves, jax.tree.leaves(built), strict=True)
        # A counter that is a Python number at first has a weak type, which a loop does not keep.
        return {
            leaf.name: Buffer(jnp.asarray(value, value.dtype)) if leaf.is_buffer else value
            for leaf, value in leaves
            if leaf.name is not None
        }

    def restore(self, params: dict[str, Any]) -> tuple[Any, Any]:
        """Returns the module with these params, and its state."""

        def find(leaf: _Leaf) -> Any:
            value = leaf.value if leaf.name is None else params[leaf.name]
            return value.value if is_buffer(value) else value

        return self._structure.unflatten([find(leaf) for leaf in self._leaves])

    def call(self, module: Any, state: Any, x: Any, key: Array | None) -> tuple[Any, Any]:
        """Returns the outputs of each example, and the state after all of them."""
        keys = None if key is None else jax.random.split(key, len(jax.tree.leaves(x)[0]))

        def call_one(x: Any, key: Array | None) -> tuple[Any, Any]:
            options = {"key": key} if self._takes_key else {}
            return module(x, state, **options) if self._has_state else (module(x, **options), state)

        axes = (0, None if keys is None else 0)
        return jax.vmap(call_one, axes, (0, None), axis_name=self._axis_name)(x, keys)


def _build(make: Callable[[Array], Any], key: Array) -> tuple[Any, Any]:
    """Returns a module and its state."""
    eqx = _import_equinox()
    made = make(key)
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], eqx.nn.State):
        return made
    if not isinstance(made, eqx.Module):
        raise TypeError(f"equinox.model: make must build an equinox.Module, not {type(made).__name__}")
    return eqx.nn.delete_init_state(made), eqx.nn.State(made)


def _with_paths(tree: Any, is_leaf: Any = None) -> list[tuple[Any, Any]]:
    return jax.tree_util.tree_leaves_with_path(tree, is_leaf=is_leaf)


def _name_leaves(module: Any, state: Any) -> list[str]:
    """Returns the paths of the leaves of a module, and then of its state, by the field that refers to it."""
    eqx = _import_equinox()
    count, structure = len(jax.tree.leaves(state)), jax.tree.structure(state)
    numbered, names = structure.unflatten(range(count)), [""] * count
    for path, index in _with_paths(module, lambda node: isinstance(node, eqx.nn.StateIndex)):
        if isinstance(index, eqx.nn.StateIndex):
            for inner, number in _with_paths(numbered.get(index)):
                names[number] = leaf_name(path + inner)
    return [leaf_name(path) for path, _ in _with_paths(module)] + names


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


def _is_setting(module: Any, path: Any) -> bool:
    """Returns whether a leaf is in a field that is declared as a number."""
    node = module
    for step in path[:-1]:
        node = getattr(node, step.name) if isinstance(step, jax.tree_util.GetAttrKey) else _get_item(node, step)
    if not (isinstance(path[-1], jax.tree_util.GetAttrKey) and dataclasses.is_dataclass(node)):
        return False
    types = {field.name: field.type for field in dataclasses.fields(node)}
    return types.get(path[-1].name) in _NUMBERS


def _get_item(node: Any, step: Any) -> Any:
    return node[step.idx if isinstance(step, jax.tree_util.SequenceKey) else step.key]


def _find_axis_name(module: Any) -> Any:
    """Returns the axis name of the batch norms of a module."""
    eqx = _import_equinox()

    def is_norm(node: Any) -> bool:
        return isinstance(node, eqx.nn.BatchNorm)

    names = [node.axis_name for node in jax.tree.leaves(module, is_leaf=is_norm) if is_norm(node)] or [_BATCH_AXIS]
    if len(set(names)) > 1 or not isinstance(names[0], str):
        raise ValueError(f"equinox.model: all batch norms must have one axis_name, that of the batch, not {names}")
    return names[0]


def _stop_statistics(module: Any) -> Any:
    """Returns a module whose norms with a state are in inference mode, while dropout is not."""
    eqx = _import_equinox()

    def is_norm(node: Any) -> bool:
        return isinstance(node, eqx.nn.BatchNorm | eqx.nn.SpectralNorm)

    return jax.tree.map(lambda node: eqx.nn.inference_mode(node) if is_norm(node) else node, module, is_leaf=is_norm)


def _import_equinox() -> Any:
    try:
        import equinox
    except ImportError as error:
        raise ImportError("models of Equinox need an extra: pip install 'jaxnn[equinox]'") from error
    return equinox
