"""The weights of Keras models, in and out, without importing keras.

Keras stores weights, and flattens images, as this library does.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import PyTree

from jaxnn.buffers import Buffer
from jaxnn.integrations.weights.folding import fill_biases, fold_biases
from jaxnn.integrations.weights.matching import (
    Layer,
    as_numpy,
    build_params,
    fill_layers,
    find_parts,
    list_layers,
    make_batch_norm,
    pair_layers,
)
from jaxnn.integrations.weights.transposed import turn_kernel
from jaxnn.layers.batch_norm import BatchNormParams
from jaxnn.layers.dense import Affine
from jaxnn.layers.norms import NormParams
from jaxnn.models.model import Model
from jaxnn.models.norm_choice import Norm

__all__ = ["load", "weights"]

# That of `batch_norm`.
_EPSILON = 1e-5

Weights = Sequence[Any] | Mapping[str, Sequence[Any]]


def load(model: Model, weights: Weights, *, names: Mapping[str, str] | None = None, epsilon: float = 1e-3) -> PyTree:
    """Returns the parameters of a model that computes what a Keras model computes, of its weights.

    Convolutions, dense layers and norms are paired in order of definition, each kind by itself. Layers of equal shapes
    in another order cannot be told apart, so compare the outputs of a few examples.

    A bias of a convolution before a batch norm, which `cnn` and `resnet` do not have, is taken off the running mean:
    the outputs are the same, in training too. `weights` writes zeros there.

    `cnn` pads as Keras does with `padding="same"`, also with strides. `resnet` pads as PyTorch does: with a stride of 2
    and a window of 3, a `ZeroPadding2D(1)` before a "valid" convolution agrees with it. Layer and group norms agree
    with the default of Keras if the model has `norm_options={"epsilon": 1e-3}`.

    Args:
        model: such as `mlp`, `cnn` or `resnet`, with the activations, pooling and strides of the Keras model.
        weights: `keras_model.get_weights()`, or by name
            `{layer.name: layer.get_weights() for layer in keras_model.layers}`.
        names: their name of each layer that order does not pair; in a list that is the place of its first array:
            `{"hidden_1": "dense_3"}` or `{"hidden_1": "4"}`.
        epsilon: of the batch norms of Keras, whose default is 1e-3. The variances are raised by the difference to that
            of the model, 1e-5 or `norm_options={"epsilon": …}`. With `{"epsilon": 1e-3, "momentum": 0.99}` the model
            also trains as that of Keras.

    Returns:
        The parameters, as `model.init` makes them.

    Raises:
        TypeError: something other than a model, or than a list or a mapping.
        ValueError: layers of other kinds, another number of layers or other shapes; the message lists both sides.

    Example:
        >>> import jaxnn as nn
        >>> nn.integrations.keras.load(nn.mlp([2, 1]), [np.array([[3.0], [4.0]]), np.zeros(1)])["output"].weight
        Array([[3.],
               [4.]], dtype=float32)
    """
    ours, theirs = list_layers("keras.load", model, turn_kernel), _read_layers("keras.load", weights)
    difference = epsilon - _find_epsilon("keras.load", model)
    pairs = pair_layers("keras.load", ours, theirs, names)
    layers = {our.name: _raise_variance(their.params, difference) for our, their in fold_biases(pairs)}
    return build_params(model, layers, turn_kernel)


def weights(
    model: Model,
    params: PyTree,
    *,
    like: Weights,
    names: Mapping[str, str] | None = None,
    epsilon: float = 1e-3,
) -> Any:
    """Returns the parameters of a model as the weights of a Keras model, which its `set_weights` takes.

    Args:
        model: as in `load`.
        params: its parameters.
        like: `keras_model.get_weights()`, whose order is taken, or the same by name.
        names, epsilon: as in `load`.

    Returns:
        A list of arrays, or lists by name, as `like`.

    Raises:
        TypeError, ValueError: as `load`, or params that do not fit the model.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.mlp([4, 16, 3])
        >>> like = [np.zeros((4, 16)), np.zeros(16), np.zeros((16, 3)), np.zeros(3)]
        >>> params = model.init(jax.random.key(0))
        >>> [array.shape for array in nn.integrations.keras.weights(model, params, like=like)]
        [(4, 16), (16,), (16, 3), (3,)]
    """
    ours, theirs = fill_layers("keras.weights", model, params, turn_kernel), _read_layers("keras.weights", like)
    difference = _find_epsilon("keras.weights", model) - epsilon
    pairs = pair_layers("keras.weights", ours, theirs, names)
    written = {their.name: _list_arrays(_raise_variance(our.params, difference)) for our, their in fill_biases(pairs)}
    if isinstance(like, Mapping):
        return {name: written.get(name, []) for name in like}
    return [array for their in theirs for array in written[their.name]]


def _read_layers(caller: str, weights: Any) -> list[Layer]:
    if isinstance(weights, Mapping):
        groups = [(str(name), [as_numpy(array) for array in arrays]) for name, arrays in weights.items() if arrays]
    elif isinstance(weights, list | tuple):
        groups = list(_split_list([as_numpy(array) for array in weights]))
    else:
        raise TypeError(f"{caller}: weights must be a list of arrays, or lists by name, not {type(weights).__name__}")
    return [Layer(name, _read_layer(caller, name, arrays)) for name, arrays in groups]


def _split_list(arrays: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yields the arrays of each layer, by the place of the first.

    A batch norm has four vectors and another norm two. One vector more after a kernel is its bias. Where branches meet,
    several batch norms follow each other.
    """
    starts = [place for place, array in enumerate(arrays) if array.ndim > 1]
    for start, end in zip([0, *starts], [*starts, len(arrays)], strict=True):
        has_kernel = start < end and arrays[start].ndim > 1
        first_norm = start + has_kernel * (1 + (end - start - 1) % 2)
        if has_kernel:
            yield str(start), arrays[start:first_norm]
        vectors = 4 if (end - first_norm) % 4 == 0 else end - first_norm
        for norm in range(first_norm, end, vectors or 1):
            yield str(norm), arrays[norm : norm + vectors]


def _read_layer(caller: str, name: str, arrays: list[Any]) -> Any:
    if arrays[0].ndim > 1 and len(arrays) <= 2:
        return Affine(arrays[0], arrays[1] if len(arrays) == 2 else None)
    if len(arrays) == 4:
        return make_batch_norm(*arrays)
    if len(arrays) == 2:
        return NormParams(*arrays)
    shapes = ", ".join(str(array.shape) for array in arrays)
    raise ValueError(f"{caller}: the layer {name} has arrays of no dense layer, convolution or norm: {shapes}")


def _find_epsilon(caller: str, model: Model) -> float:
    """Returns what the batch norms of a model add to the variance."""
    norms = [norm for norm in find_parts(model.apply, Norm) if norm.train_apply is not None]
    found = {float(dict(norm.options).get("epsilon", _EPSILON)) for norm in norms} or {_EPSILON}
    if len(found) > 1:
        raise ValueError(f"{caller}: the batch norms of the model must have one epsilon, not {sorted(found)}")
    return found.pop()


def _raise_variance(params: Any, difference: float) -> Any:
    if not isinstance(params, BatchNormParams):
        return params
    variance = np.asarray(params.variance.value)
    return params._replace(variance=Buffer((variance + difference).astype(variance.dtype)))


def _list_arrays(params: Any) -> list[np.ndarray]:
    values = [part.value if isinstance(part, Buffer) else part for part in params]
    return [np.asarray(value) for value in values if value is not None]
