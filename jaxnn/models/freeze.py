"""Models of which some parts learn nothing: transfer learning."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Array

from jaxnn._checks.arrays import leaf_name
from jaxnn._checks.params import check_model, check_params
from jaxnn.buffers import Frozen, is_buffer
from jaxnn.layers.batch_norm import BatchNormParams, StoredBatchNormParams
from jaxnn.models.model import Model, find_title
from jaxnn.models.parts import make_hashable


def freeze(model: Model, names: Sequence[str], *, params: Mapping[str, Any] | None = None) -> Model:
    """Makes a model in which the parts of these names learn nothing, and start where an earlier training has ended.

    Gradients, optimizers and averages leave frozen parts out, and no gradient is computed for them. Their batch norms
    use the stored statistics in training too, and leave them as they are. Dropout in a frozen part stays.

    Args:
        model: any model.
        names: of the parts of the params, joined by dots, such as "block_1" or "block_1.norm_1"; "*" stands for any
            characters, so that `["*norm*"]` are all norms of a `resnet`.
        params: where parts start, by their names at the top: those of an earlier training, some or all. Parts that it
            lacks are drawn, such as an output for other classes.

    Returns:
        A model with the same outputs. Its params hold each frozen part in a `Frozen`; `unfreeze(params)` are those of
        `model`.

    Raises:
        TypeError: names that are not a sequence of strings, or params that are not a dict.
        ValueError: a name that no part has, or params with another part.

    Example:
        >>> import jaxnn as nn, optax
        >>> earlier = nn.resnet((8, 8, 1), (4,), 10, blocks=1).init(jax.random.key(0))  # trained, in real life
        >>> start = {name: part for name, part in earlier.items() if name != "output"}
        >>> model = nn.freeze(nn.resnet((8, 8, 1), (4,), 3, blocks=1), ["stem", "block_*"], params=start)
        >>> recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.01))
        >>> data = jax.numpy.ones((4, 8, 8, 1)), jax.numpy.array([0, 1, 2, 0])
        >>> params = nn.unfreeze(nn.fit(recipe, data, key=jax.random.key(0), epochs=2).params)
        >>> bool((params["stem"]["conv"].weight == earlier["stem"]["conv"].weight).all())
        True

    References:
        Yosinski et al. (2014), How transferable are features in deep neural networks?
    """
    check_model("freeze", model)
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise TypeError(f'freeze: names must be a sequence of strings such as ["block_1"], not {names!r}')
    _check_parts(model, tuple(names), params)
    return Model(
        make_hashable(_InitFrozen(model.init, tuple(names), None if params is None else dict(params))),
        make_hashable(_ApplyFrozen(model.apply)),
        make_hashable(_TrainFrozen(model.apply, model.train_apply)),
    )


def unfreeze(params: Any) -> Any:
    """Returns the params of a frozen model as those of the model that was given to `freeze`.

    Example:
        >>> unfreeze({"stem": Frozen({"scale": 1.0}), "output": 2.0})
        {'output': 2.0, 'stem': {'scale': 1.0}}
    """
    return jax.tree.map(lambda part: part.params if _is_frozen(part) else part, params, is_leaf=_is_frozen)


def _is_frozen(node: Any) -> bool:
    return isinstance(node, Frozen)


@dataclass(frozen=True)
class _InitFrozen:
    init: Any
    names: tuple[str, ...]
    start: dict[str, Any] | None

    @property
    def title(self) -> str:
        title = find_title(self.init)
        return f"{title + ', ' if title else ''}frozen: {', '.join(self.names)}"

    def __call__(self, key: Array) -> Any:
        drawn = self.init(key)
        return _mark(drawn if self.start is None else {**drawn, **self.start}, self.names)


@dataclass(frozen=True)
class _ApplyFrozen:
    apply: Any

    def __call__(self, params: Any, x: Any, *, key: Array | None = None) -> Any:
        return self.apply(unfreeze(params), x, key=key)


@dataclass(frozen=True)
class _TrainFrozen:
    apply: Any
    train_apply: Any

    def __call__(self, params: Any, x: Any, *, key: Array | None, where: Any = None) -> tuple[Any, Any]:
        if self.train_apply is None:
            return self.apply(unfreeze(params), x, key=key), params
        stored = jax.tree.map(lambda part: _store(part) if _is_frozen(part) else part, params, is_leaf=is_buffer)
        outputs, after = self.train_apply(unfreeze(stored), x, key=key, where=where)
        return outputs, jax.tree.map(
            lambda before, part: before if _is_frozen(before) else part, params, after, is_leaf=is_buffer
        )


def _store(part: Frozen) -> Frozen:
    """Marks the batch norms of a frozen part, which `train_batch_norm` then evaluates."""

    def mark(node: Any) -> Any:
        return StoredBatchNormParams(*node) if isinstance(node, BatchNormParams) else node

    return Frozen(jax.tree.map(mark, part.params, is_leaf=lambda node: isinstance(node, BatchNormParams)))


def _check_parts(model: Model, names: tuple[str, ...], params: Any) -> None:
    """Checks that each name is that of a part, and that the parts of params are those of the model."""
    shapes = jax.eval_shape(model.init, jax.eval_shape(lambda: jax.random.key(0)))
    for name in names:
        if not any(map(_is_frozen, jax.tree.leaves(_mark(shapes, (name,)), is_leaf=_is_frozen))):
            raise ValueError(
                f"freeze: no part of the params has the name {name!r}; at the top are {_list_parts(shapes)}"
            )
    if params is not None:
        if not isinstance(params, Mapping) or not isinstance(shapes, Mapping):
            raise TypeError("freeze: params must be a dict, as model.init makes it")
        check_params("freeze", model, {**shapes, **params})


def _list_parts(shapes: Any) -> str:
    return ", ".join(map(str, shapes)) if isinstance(shapes, Mapping) else type(shapes).__name__


def _mark(node: Any, names: tuple[str, ...], path: tuple[Any, ...] = ()) -> Any:
    """Returns a part of the params, in which the parts of these names are frozen."""
    if path and any(fnmatch.fnmatchcase(leaf_name(path), name) for name in names):
        return node if is_buffer(node) else Frozen(node)
    if is_buffer(node):
        return node
    children, structure = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda each: each is not node)
    if not all(inner for inner, _ in children):
        return node  # a leaf, which is its own only child
    return jax.tree.unflatten(structure, [_mark(child, names, path + inner) for inner, child in children])
