"""Parameters as safetensors files (extra `safetensors`), which other libraries read and write too.

`save` and `load` keep whole trainings and notice every flipped bit; these are for parameters that come from, or go to,
somewhere else. A safetensors file has no digests: that it is whole is noticed, not that a number in it has changed.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import leaf_name
from jaxnn.io.checkpoint import CheckpointError
from jaxnn.layers import Affine

_LAYOUTS = ("jaxnn", "torch")


def save_safetensors(params: Any, path: str | Path) -> Path:
    """Write parameters to a safetensors file, each under the names that lead to it, joined by dots.

    Args:
        params: any pytree of arrays, such as `{"output": Affine}`: `output.weight` and `output.bias`.
        path: where; its folder must exist. The file is whole, or it is as it was before.

    Raises:
        ImportError: without safetensors.
        TypeError: a leaf that is no array of numbers.
        ValueError: two leaves of one name.
        OSError: the disk is full, the folder is missing or may not be written to.

    Example:
        >>> import jaxnn as nn
        >>> params = nn.mlp([4, 16, 3]).init(jax.random.key(0))
        >>> save_safetensors(params, "network.safetensors").name
        'network.safetensors'
    """
    path, new = Path(path), Path(path).with_name(f".{Path(path).name}.{os.getpid()}.new")
    # The package writes an array's memory as it lies, whatever its strides say.
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in _named("save", params).items()}
    content = _package().numpy.save(arrays)
    try:
        new.write_bytes(content)
        os.replace(new, path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    return path


def load_safetensors(
    path: str | Path,
    *,
    like: Any,
    names: Mapping[str, str] | None = None,
    layout: str = "jaxnn",
    ignore: Iterable[str] = (),
) -> Any:
    """Read parameters from a safetensors file: one of ours, or the `state_dict` of a PyTorch network.

    PyTorch keeps the kernels of its layers as (outputs, inputs, *window), and this library as
    (*window, inputs, outputs): with `layout="torch"` the weight of every `Affine` in `like` is turned, and nothing
    else. It also flattens images as (channels, height, width), and `flatten` as (height, width, channels). So the
    rows of the first dense layer after a convolution, on maps of (height, width, channels), are put in order by

        rows = params["output"].weight.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
        params["output"] = params["output"]._replace(weight=rows.reshape(height * width * channels, -1))

    Args:
        path: the file.
        like: a pytree of the same structure, shapes and dtypes, of arrays or of `jax.ShapeDtypeStruct`s, such as
            `jax.eval_shape(model.init, key)`. Leaves come back as NumPy arrays where it has those, as JAX arrays
            elsewhere.
        names: what the file calls a leaf, where it is not our name: `{"output.weight": "fc2.weight"}`.
        layout: "jaxnn", or "torch" for kernels as PyTorch keeps them.
        ignore: names in the file that are not wanted; any other that `like` does not have is an error.

    Raises:
        ImportError: without safetensors.
        TypeError: a leaf of `like` that is no array or shape.
        ValueError: an unknown layout, or names of leaves that `like` does not have.
        CheckpointError: a damaged file, names that it lacks or has too many of, or another shape or dtype.
        OSError: no such file, or it may not be read.

    Example:
        >>> import jaxnn as nn
        >>> params = {"output": nn.Affine(np.ones((2, 1), "f"), np.zeros(1, "f"))}
        >>> path = save_safetensors({"fc.weight": np.array([[3, 4]], "f"), "fc.bias": np.ones(1, "f")}, "torch.st")
        >>> theirs = {"output.weight": "fc.weight", "output.bias": "fc.bias"}
        >>> load_safetensors(path, like=params, names=theirs, layout="torch")["output"].weight
        array([[3.],
               [4.]], dtype=float32)
    """
    if layout not in _LAYOUTS:
        raise ValueError(f'load_safetensors: layout must be "jaxnn" or "torch", not {layout!r}')
    wanted, names = _named("load", like), dict(names or {})
    if unknown := sorted(names.keys() - wanted.keys()):
        raise ValueError(f"load_safetensors: names has {', '.join(unknown)}, but `like` has {', '.join(wanted)}")
    theirs = {name: names.get(name, name) for name in wanted}
    tensors = _read(Path(path), set(theirs.values()), set(ignore))
    kernels = _kernels(like) if layout == "torch" else set()
    leaves = []
    for name, leaf in wanted.items():
        array = tensors[theirs[name]]
        if name in kernels:
            array = np.ascontiguousarray(array.transpose(*range(2, array.ndim), 1, 0)) if array.ndim > 1 else array
        leaves.append(_like(Path(path), f"{name} ({theirs[name]})", array, leaf))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _package() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("safetensors files need an extra: pip install 'jaxnn[safetensors]'") from error
    return safetensors


def _named(where: str, tree: Any) -> dict[str, Any]:
    """Every leaf under its name, which no two may share: a file holds one of them."""
    found: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name = leaf_name(path)
        dtype = getattr(leaf, "dtype", np.dtype(object))
        if not any(jnp.issubdtype(dtype, kind) for kind in (jnp.bool_, jnp.integer, jnp.floating)):
            raise TypeError(f"{where}_safetensors: {name} must be an array of real numbers, not {leaf!r}")
        if name in found:
            raise ValueError(f"{where}_safetensors: two leaves have the name {name}")
        found[name] = leaf
    return found


def _kernels(like: Any) -> set[str]:
    """The names of the weights of all `Affine`s."""
    layers = jax.tree_util.tree_leaves_with_path(like, is_leaf=lambda node: isinstance(node, Affine))
    weight = (jax.tree_util.GetAttrKey("weight"),)
    return {leaf_name(path + weight) for path, layer in layers if isinstance(layer, Affine)}


def _read(path: Path, wanted: set[str], ignored: set[str]) -> dict[str, np.ndarray]:
    """The tensors of these names, which must be all that the file has but for the ignored ones."""
    package = _package()
    with path.open("rb"):  # an error of the system's, which names the file, comes before any of the package's
        pass
    try:
        with package.safe_open(path, framework="numpy") as file:
            there = set(file.keys())
            lacks, extra = sorted(wanted - there), sorted(there - wanted - ignored)
            if lacks or extra:
                parts = (("lacks", lacks), ("has, and nobody asked for,", extra))
                said = "; it ".join(f"{verb} {', '.join(listed)}" for verb, listed in parts if listed)
                raise CheckpointError(f"load_safetensors: {path} {said}")
            return {name: file.get_tensor(name) for name in wanted}
    except CheckpointError:
        raise
    except Exception as error:  # whatever its reader thinks of damaged bytes
        raise CheckpointError(f"load_safetensors: {path} is damaged or no safetensors file: {error}") from error


def _like(path: Path, name: str, array: np.ndarray, like: Any) -> Any:
    """An array as `like` has it, which must be of the same shape and dtype."""
    if array.shape != tuple(like.shape):
        raise CheckpointError(f"load_safetensors: {path}: {name} has shape {array.shape}, `like` has {like.shape}")
    if array.dtype != like.dtype:
        raise CheckpointError(f"load_safetensors: {path}: {name} has dtype {array.dtype}, `like` has {like.dtype}")
    return array if isinstance(like, np.ndarray) else jnp.asarray(array)
