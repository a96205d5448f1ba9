"""IDX files, the format of MNIST: a header with a number type and sizes, then the numbers, big-endian.

The header is compared with the file's size before anything is allocated, because a damaged or hostile file can announce
terabytes.
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from jaxnn._checks.paths import check_path

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# Deflate compresses at most 1,032 bytes into one; a header that announces more is wrong.
_MAX_COMPRESSION = 1032
# Bytes that are read at a time.
_CHUNK_BYTES = 2**18


def read_idx(path: str | Path) -> np.ndarray:
    """Reads the array in an IDX file, in the machine's byte order.

    Args:
        path: a raw or gzipped file; its first bytes decide which, not its name.

    Raises:
        TypeError: `path` is not a string or a path.
        FileNotFoundError: there is no such file.
        ValueError: no IDX header, an unknown number type, or a size that differs from the header's.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = Path(directory) / "labels"
        ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        ...     read_idx(path)
        array([7, 2, 1], dtype=uint8)

    References:
        LeCun, Cortes and Burges (1998), The MNIST database of handwritten digits.
    """
    path = check_path("read_idx", path)
    size = path.stat().st_size
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not gzipped:
            return _read_array(path, file, size)
        try:
            with gzip.GzipFile(fileobj=file) as content:
                return _read_array(path, content, size * _MAX_COMPRESSION)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip data: {error}") from error


def _read_array(path: Path, file: io.BufferedIOBase, max_bytes: int) -> np.ndarray:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _DTYPES:
        raise ValueError(f"{path}: an IDX file starts with 0, 0, a number type and the number of axes, not {start!r}")
    dtype, axes = np.dtype(_DTYPES[start[2]]), start[3]
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise ValueError(f"{path}: truncated in its header: {axes} sizes announced, {len(sizes) // 4} found")
    shape = struct.unpack(f">{axes}I", sizes)
    announced = math.prod(shape) * dtype.itemsize
    if announced > max_bytes:
        raise ValueError(f"{path}: its header announces {shape}, {announced} bytes, more than the file can hold")
    content = _read_chunks(file, announced + 1)
    if len(content) != announced:
        actual = "more" if len(content) > announced else f"{len(content)}"
        raise ValueError(f"{path}: its header announces {shape}, {announced} bytes, but there are {actual}")
    numbers = np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))
    try:
        return numbers.reshape(shape)
    except ValueError as error:
        raise ValueError(f"{path}: its header announces {shape}, which no array can have: {error}") from error


def _read_chunks(file: io.BufferedIOBase, max_bytes: int) -> bytes:
    """Reads up to `max_bytes`, in chunks: a single read would allocate all of them, even if the file is shorter."""
    chunks = []
    while max_bytes and (chunk := file.read(min(max_bytes, _CHUNK_BYTES))):
        chunks.append(chunk)
        max_bytes -= len(chunk)
    return b"".join(chunks)
