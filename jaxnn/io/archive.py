"""The archive of a checkpoint: named arrays with their digests, and a manifest of them.

A file is an `.npz`, which `numpy.load` reads too: an uncompressed zip archive with one `.npy` entry for each leaf. A
manifest lists names, shapes, dtypes and SHA-256 digests, and the archive's comment is the digest of the manifest.
Reading a file executes nothing in it, and takes memory in proportion to the length of the file.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxnn.io.manifest import check_manifest

_FORMAT = 1
_MANIFEST = "manifest.json"


class CheckpointError(ValueError):
    """Raised for a file that is damaged, is not a checkpoint, or does not have the structure of `like`."""


class ManifestEntry(NamedTuple):
    """The manifest's description of a leaf; a `jax.random.key` has the dtype "key<…>" and is stored as its key data."""

    name: str
    shape: list[int]
    dtype: str
    sha256: str


class StoredLeaves(NamedTuple):
    """The leaves of a file, and the types of its nodes, if it has them."""

    leaves: list[tuple[ManifestEntry, np.ndarray]]
    nodes: dict[str, str] | None


def build_archive(leaves: list[tuple[str, str, np.ndarray]], nodes: dict[str, str]) -> bytes:
    """Returns the content of the whole file."""
    file, entries = io.BytesIO(), []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, (name, dtype, array) in enumerate(leaves):
            npy = io.BytesIO()
            np.lib.format.write_array(npy, array, version=(1, 0), allow_pickle=False)
            digest = hashlib.sha256(npy.getvalue()).hexdigest()
            entries.append(ManifestEntry(name, list(array.shape), dtype, digest)._asdict())
            archive.writestr(zipfile.ZipInfo(f"{number}.npy"), npy.getvalue())
        versions = {"jax": jax.__version__, "numpy": np.__version__}
        parts = {"format": _FORMAT, "versions": versions, "leaves": entries, "nodes": nodes}
        manifest = json.dumps(parts).encode()
        archive.writestr(zipfile.ZipInfo(_MANIFEST), manifest)
        archive.comment = hashlib.sha256(manifest).hexdigest().encode()
    return file.getvalue()


def read_leaves(path: Path) -> StoredLeaves:
    """Reads every leaf of a file and checks it against its digest."""
    return parse_leaves(path.read_bytes(), path)


def parse_leaves(content: bytes, path: Path) -> StoredLeaves:
    """Reads every leaf of the content of a file; `path` names it in messages."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(content):
                    raise CheckpointError(f"load: {path} is damaged: {info.filename} is compressed or too large")
            text = archive.read(_MANIFEST)
            if hashlib.sha256(text).hexdigest().encode() != archive.comment:
                raise CheckpointError(f"load: {path} is damaged: the manifest does not match its digest")
            check_manifest(text, len(content))
            manifest = json.loads(text)
            if manifest["format"] != _FORMAT:
                raise CheckpointError(f"load: {path} has format {manifest['format']}; this jaxnn reads {_FORMAT}")
            entries = [ManifestEntry(**entry) for entry in manifest["leaves"]]
            leaves = [(entry, _parse_array(path, entry, archive.read(f"{i}.npy"))) for i, entry in enumerate(entries)]
            nodes = manifest.get("nodes")
            return StoredLeaves(
                leaves, None if nodes is None else {str(path): str(kind) for path, kind in nodes.items()}
            )
    except CheckpointError:
        raise
    except Exception as error:  # the readers of zip, JSON and npy raise many types on damaged bytes
        raise CheckpointError(f"load: {path} is damaged or not a checkpoint: {error}") from error


def _parse_array(path: Path, entry: ManifestEntry, content: bytes) -> np.ndarray:
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise CheckpointError(f"load: {path} is damaged: {entry.name} does not match its digest")
    npy = io.BytesIO(content)
    np.lib.format.read_magic(npy)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(npy)
    if list(shape) != entry.shape:
        raise CheckpointError(f"load: {path} is damaged: {entry.name} is {shape}, not {tuple(entry.shape)}")
    # np.load would allocate the shape that the header claims; frombuffer takes only the bytes that the file holds.
    flat = np.frombuffer(content, dtype, offset=npy.tell())
    return flat.reshape(shape, order="F" if fortran else "C").copy()
