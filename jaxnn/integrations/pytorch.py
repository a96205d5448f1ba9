"""The weights of PyTorch networks, in and out, without importing torch.

PyTorch stores weights as (outputs, inputs, *window), and flattens images as (channels, height, width).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import PyTree

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
from jaxnn.integrations.weights.transposed import turn_kernel
from jaxnn.layers.batch_norm import BatchNormParams
from jaxnn.layers.dense import Affine
from jaxnn.layers.norms import NormParams
from jaxnn.models.model import Model

__all__ = ["load", "state_dict"]

_FIELDS = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


def load(model: Model, state_dict: Mapping[str, Any], *, names: Mapping[str, str] | None = None) -> PyTree:
    """Returns the parameters of a model that computes what a PyTorch network computes, of its `state_dict`.

    Convolutions, dense layers and norms are paired in order of definition, each kind by itself. Layers of equal shapes
    in another order cannot be told apart, so compare the outputs of a few examples. The model must have the
    activations, pooling, strides and paddings of the network, which a `state_dict` does not tell:

    - `Conv2d(…, 3, stride=2, padding=1)` is `cnn(…, stride=2, padding=1)`. With a stride larger than 1, "same" puts
      more zeros after the image than before it, as XLA does. `resnet` pads as PyTorch does.
    - `ConvTranspose2d(…, 3, stride=2, padding=1)` is `conv_transpose(…, stride=2, padding=1)`. Convolutions and
      transposed ones are paired in one order.
    - Layer and group norms agree with the default of PyTorch if the model has `norm_options={"epsilon": 1e-5}`. Batch
      norms agree as they are.
    - A bias of a convolution before a batch norm, which `cnn` and `resnet` do not have, is taken off the running mean:
      the outputs are the same, in training too. `state_dict` writes zeros there.

    Args:
        model: such as `mlp`, `cnn` or `resnet`.
        state_dict: `module.state_dict()`, or any mapping of names to arrays; `safetensors.numpy.load_file` gives one.
        names: their name of each layer that order does not pair: `{"hidden_1": "fc1"}`.

    Returns:
        The parameters, as `model.init` makes them.

    Raises:
        TypeError: something other than a model, or than a mapping.
        ValueError: layers of other kinds, another number of layers or other shapes; the message lists both sides.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.mlp([2, 1])
        >>> nn.integrations.pytorch.load(model, {"0.weight": np.array([[3.0, 4.0]]), "0.bias": np.zeros(1)})["output"]
        Affine(weight=Array([[3.],
               [4.]], dtype=float32), bias=Array([0.], dtype=float32))
    """
    theirs = _read_layers("pytorch.load", state_dict)
    pairs = pair_layers("pytorch.load", list_layers("pytorch.load", model, turn_kernel), theirs, names)
    layers = {our.name: _turn_rows(our, their.params) for our, their in fold_biases(pairs)}
    return build_params(model, layers, turn_kernel)


def state_dict(
    model: Model,
    params: PyTree,
    *,
    like: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:
    """Returns the parameters of a model as the `state_dict` of a PyTorch network, of NumPy arrays.

    A network takes it by

        arrays = nn.integrations.pytorch.state_dict(model, params, like=module.state_dict())
        module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})

    Args:
        model: as in `load`.
        params: its parameters.
        like: the `state_dict` of the network, whose names and order are taken. None takes the names of this library.
        names: as in `load`, with `like`.

    Raises:
        TypeError, ValueError: as `load`, or params that do not fit the model.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.mlp([4, 16, 3])
        >>> arrays = nn.integrations.pytorch.state_dict(model, model.init(jax.random.key(0)))
        >>> {name: array.shape for name, array in arrays.items()}["hidden_1.weight"]
        (16, 4)
    """
    ours = fill_layers("pytorch.state_dict", model, params, turn_kernel)
    if like is None:
        counts = {f"{our.name}.num_batches_tracked": np.zeros((), np.int64) for our in ours if our.kind == "batch norm"}
        return {name: array for our in ours for name, array in _write_layer(our, our.name).items()} | counts
    pairs = pair_layers("pytorch.state_dict", ours, _read_layers("pytorch.state_dict", like), names)
    written = {
        name: array for our, their in fill_biases(pairs) for name, array in _write_layer(our, their.name).items()
    }
    # The count of batches is the network's own. A norm may also have fewer arrays than ours.
    return {name: np.array(written.get(name, as_numpy(like[name])), as_numpy(like[name]).dtype) for name in like}


def _read_layers(caller: str, state_dict: Any) -> list[Layer]:
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"{caller}: state_dict must be a mapping of names to arrays, not {type(state_dict).__name__}")
    parts: dict[str, dict[str, Any]] = {}
    for path, array in state_dict.items():
        layer, _, field = str(path).rpartition(".")
        if field not in _FIELDS:
            kinds = "Linear, Conv and norm layers; for others see load_safetensors"
            raise ValueError(f"{caller}: {path} is not of a kind that it knows: {kinds}")
        parts.setdefault(layer, {})[field] = as_numpy(array)
    return [Layer(name, _read_layer(caller, name, arrays)) for name, arrays in parts.items()]


def _read_layer(caller: str, name: str, arrays: dict[str, Any]) -> Any:
    """Returns the parameters of a layer in the layout of this library; rows of dense layers keep their order."""
    weight, bias = arrays.get("weight"), arrays.get("bias")
    if "running_mean" in arrays and "running_var" in arrays:
        return make_batch_norm(weight, bias, arrays["running_mean"], arrays["running_var"])
    if weight is None or not 1 <= weight.ndim <= 5:
        raise ValueError(f"{caller}: {name} has {', '.join(arrays)}, but no weight of one to five axes")
    if weight.ndim == 1:
        return NormParams(weight, bias)
    return Affine(weight.transpose(*range(2, weight.ndim), 1, 0), bias)


def _turn_rows(our: Layer, params: Any) -> Any:
    """Returns a dense layer with its rows in (height, width, channel) order, if it takes flattened images."""
    if our.channels is None:
        return params
    rows, outputs = params.weight.shape
    images = params.weight.reshape(our.channels, rows // our.channels, outputs)
    return params._replace(weight=images.swapaxes(0, 1).reshape(rows, outputs))


def _write_layer(our: Layer, name: str) -> dict[str, np.ndarray]:
    """Returns the arrays of a layer by PyTorch's names."""
    params, prefix = our.params, f"{name}." if name else ""
    if isinstance(params, BatchNormParams):
        mean, variance = params.mean.value, params.variance.value
        arrays = {"weight": params.scale, "bias": params.bias, "running_mean": mean, "running_var": variance}
    elif isinstance(params, NormParams):
        arrays = {"weight": params.scale, "bias": params.bias}
    else:
        weight = params.weight
        if our.channels is not None:
            rows, outputs = weight.shape
            weight = weight.reshape(rows // our.channels, our.channels, outputs).swapaxes(0, 1).reshape(rows, outputs)
        arrays = {"weight": weight.transpose(-1, -2, *range(weight.ndim - 2)), "bias": params.bias}
    return {f"{prefix}{field}": np.array(array, order="C") for field, array in arrays.items() if array is not None}
