"""The weights of Flax modules, linen and NNX, in and out, without importing flax.

Flax stores weights, and flattens images, as this library does.
"""

import re
from collections.abc import Mapping
from typing import Any

import jax
from jaxtyping import PyTree

from jaxnn.buffers import Buffer
from jaxnn.integrations.weights.folding import fill_biases, fold_biases
from jaxnn.integrations.weights.matching import (
    Layer,
    as_numpy,
    build_params,
    fill_layers,
    list_layers,
    make_batch_norm,
    pair_layers,
)
from jaxnn.layers.batch_norm import BatchNormParams
from jaxnn.layers.dense import Affine
from jaxnn.layers.norms import NormParams
from jaxnn.models.model import Model

_COLLECTIONS = ("params", "batch_stats")
_FIELDS = {"kernel", "bias", "scale", "mean", "var"}


def load(model: Model, variables: Mapping[str, Any], *, names: Mapping[str, str] | None = None) -> PyTree:
    """Returns the parameters of a model that computes what a Flax module computes, of its variables.

    Convolutions, dense layers and norms are paired in order of definition, each kind by itself. JAX sorts the names, as
    in trained variables. Then the numbers in them count, Conv_2 before Conv_10, and layers come before blocks of
    layers, as the first convolution of a residual network does. Other orders need `names`. Layers of equal shapes in
    another order cannot be told apart, so compare the outputs of a few examples.

    A bias of a convolution before a batch norm, which `cnn` and `resnet` do not have, is taken off the running mean:
    the outputs are the same, in training too. `as_variables` writes zeros there.

    `cnn` pads as Flax does, also with strides. `resnet` pads as PyTorch does: where a stride is larger than 1, the
    convolution of Flax needs `padding=1`, or half of a wider window.

    Args:
        model: such as `mlp`, `cnn` or `resnet`, with the activations, pooling and strides of the module.
        variables: of linen `{"params": …, "batch_stats": …}` or its params alone; of nnx
            `nnx.to_pure_dict(nnx.state(module, (nnx.Param, nnx.BatchStat)))`.
        names: their name of each layer that order does not pair, its path joined by dots:
            `{"hidden_1": "head.Dense_1"}`.

    Returns:
        The parameters, as `model.init` makes them.

    Raises:
        TypeError: something other than a model, or than a mapping.
        ValueError: layers of other kinds, another number of layers or other shapes; the message lists both sides.

    Example:
        >>> import jaxnn as nn
        >>> variables = {"params": {"Dense_0": {"kernel": np.array([[3.0], [4.0]]), "bias": np.zeros(1)}}}
        >>> nn.integrations.flax.load(nn.mlp([2, 1]), variables)["output"].weight
        Array([[3.],
               [4.]], dtype=float32)
    """
    theirs = _read_layers("flax.load", variables)
    pairs = pair_layers("flax.load", list_layers("flax.load", model), theirs, names)
    return build_params(model, {our.name: their.params for our, their in fold_biases(pairs)})


def as_variables(
    model: Model, params: PyTree, *, like: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> dict[Any, Any]:
    """Returns the parameters of a model as the variables of a Flax module.

    A module of nnx takes them by `nnx.update(module, as_variables(…))`.

    Args:
        model: as in `load`.
        params: its parameters.
        like: variables of the module, whose structure is taken; shapes, such as those of `jax.eval_shape`, do too.
        names: as in `load`.

    Raises:
        TypeError, ValueError: as `load`, or params that do not fit the model.

    Example:
        >>> import jaxnn as nn
        >>> like = {"params": {"Dense_0": {"kernel": np.zeros((2, 1)), "bias": np.zeros(1)}}}
        >>> model = nn.mlp([2, 1])
        >>> params = {"output": nn.Affine(jnp.array([[3.0], [4.0]]), jnp.zeros(1))}
        >>> nn.integrations.flax.as_variables(model, params, like=like)["params"]["Dense_0"]["kernel"]
        array([[3.],
               [4.]], dtype=float32)
    """
    ours = fill_layers("flax.as_variables", model, params)
    pairs = pair_layers("flax.as_variables", ours, _read_layers("flax.as_variables", like), names)
    written = {their.name: _write_layer(our) for our, their in fill_biases(pairs)}
    # Of linen, the first key of a path is its collection.
    skip = 1 if _is_linen(like) else 0

    def write(path: tuple[Any, ...], node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: write((*path, key), part) for key, part in node.items()}
        return written[".".join(map(str, path[skip:-1]))][path[-1]]

    return write((), like)


def _is_linen(variables: Mapping[Any, Any]) -> bool:
    return "params" in variables


def _read_layers(caller: str, variables: Any) -> list[Layer]:
    if not isinstance(variables, Mapping):
        raise TypeError(f"{caller}: variables must be a mapping, not {type(variables).__name__}")
    trees = list(variables.values()) if _is_linen(variables) else [variables]
    if _is_linen(variables) and (others := [str(name) for name in variables if name not in _COLLECTIONS]):
        raise ValueError(f"{caller}: variables may have params and batch_stats, but not {', '.join(others)}")
    parts: dict[str, dict[str, Any]] = {}
    for tree in trees:
        for path, leaf in _walk((), tree):
            if path[-1] not in _FIELDS:
                rule = f"variables must be of dense, convolutional or norm layers ({', '.join(sorted(_FIELDS))})"
                raise ValueError(f"{caller}: {rule}, but there is {'.'.join(map(str, path))}")
            parts.setdefault(".".join(map(str, path[:-1])), {})[path[-1]] = (
                leaf if isinstance(leaf, jax.ShapeDtypeStruct) else as_numpy(leaf)
            )
    return [Layer(name, _read_layer(caller, name, fields)) for name, fields in parts.items()]


def _walk(path: tuple[Any, ...], node: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Returns all leaves with their paths, in order of definition."""
    if not isinstance(node, Mapping):
        # The params of `flax.model` are variables with marks.
        return [(path, node.value if isinstance(node, Buffer) else node)]
    keys = list(node)
    if keys == sorted(keys, key=str):
        keys.sort(key=lambda key: (_has_modules(node[key]), _split_numbers(key)))
    return [found for key in keys for found in _walk((*path, key), node[key])]


def _has_modules(node: Any) -> bool:
    """Returns whether a module consists of others, such as a residual block."""
    return isinstance(node, Mapping) and any(isinstance(part, Mapping) for part in node.values())


def _split_numbers(key: Any) -> list[tuple[int, Any]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", str(key))]


def _read_layer(caller: str, name: str, fields: dict[str, Any]) -> Any:
    if "kernel" in fields:
        return Affine(fields["kernel"], fields.get("bias"))
    if "mean" in fields and "var" in fields:
        return make_batch_norm(fields.get("scale"), fields.get("bias"), fields["mean"], fields["var"])
    if "scale" in fields:
        return NormParams(fields["scale"], fields.get("bias"))
    raise ValueError(f"{caller}: {name} has {', '.join(fields)}, but neither a kernel nor a scale")


def _write_layer(our: Layer) -> dict[str, Any]:
    params = our.params
    if isinstance(params, Affine):
        return {"kernel": params.weight, "bias": params.bias}
    fields = {"scale": params.scale, "bias": params.bias}
    if isinstance(params, BatchNormParams):
        mean, variance = (part.value if isinstance(part, Buffer) else part for part in params[2:])
        return fields | {"mean": mean, "var": variance}
    return fields
