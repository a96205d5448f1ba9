"""The layers of a model and those of another tool, in pairs: what all readers and writers of weights share.

A reader turns the weights of its tool into `Layer`s in the layout of this library. Layers of one kind are paired in
order of definition: the first convolution with the first, the first norm with the first. Where norms stand between
convolutions then does not matter. Shapes must agree.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import leaf_name
from jaxnn._checks.params import check_arrays, check_model, check_params
from jaxnn.buffers import Buffer
from jaxnn.integrations.weights.folding import may_fold
from jaxnn.integrations.weights.transposed import Turn, as_convolution, keep_kernel
from jaxnn.layers.batch_norm import BatchNormParams
from jaxnn.layers.dense import Affine
from jaxnn.layers.norms import NormParams
from jaxnn.layers.transposed_convolution import ConvTransposeParams
from jaxnn.models.parts import find_norms_after

_LAYERS = (Affine, ConvTransposeParams, NormParams, BatchNormParams)


class Layer(NamedTuple):
    """A layer of either side.

    Attributes:
        name: its path, joined by dots.
        params: `Affine`, `NormParams` or `BatchNormParams`, of arrays or shapes, in the layout of this library. None
            for an array that the other tool does not have.
        channels: of the convolution whose flattened outputs a dense layer takes; None for other layers.
        norm: the name of the batch norm that takes the outputs of a convolution of ours, if it is known.
    """

    name: str
    params: Any
    channels: int | None = None
    norm: str | None = None

    @property
    def kind(self) -> str:
        """The word for what the layer is; only layers of one kind are paired."""
        if isinstance(self.params, Affine):
            return "dense" if len(self.params.weight.shape) == 2 else "convolution"
        return "norm" if isinstance(self.params, NormParams) else "batch norm"

    def describe(self) -> str:
        """Returns name and shape, for messages."""
        return f"{self.name or '(root)'} {tuple(self.params[0].shape)}"


def list_layers(caller: str, model: Any, turn: Turn = keep_kernel) -> list[Layer]:
    """Returns the layers of a model with their shapes, in order of definition.

    Raises:
        TypeError: something other than a model.
        ValueError: parameters that are not those of dense layers, convolutions and norms.
    """
    check_model(caller, model)
    made: list[Any] = []
    # What `jax.eval_shape` returns has its names sorted; the tree inside has them as `init` defines them.
    jax.eval_shape(lambda key: made.append(model.init(key)), jax.eval_shape(lambda: jax.random.key(0)))
    layers, channels = [], None
    for name, node in _walk("", made[0]):
        if not isinstance(node, _LAYERS):
            raise ValueError(f"{caller}: {name or 'params'} is not of a dense layer, a convolution or a norm")
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), node)
        layers.append(Layer(name, as_convolution(shapes, turn), _find_flattened(node, channels)))
        if isinstance(node, Affine | ConvTransposeParams):
            channels = node.weight.shape[-1] if node.weight.ndim > 2 else None
    norms = find_norms_after(model.apply)
    batch_norms = {layer.name for layer in layers if layer.kind == "batch norm"}
    return [layer._replace(norm=norm) if (norm := norms.get(layer.name)) in batch_norms else layer for layer in layers]


def fill_layers(caller: str, model: Any, params: Any, turn: Turn = keep_kernel) -> list[Layer]:
    """Returns the layers of a model with the arrays of its parameters, as NumPy arrays."""
    layers = list_layers(caller, model, turn)
    check_arrays(caller, params)
    check_params(caller, model, params)
    nodes = dict(_walk("", params))
    arrays = {name: jax.tree.map(np.asarray, node) for name, node in nodes.items()}
    return [layer._replace(params=as_convolution(arrays[layer.name], turn)) for layer in layers]


def pair_layers(
    caller: str, ours: Sequence[Layer], theirs: Sequence[Layer], names: Mapping[str, str] | None
) -> list[tuple[Layer, Layer]]:
    """Returns each layer of ours with one of theirs.

    Args:
        caller: the public function that messages name.
        ours: of the model.
        theirs: of the other tool.
        names: their name for some of our layers; the rest is paired in order.

    Raises:
        ValueError: names that do not exist, another number of layers, or other shapes; the message lists both sides.
    """
    chosen = _choose_named(caller, ours, theirs, dict(names or {}))
    taken = {their.name for their in chosen.values()}
    for kind in dict.fromkeys(layer.kind for layer in (*ours, *theirs)):
        open_ours = [layer for layer in ours if layer.kind == kind and layer.name not in chosen]
        open_theirs = [layer for layer in theirs if layer.kind == kind and layer.name not in taken]
        if len(open_ours) != len(open_theirs):
            counts = f"the numbers of {kind} layers to be paired differ, {len(open_ours)} and {len(open_theirs)}"
            raise ValueError(f"{caller}: {counts}; {_list_both(ours, theirs)}")
        chosen |= {our.name: their for our, their in zip(open_ours, open_theirs, strict=True)}
    pairs = [(layer, chosen[layer.name]) for layer in ours]
    for our, their in pairs:
        if reason := _compare(our, their):
            raise ValueError(f"{caller}: {reason}; names= pairs layers in another order; {_list_both(ours, theirs)}")
    return pairs


def build_params(model: Any, layers: Mapping[str, Any], turn: Turn = keep_kernel) -> Any:
    """Returns the parameters of a model, of the arrays of its layers by name."""
    shapes = jax.eval_shape(model.init, jax.eval_shape(lambda: jax.random.key(0)))

    def build(path: tuple, node: Any) -> Any:
        params = layers["" if not path else leaf_name(path)]
        if isinstance(node, ConvTransposeParams):
            params = ConvTransposeParams(turn(params.weight), params.bias)
        return jax.tree.map(lambda leaf, array: jnp.asarray(array, leaf.dtype), node, params)

    return jax.tree_util.tree_map_with_path(build, shapes, is_leaf=lambda node: isinstance(node, _LAYERS))


def make_batch_norm(scale: Any, bias: Any, mean: Any, variance: Any) -> BatchNormParams:
    """Returns the parameters of a batch norm, of arrays; without scale and bias they are 1 and 0."""
    scale = np.ones(mean.shape, mean.dtype) if scale is None else scale
    bias = np.zeros(mean.shape, mean.dtype) if bias is None else bias
    return BatchNormParams(scale, bias, Buffer(mean), Buffer(variance))


def as_numpy(array: Any) -> Any:
    """Returns an array of another tool as a NumPy array; tensors come from their device, half precision as float32."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = array.float() if str(array.dtype) == "torch.bfloat16" else array
    return np.asarray(array)


def find_parts(function: Any, kind: type) -> list[Any]:
    """Returns the parts of a kind that a function of a model consists of; models of models hold functions in tuples."""
    if isinstance(function, kind):
        return [function]
    if isinstance(function, functools.partial):
        return find_parts(function.func, kind)
    if dataclasses.is_dataclass(function):
        parts = [getattr(function, field.name) for field in dataclasses.fields(function)]
    else:
        parts = function if isinstance(function, tuple) else ()
    return [found for part in parts for found in find_parts(part, kind)]


def _walk(name: str, node: Any) -> list[tuple[str, Any]]:
    """Returns the layers of a tree by name, in the order in which dictionaries hold them."""
    if isinstance(node, _LAYERS) or not isinstance(node, dict | list | tuple):
        return [] if node is None else [(name, node)]
    if (as_dict := getattr(node, "_asdict", None)) is not None:
        node = as_dict()
    items = node.items() if isinstance(node, dict) else enumerate(node)
    return [found for key, part in items for found in _walk(f"{name}.{key}" if name else str(key), part)]


def _find_flattened(params: Any, channels: int | None) -> int | None:
    """Returns the channels of the convolution before a dense layer, if the layer takes its flattened outputs."""
    if channels is None or not isinstance(params, Affine) or params.weight.ndim != 2:
        return None
    return channels if params.weight.shape[0] % channels == 0 else None


def _choose_named(
    caller: str, ours: Sequence[Layer], theirs: Sequence[Layer], names: dict[str, str]
) -> dict[str, Layer]:
    by_name = {layer.name: layer for layer in theirs}
    for name, their in names.items():
        if name not in [layer.name for layer in ours]:
            raise ValueError(f"{caller}: names has {name!r}, which the model lacks; {_list_both(ours, theirs)}")
        if their not in by_name:
            raise ValueError(f"{caller}: names has {their!r}, which is not there; {_list_both(ours, theirs)}")
    if len(set(names.values())) < len(names):
        raise ValueError(f"{caller}: names must have each name once, not {names}")
    return {name: by_name[their] for name, their in names.items()}


def _compare(our: Layer, their: Layer) -> str | None:
    """Returns what differs between two layers, or None."""
    both = f"{our.describe()} does not fit {their.describe()}"
    if our.kind != their.kind:
        return f"{both}: a {our.kind} layer and a {their.kind} layer"
    foldable = {"bias"} if may_fold(our, their) else set()
    for field, mine, other in zip(our.params._fields, our.params, their.params, strict=True):
        mine, other = (part.value if isinstance(part, Buffer) else part for part in (mine, other))
        if field not in foldable and (reason := _compare_arrays(field, mine, other)):
            return f"{both}: {reason}"
    return None


def _compare_arrays(field: str, ours: Any, theirs: Any) -> str | None:
    if ours is None or theirs is None:
        side = "the model" if ours is None else "the other network"
        cure = "; subtract it from the mean of the batch norm that follows" if ours is None and field == "bias" else ""
        return None if ours is theirs else f"{side} has no {field} there{cure}"
    if tuple(ours.shape) != tuple(theirs.shape):
        return f"{field} has the shapes {tuple(ours.shape)} and {tuple(theirs.shape)}"
    if not jnp.issubdtype(theirs.dtype, jnp.floating):
        return f"{field} must hold floating-point numbers, not {theirs.dtype}"
    return None


def _list_both(ours: Sequence[Layer], theirs: Sequence[Layer]) -> str:
    listed = (", ".join(layer.describe() for layer in side) or "no layers" for side in (ours, theirs))
    return "the model has {}; the other network has {}".format(*listed)
