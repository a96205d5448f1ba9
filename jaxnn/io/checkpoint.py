"""Pytrees of arrays as files: every bit comes back, or an error says what is wrong.

A file is an `.npz`: an uncompressed zip archive with one `.npy` for each leaf, which `numpy.load` reads too, and a
manifest of names, shapes, dtypes and SHA-256 digests. The digest of the manifest is the archive's comment. Nothing in a
file is ever run, and no more memory is asked for than the file is long.
"""

import contextlib
import hashlib
import io
import itertools
import json
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from jaxnn.io.manifest import check_manifest

_FORMAT = 1
_MANIFEST = "manifest.json"


class CheckpointError(ValueError):
    """A file that is damaged, is no checkpoint, or holds another structure than was asked for."""


class _Leaf(NamedTuple):
    """What the manifest says of a leaf; `dtype` is "key<…>" of a `jax.random.key`, stored as its numbers."""

    name: str
    shape: list[int]
    dtype: str
    sha256: str


def save(tree: Any, path: str | Path) -> Path:
    """Write a pytree of arrays to a file; the file is whole and on the disk, or it is as it was before.

    Args:
        tree: of arrays, `jax.random.key`s and Python numbers: parameters, optimizer states, whole training states.
        path: where; its folder must exist.

    Returns:
        The path.

    Raises:
        TypeError: a leaf that is none of these, by its name.
        OSError: the disk is full, the folder is missing or may not be written to.

    Example:
        >>> import jaxnn as nn
        >>> params = nn.mlp([4, 16, 3]).init(jax.random.key(0))
        >>> path = save(params, "network.npz")
        >>> path.exists()
        True
    """
    path = Path(path)
    write(path, pack(tree), "save")
    return path


def pack(tree: Any) -> bytes:
    """The content of the file that `save` writes; the same leaves always give the same bytes."""
    return _archive([(name, _dtype_name("save", name, leaf), _numbers(leaf)) for name, leaf in _named(tree)])


def write(path: Path, content: bytes, where: str) -> None:
    """Put a file on the disk, whole, or leave what was there before."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(new, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise OSError(error.errno, f"{where}: {path} could not be written: {error.strerror}", str(path)) from error


def load(path: str | Path, *, like: Any) -> Any:
    """Read a pytree that `save` wrote.

    Args:
        path: the file.
        like: a pytree of the same structure, shapes and dtypes, of arrays or of `jax.ShapeDtypeStruct`s, such as
            `jax.eval_shape(model.init, key)`. Leaves come back as NumPy arrays or Python numbers where it has those,
            and as JAX arrays elsewhere.

    Raises:
        TypeError: a leaf of `like` that is no array, shape or number.
        CheckpointError: a file that is damaged, by what is wrong, or that holds another structure, by the first leaf
            that differs.
        OSError: no such file, or it may not be read.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.mlp([4, 16, 3])
        >>> path = save(model.init(jax.random.key(0)), "network.npz")
        >>> load(path, like=jax.eval_shape(model.init, jax.random.key(0)))["output"].weight.shape
        (16, 3)
    """
    path = Path(path)
    named, structure = _named(like), jax.tree.structure(like)
    leaves = _read(path)
    found, wanted = [leaf.name for leaf, _ in leaves], [name for name, _ in named]
    if found != wanted:
        pairs = itertools.zip_longest(found, wanted, fillvalue="no more leaves")
        here, there = next(pair for pair in pairs if pair[0] != pair[1])
        raise CheckpointError(f"load: {path} has {here} where `like` has {there}")
    return jax.tree.unflatten(
        structure, [_like(path, leaf, array, kind) for (leaf, array), (_, kind) in zip(leaves, named, strict=True)]
    )


def _named(tree: Any) -> list[tuple[str, Any]]:
    """Every leaf with the names that lead to it."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(path, simple=True, separator="/") or "value", leaf) for path, leaf in leaves]


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(getattr(leaf, "dtype", np.bool_), jax.dtypes.prng_key)


def _dtype_name(where: str, name: str, leaf: Any) -> str:
    if isinstance(leaf, bool | int | float | complex):
        return type(leaf).__name__
    if _is_key(leaf):
        return f"key<{_implementation(where, name, leaf)}>"
    dtype = np.dtype(getattr(leaf, "dtype", object))
    if dtype.hasobject or dtype.kind not in "biufcV" or (dtype.kind == "V" and dtype.fields is not None):
        raise TypeError(f"{where}: {name} must be an array of numbers, not {leaf!r}")
    return dtype.name


def _implementation(where: str, name: str, key: Any) -> str:
    """What `jax.random.key` calls the generator of these keys; they may be a shape and a dtype only."""
    for implementation in ("threefry2x32", "rbg", "unsafe_rbg"):
        if jax.random.key(0, impl=implementation).dtype == key.dtype:
            return implementation
    raise TypeError(f"{where}: {name} holds keys of a generator that is not one of JAX's: {key.dtype}")


def _numbers(leaf: Any) -> np.ndarray:
    """A leaf as an array that NumPy can write: keys as their numbers, bfloat16 and its kin as whole numbers."""
    array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
    if array.dtype.kind == "V":
        return array.view(f"u{array.dtype.itemsize}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _archive(leaves: list[tuple[str, str, np.ndarray]]) -> bytes:
    """The whole file."""
    file, manifest = io.BytesIO(), []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, (name, dtype, array) in enumerate(leaves):
            entry = io.BytesIO()
            np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
            digest = hashlib.sha256(entry.getvalue()).hexdigest()
            manifest.append(_Leaf(name, list(array.shape), dtype, digest)._asdict())
            archive.writestr(zipfile.ZipInfo(f"{number}.npy"), entry.getvalue())
        versions = {"jax": jax.__version__, "numpy": np.__version__}
        text = json.dumps({"format": _FORMAT, "versions": versions, "leaves": manifest}).encode()
        archive.writestr(zipfile.ZipInfo(_MANIFEST), text)
        archive.comment = hashlib.sha256(text).hexdigest().encode()
    return file.getvalue()


def _read(path: Path) -> list[tuple[_Leaf, np.ndarray]]:
    """Every leaf of a file, checked against its digest."""
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(content):
                    raise CheckpointError(f"load: {path} is damaged: {entry.filename} is not stored as it was written")
            text = archive.read(_MANIFEST)
            if hashlib.sha256(text).hexdigest().encode() != archive.comment:
                raise CheckpointError(f"load: {path} is damaged: the manifest does not match its digest")
            check_manifest(text, len(content))
            manifest = json.loads(text)
            if manifest["format"] != _FORMAT:
                raise CheckpointError(f"load: {path} has format {manifest['format']}; this jaxnn reads {_FORMAT}")
            leaves = [_Leaf(**leaf) for leaf in manifest["leaves"]]
            return [(leaf, _array(path, leaf, archive.read(f"{i}.npy"))) for i, leaf in enumerate(leaves)]
    except CheckpointError:
        raise
    except Exception as error:  # whatever the readers of zip, JSON and npy think of damaged bytes
        raise CheckpointError(f"load: {path} is damaged or no checkpoint: {error}") from error


def _array(path: Path, leaf: _Leaf, content: bytes) -> np.ndarray:
    if hashlib.sha256(content).hexdigest() != leaf.sha256:
        raise CheckpointError(f"load: {path} is damaged: {leaf.name} does not match its digest")
    entry = io.BytesIO(content)
    np.lib.format.read_magic(entry)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(entry)
    if list(shape) != leaf.shape:
        raise CheckpointError(f"load: {path} is damaged: {leaf.name} is {shape}, not {tuple(leaf.shape)}")
    # Never more than the file holds: what the header claims is not allocated, it must fit what is there.
    flat = np.frombuffer(content, dtype, offset=entry.tell())
    return flat.reshape(shape, order="F" if fortran else "C").copy()


def _like(path: Path, leaf: _Leaf, array: np.ndarray, like: Any) -> Any:
    """A leaf as `like` has it, which must be of the same kind and shape."""
    dtype = _dtype_name("load", leaf.name, like)
    if leaf.dtype != dtype:
        raise CheckpointError(f"load: {path}: {leaf.name} is {leaf.dtype} in the file, {dtype} in `like`")
    if isinstance(like, bool | int | float | complex):
        return array.item()
    if _is_key(like):
        shape, array = array.shape[:-1], jax.random.wrap_key_data(jnp.asarray(array), impl=leaf.dtype[4:-1])
    else:
        wanted = np.dtype(getattr(ml_dtypes, dtype, dtype))
        if array.dtype.itemsize != wanted.itemsize:
            raise CheckpointError(
                f"load: {path} is damaged: {leaf.name} holds {array.dtype}, not the numbers of {dtype}"
            )
        shape, array = array.shape, array.view(wanted)
    if shape != like.shape:
        raise CheckpointError(f"load: {path}: {leaf.name} has shape {shape} in the file, {like.shape} in `like`")
    if isinstance(like, np.ndarray | np.generic):
        return array.astype(like.dtype, copy=False) if isinstance(like, np.ndarray) else array[()]
    return jnp.asarray(array)


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk when its folder is; systems without folders to open have nothing to wait for."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
