"""Random, mutated and hostile files: the exact data or one type of error, and memory in proportion to the file."""

import gzip
import hashlib
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import jaxnn as nn

# Bytes that imports, compiled regular expressions, error messages and the buffers of gzip take for any file.
CONSTANT = 2**20
TREE = {"w": np.array([[1.5, -2.0, 0.0]], np.float32), "n": 3, "b": np.arange(4, dtype=np.int16)}
IDX = bytes([0, 0, 8, 2]) + struct.pack(">2I", 3, 4) + bytes(range(12))


def within_memory(size: int, call: Callable[[], Any]) -> Any:
    """Returns the result of a call, or None after a ValueError; its peak memory is at most ten times `size` bytes."""
    tracemalloc.start()
    result = error = None
    try:
        result = call()
    except ValueError as raised:
        error = raised
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak <= 10 * size + CONSTANT
    assert type(error) in (type(None), ValueError, nn.CheckpointError), repr(error)
    assert error is None or "hostile" in str(error), "an error that does not name the file"
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> bytes:
    return nn.save(TREE, folder / "good.npz").read_bytes()


def mutated(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Returns the content after edits: at an index, a number of bytes is replaced with other bytes."""
    for index, length, replacement in edits:
        index %= len(content) + 1
        content = content[:index] + replacement + content[index + length :]
    return content


edits = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=3)


def read_idx(path: Path, content: bytes, unpacked: int) -> np.ndarray | None:
    path.write_bytes(content)
    return within_memory(max(len(content), unpacked), lambda: nn.datasets.read_idx(path))


def matches_idx(array: np.ndarray, content: bytes) -> bool:
    """Returns whether an array is the content of a raw IDX file, by the definition of the format."""
    shape = struct.unpack_from(f">{content[3]}I", content, 4)
    return (
        array.shape == shape and array.astype(array.dtype.newbyteorder(">")).tobytes() == content[4 + 4 * len(shape) :]
    )


@settings(max_examples=150)
@given(st.binary(max_size=200) | edits.map(lambda each: mutated(IDX, each)))
@example(bytes([0, 0, 8, 65]) + struct.pack(">I", 1) * 65 + b"\0")
@example(bytes([0, 0, 14, 4]) + struct.pack(">4I", 0, *[2**32 - 1] * 3))
@example(bytes([0, 0, 14, 255]) + struct.pack(">I", 2**32 - 1) * 255)
def test_read_idx_of_any_bytes_is_exact_or_a_value_error(folder: Path, content: bytes) -> None:
    raw = read_idx(folder / "raw", content, 0)
    assert raw is None or matches_idx(raw, content)
    packed = read_idx(folder / "packed", gzip.compress(content), len(content))
    # Compressed bytes give the same array, unless the raw bytes themselves look like a gzip file.
    assert (raw is None) == (packed is None) or content[:2] == b"\x1f\x8b"
    np.testing.assert_array_equal(raw, packed)


@settings(max_examples=150)
@given(edits)
def test_read_idx_of_a_damaged_gzip_file_is_exact_or_a_value_error(folder: Path, changes: list) -> None:
    content = mutated(gzip.compress(IDX, mtime=0), changes)
    array = read_idx(folder / "damaged", content, len(IDX))
    assert array is None or matches_idx(array, gzip.decompress(content))


def test_read_idx_allocates_for_the_content_not_for_the_header(folder: Path) -> None:
    junk = np.random.default_rng(0).bytes(2**20)
    packed = gzip.compress(bytes([0, 0, 8, 1]) + struct.pack(">I", 2**29) + junk)
    assert read_idx(folder / "short", packed, 0) is None
    blank = bytes([0, 0, 8, 1]) + struct.pack(">I", 2**23) + bytes(2**23)
    zeros = read_idx(folder / "blank", gzip.compress(blank), len(blank))
    assert zeros is not None
    assert zeros.shape == (2**23,)
    assert read_idx(folder / "bomb", gzip.compress(IDX + bytes(2**24)), len(IDX)) is None


def load(path: Path, content: bytes, like: Any = TREE) -> Any:
    path.write_bytes(content)
    return within_memory(len(content), lambda: nn.load(path, like=like))


def assert_exact(loaded: Any) -> None:
    if loaded is not None:
        for one, other in zip(jax.tree.leaves(TREE), jax.tree.leaves(loaded), strict=True):
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@settings(max_examples=150)
@given(st.data())
def test_load_of_any_bytes_is_exact_or_a_checkpoint_error(folder: Path, checkpoint: bytes, data: st.DataObject) -> None:
    content = data.draw(st.binary(max_size=400) | edits.map(lambda each: mutated(checkpoint, each)))
    assert_exact(load(folder / "any.npz", content))


def zipped(entries: dict[str, bytes], text: bytes, *, right: bool = True, how: int = zipfile.ZIP_STORED) -> bytes:
    """Returns an archive of these entries and this manifest, with the right digest of the manifest or a wrong one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, entry in {**entries, "manifest.json": text}.items():
            archive.writestr(zipfile.ZipInfo(name), entry, how)
        archive.comment = hashlib.sha256(text if right else text + b" ").hexdigest().encode()
    return file.getvalue()


def unzipped(checkpoint: bytes) -> tuple[dict[str, bytes], bytes]:
    with zipfile.ZipFile(io.BytesIO(checkpoint)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return entries, entries.pop("manifest.json")


values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
anything = st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@settings(max_examples=150)
@given(st.data())
def test_load_of_another_manifest_is_exact_or_a_checkpoint_error(
    folder: Path, checkpoint: bytes, data: st.DataObject
) -> None:
    entries, text = unzipped(checkpoint)
    manifest = json.loads(text)
    leaf = data.draw(st.sampled_from(manifest["leaves"]))
    target = data.draw(st.sampled_from([manifest, leaf]))
    target[data.draw(st.sampled_from([*target, "more"]))] = data.draw(anything)
    right = data.draw(st.booleans())
    loaded = load(folder / "manifest.npz", zipped(entries, json.dumps(manifest).encode(), right=right))
    assert right or loaded is None
    assert_exact(loaded)


@settings(max_examples=100)
@given(
    shape=st.lists(st.integers(-(2**65), 2**65), max_size=70), kind=st.sampled_from(["<f4", ">i8", "|O", "V9", "<U3"])
)
def test_load_allocates_nothing_for_a_forged_shape(folder: Path, shape: list[int], kind: str) -> None:
    entry = io.BytesIO()
    np.lib.format.write_array_header_2_0(entry, {"descr": kind, "fortran_order": False, "shape": tuple(shape)})
    body = entry.getvalue().replace(b"NUMPY\2\0", b"NUMPY\1\0")
    body = body[:8] + body[8:10] + body[12:]  # version 1.0 has two bytes for the header's length, 2.0 has four
    leaf = {"name": "a", "shape": shape, "dtype": "float32", "sha256": hashlib.sha256(body).hexdigest()}
    text = json.dumps({"format": 1, "versions": {}, "leaves": [leaf]}).encode()
    like = {"a": np.zeros(1, np.float32)}
    assert load(folder / "shape.npz", zipped({"0.npy": body}, text), like) is None


def test_load_refuses_zip_bombs_and_crowded_manifests(folder: Path, checkpoint: bytes) -> None:
    entries, text = unzipped(checkpoint)
    large = {**entries, "0.npy": entries["0.npy"] + bytes(2**24)}
    assert load(folder / "bomb.npz", zipped(large, text, how=zipfile.ZIP_DEFLATED)) is None
    crowd = b"[" + b",".join([b"[]"] * 2**18) + b"]"
    for hostile in (
        crowd,
        b'{"format": 1, "leaves": ' + crowd + b"}",
        b"[" * 2**18,
        b"[" + ",".join(['"ā"'] * 2**16).encode() + b"]",
    ):
        assert load(folder / "crowd.npz", zipped({}, hostile)) is None
    assert load(folder / "names.npz", crowded([""] * 40_000)) is None
    assert load(folder / "names.npz", crowded([f"{i}.npy" for i in range(20_000)])) is None


def crowded(names: list[str]) -> bytes:
    """Returns an archive whose directory has these names, all of the same empty entry."""
    whole = zipped({}, b"")
    start = whole.index(b"PK\1\2")
    head = whole[:start]
    rest = b"".join(
        whole[start : start + 28] + struct.pack("<H", len(name)) + bytes(16) + name.encode() for name in names
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(rest), len(head), 0)
    return head + rest + end


def test_many_leaves_of_many_axes_still_come_back(folder: Path) -> None:
    """The limit on manifests accepts the files of `save` with the most structure for their size."""
    tree = {'[{,:\\"' * 50 + str(i): np.full((1,) * 60, i, np.int16) for i in range(200)}
    loaded = nn.load(nn.save(tree, folder / "axes.npz"), like=tree)
    assert all(np.array_equal(tree[name], loaded[name]) for name in tree)
    assert nn.load(nn.save([], folder / "nothing.npz"), like=[]) == []
    scalars = list(range(3000))
    assert nn.load(nn.save(scalars, folder / "scalars.npz"), like=scalars) == scalars
