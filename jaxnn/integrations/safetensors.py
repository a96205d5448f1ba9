"""Parameters as safetensors files (extra `safetensors`), for exchange with other libraries.

`save` and `load` store whole trainings and detect every flipped bit. A safetensors file has no digests:
`load_safetensors` detects a truncated file, but not a changed number.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import leaf_name
from jaxnn._checks.paths import check_path
from jaxnn.io.archive import CheckpointError
from jaxnn.io.files import write
from jaxnn.layers.dense import Affine
from jaxnn.layers.transposed_convolution import ConvTransposeParams

_LAYOUTS = ("jaxnn", "torch")


def save_safetensors(params: Any, path: str | Path) -> Path:
    """Writes parameters to a safetensors file, atomically: after an error the previous file is unchanged.

    Args:
        params: any pytree of arrays. A parameter's name is its path in the tree, joined by dots: `{"output": Affine}`
            gives `output.weight` and `output.bias`.
        path: the file; its folder must exist.

    Returns:
        The path of the file.

    Raises:
        ImportError: safetensors is not installed.
        TypeError: a leaf that is not an array of real numbers, or a path of another type.
        ValueError: two leaves with the same name.
        OSError: the disk is full, or the folder is missing or not writable.

    Example:
        >>> import jaxnn as nn
        >>> params = nn.mlp([4, 16, 3]).init(jax.random.key(0))
        >>> save_safetensors(params, "network.safetensors").name
        'network.safetensors'
    """
    path = check_path("save_safetensors", path)
    # safetensors writes an array's memory in order, without regard to its strides.
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in _named_leaves("save_safetensors", params).items()}
    write(path, _import_safetensors().numpy.save(arrays), "save_safetensors")
    return path


def load_safetensors(
    path: str | Path,
    *,
    like: Any,
    names: Mapping[str, str] | None = None,
    layout: str = "jaxnn",
    ignore: Iterable[str] = (),
) -> Any:
    """Reads parameters from a safetensors file of this library, or the `state_dict` of a PyTorch network.

    PyTorch stores the weights of its layers as (outputs, inputs, *window), and this library as
    (*window, inputs, outputs). With `layout="torch"` the weight of every `Affine` in `like` is transposed. That of all
    `ConvTransposeParams`, which PyTorch stores as (inputs, outputs, *window), is transposed and its window turned
    around. Nothing else changes.

    PyTorch also flattens images as (channels, height, width), and `flatten` as (height, width, channels). After a
    convolution with outputs of (height, width, channels), reorder the rows of the first dense layer as below;
    `nn.integrations.pytorch.load` does that for an `mlp`, `cnn` or `resnet`:

        rows = params["output"].weight.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
        params["output"] = params["output"]._replace(weight=rows.reshape(height * width * channels, -1))

    Args:
        path: the file.
        like: a pytree of the same structure, shapes and dtypes, of arrays or `jax.ShapeDtypeStruct`s, such as
            `jax.eval_shape(model.init, key)`.
        names: the file's name of each parameter whose name differs there: `{"output.weight": "fc2.weight"}`.
        layout: "jaxnn", or "torch" for weights in PyTorch's layout.
        ignore: names in the file to skip. Any other name that `like` does not have is an error.

    Returns:
        The parameters: NumPy arrays where `like` has NumPy arrays, JAX arrays elsewhere.

    Raises:
        ImportError: safetensors is not installed.
        TypeError: a leaf of `like` that is not an array or a shape, or a path of another type.
        ValueError: an unknown layout, or `names` of parameters that `like` does not have.
        CheckpointError: a damaged file, missing or unexpected names, or another shape or dtype.
        OSError: the file does not exist or cannot be read.

    Example:
        >>> import jaxnn as nn
        >>> params = {"output": nn.Affine(np.ones((2, 1), "f"), np.zeros(1, "f"))}
        >>> path = save_safetensors({"fc.weight": np.array([[3, 4]], "f"), "fc.bias": np.ones(1, "f")}, "torch.st")
        >>> theirs = {"output.weight": "fc.weight", "output.bias": "fc.bias"}
        >>> load_safetensors(path, like=params, names=theirs, layout="torch")["output"].weight
        array([[3.],
               [4.]], dtype=float32)
    """
    path = check_path("load_safetensors", path)
    if layout not in _LAYOUTS:
        raise ValueError(f'load_safetensors: layout must be "jaxnn" or "torch", not {layout!r}')
    leaves, names = _named_leaves("load_safetensors", like), dict(names or {})
    if unknown := sorted(names.keys() - leaves.keys()):
        raise ValueError(f"load_safetensors: names has {', '.join(unknown)}, but `like` has {', '.join(leaves)}")
    file_names = {name: names.get(name, name) for name in leaves}
    tensors = _read_tensors(path, set(file_names.values()), set(ignore))
    convert = _find_conversions(like) if layout == "torch" else {}
    restored = []
    for name, leaf in leaves.items():
        array = tensors[file_names[name]]
        if name in convert and array.ndim > 1:
            array = np.ascontiguousarray(convert[name](array))
        _check_leaf(path, f"{name} ({file_names[name]})", array, leaf)
        restored.append(array if isinstance(leaf, np.ndarray) else jnp.asarray(array))
    return jax.tree.unflatten(jax.tree.structure(like), restored)


def _import_safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("safetensors files need an extra: pip install 'jaxnn[safetensors]'") from error
    return safetensors


def _named_leaves(caller: str, tree: Any) -> dict[str, Any]:
    """Returns every leaf by its name; checks that leaves are arrays and that their names are unique."""
    leaves: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name = leaf_name(path)
        dtype = getattr(leaf, "dtype", np.dtype(object))
        if not any(jnp.issubdtype(dtype, kind) for kind in (jnp.bool_, jnp.integer, jnp.floating)):
            raise TypeError(f"{caller}: {name} must be an array of real numbers, not {leaf!r}")
        if name in leaves:
            raise ValueError(f"{caller}: two leaves have the name {name}")
        leaves[name] = leaf
    return leaves


def _find_conversions(like: Any) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Returns what makes a weight of ours of PyTorch's, by the names of the weights of layers."""
    layers = jax.tree_util.tree_leaves_with_path(like, is_leaf=lambda node: type(node) in _CONVERSIONS)
    weight = (jax.tree_util.GetAttrKey("weight"),)
    return {
        leaf_name(path + weight): _CONVERSIONS[type(layer)] for path, layer in layers if type(layer) in _CONVERSIONS
    }


def _convert_weight(weight: np.ndarray) -> np.ndarray:
    return weight.transpose(*range(2, weight.ndim), 1, 0)


def _convert_transposed_weight(weight: np.ndarray) -> np.ndarray:
    space = range(weight.ndim - 2)
    return np.flip(weight.transpose(*range(2, weight.ndim), 0, 1), tuple(space))


_CONVERSIONS = {Affine: _convert_weight, ConvTransposeParams: _convert_transposed_weight}


def _read_tensors(path: Path, names: set[str], ignored: set[str]) -> dict[str, np.ndarray]:
    """Reads the tensors of these names; checks that the file has all of them, and no others except ignored ones."""
    safetensors = _import_safetensors()
    with path.open("rb"):  # raises the system's error, which names the file; the errors of safetensors do not
        pass
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            in_file = set(file.keys())
            problems = {"missing": sorted(names - in_file), "unexpected": sorted(in_file - names - ignored)}
            if any(problems.values()):
                parts = [f"{problem} names: {', '.join(each)}" for problem, each in problems.items() if each]
                raise CheckpointError(f"load_safetensors: {path} has {'; '.join(parts)}")
            return {name: file.get_tensor(name) for name in names}
    except CheckpointError:
        raise
    except Exception as error:  # safetensors raises many types on damaged bytes
        raise CheckpointError(f"load_safetensors: {path} is damaged or not a safetensors file: {error}") from error


def _check_leaf(path: Path, name: str, array: np.ndarray, like: Any) -> None:
    """Checks that an array has the shape and dtype of `like`."""
    if array.shape != tuple(like.shape):
        raise CheckpointError(f"load_safetensors: {path}: {name} has shape {array.shape}, `like` has {like.shape}")
    if array.dtype != like.dtype:
        raise CheckpointError(f"load_safetensors: {path}: {name} has dtype {array.dtype}, `like` has {like.dtype}")
