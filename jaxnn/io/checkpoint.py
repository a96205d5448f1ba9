"""Checkpoints: pytrees of arrays as files. Every bit comes back, or an error names what is wrong."""

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from jaxnn._checks.paths import check_path
from jaxnn.io.archive import CheckpointError, ManifestEntry, StoredLeaves, build_archive, read_leaves
from jaxnn.io.files import write
from jaxnn.io.nodes import list_nodes


def save(tree: Any, path: str | Path) -> Path:
    """Writes a pytree of arrays to a file, atomically: after an error the previous file is unchanged.

    Args:
        tree: a pytree of arrays, `jax.random.key`s and Python numbers, such as parameters, optimizer states or whole
            training states.
        path: the file; its folder must exist.

    Returns:
        The path of the file.

    Raises:
        TypeError: a leaf of another type, which the message names, or a path of another type.
        OSError: the disk is full, or the folder is missing or not writable.

    Example:
        >>> import jaxnn as nn
        >>> params = nn.mlp([4, 16, 3]).init(jax.random.key(0))
        >>> path = save(params, "network.npz")
        >>> path.exists()
        True
    """
    path = check_path("save", path)
    write(path, pack(tree), "save")
    return path


def pack(tree: Any) -> bytes:
    """Returns the content of the file that `save` writes; equal trees always give equal bytes."""
    leaves = [(name, _dtype_name("save", name, leaf), _to_storable(leaf)) for name, leaf in _named_leaves(tree)]
    return build_archive(leaves, list_nodes(tree))


def load(path: str | Path, *, like: Any) -> Any:
    """Reads a pytree that `save` wrote.

    Args:
        path: the file.
        like: a pytree of the same structure, shapes and dtypes, of arrays or `jax.ShapeDtypeStruct`s, such as
            `jax.eval_shape(model.init, key)`.

    Returns:
        The pytree: NumPy arrays and Python numbers where `like` has them, JAX arrays and keys elsewhere.

    Raises:
        TypeError: a leaf of `like` that is not an array, a shape or a number, or a path of another type.
        CheckpointError: a damaged file, or another structure; the message names the damage or the first leaf that
            differs.
        OSError: the file does not exist or cannot be read.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.mlp([4, 16, 3])
        >>> path = save(model.init(jax.random.key(0)), "network.npz")
        >>> load(path, like=jax.eval_shape(model.init, jax.random.key(0)))["output"].weight.shape
        (16, 3)
    """
    path = check_path("load", path)
    expected = _named_leaves(like)
    stored = read_leaves(path).leaves
    stored_names, expected_names = [entry.name for entry, _ in stored], [name for name, _ in expected]
    if stored_names != expected_names:
        pairs = itertools.zip_longest(stored_names, expected_names, fillvalue="no more leaves")
        in_file, in_like = next(pair for pair in pairs if pair[0] != pair[1])
        raise CheckpointError(f"load: {path} has {in_file} where `like` has {in_like}")
    pairs = zip(stored, expected, strict=True)
    leaves = [_restore_leaf(path, entry, array, leaf) for (entry, array), (_, leaf) in pairs]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


class NamedArrays(NamedTuple):
    """What a file holds, for those who do not know its structure.

    Attributes:
        arrays: by their names, without keys and single numbers.
        nodes: as `list_nodes` returned them; None if the file is of a version that did not write them.
    """

    arrays: dict[str, np.ndarray]
    nodes: dict[str, str] | None


def load_by_name(path: Path) -> NamedArrays:
    """Reads the arrays of a file by their names."""
    return name_arrays(read_leaves(path))


def name_arrays(stored: StoredLeaves) -> NamedArrays:
    """Returns the arrays of a file by their names."""
    arrays = {}
    for entry, array in stored.leaves:
        dtype = getattr(ml_dtypes, entry.dtype, entry.dtype)
        if not entry.dtype.startswith("key<") and entry.dtype not in ("bool", "int", "float", "complex"):
            arrays[entry.name] = array.view(dtype)
    return NamedArrays(arrays, stored.nodes)


def _named_leaves(tree: Any) -> list[tuple[str, Any]]:
    """Returns every leaf with its path in the tree, joined by slashes."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(path, simple=True, separator="/") or "value", leaf) for path, leaf in leaves]


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(getattr(leaf, "dtype", np.bool_), jax.dtypes.prng_key)


def _dtype_name(caller: str, name: str, leaf: Any) -> str:
    if isinstance(leaf, bool | int | float | complex):
        return type(leaf).__name__
    if _is_key(leaf):
        return f"key<{_key_implementation(caller, name, leaf)}>"
    dtype = np.dtype(getattr(leaf, "dtype", object))
    if dtype.hasobject or dtype.kind not in "biufcV" or (dtype.kind == "V" and dtype.fields is not None):
        raise TypeError(f"{caller}: {name} must be an array of numbers, not {leaf!r}")
    return dtype.name


def _key_implementation(caller: str, name: str, key: Any) -> str:
    """Returns the `impl` of these keys for `jax.random.key`; `key` may be a `jax.ShapeDtypeStruct`."""
    for implementation in ("threefry2x32", "rbg", "unsafe_rbg"):
        if jax.random.key(0, impl=implementation).dtype == key.dtype:
            return implementation
    raise TypeError(f"{caller}: {name} holds keys of a generator that is not one of JAX's: {key.dtype}")


def _to_storable(leaf: Any) -> np.ndarray:
    """Converts a leaf to an array that NumPy can write: keys to key data, bfloat16 and float8 to unsigned integers."""
    array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
    if array.dtype.kind == "V":
        return array.view(f"u{array.dtype.itemsize}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _restore_leaf(path: Path, entry: ManifestEntry, array: np.ndarray, like: Any) -> Any:
    """Converts a stored array to a leaf of the type of `like`, whose shape and dtype it must have."""
    dtype = _dtype_name("load", entry.name, like)
    if entry.dtype != dtype:
        raise CheckpointError(f"load: {path}: {entry.name} is {entry.dtype} in the file, {dtype} in `like`")
    if isinstance(like, bool | int | float | complex):
        return array.item()
    if _is_key(like):
        shape, array = array.shape[:-1], jax.random.wrap_key_data(jnp.asarray(array), impl=entry.dtype[4:-1])
    else:
        expected = np.dtype(getattr(ml_dtypes, dtype, dtype))
        if array.dtype.itemsize != expected.itemsize:
            raise CheckpointError(f"load: {path} is damaged: {entry.name} holds {array.dtype}, not {dtype}")
        shape, array = array.shape, array.view(expected)
    if shape != like.shape:
        raise CheckpointError(f"load: {path}: {entry.name} has shape {shape} in the file, {like.shape} in `like`")
    if isinstance(like, np.ndarray | np.generic):
        return array.astype(like.dtype, copy=False) if isinstance(like, np.ndarray) else array[()]
    return jnp.asarray(array)
