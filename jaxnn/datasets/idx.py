"""IDX files, the format of MNIST: a header of type and sizes, then the numbers, big-endian.

The header is compared with the file's size before anything is allocated: a damaged or hostile file can announce
terabytes.
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# Deflate cannot pack more than 1,032 bytes into one; a header that promises more is false.
_LARGEST_RATIO = 1032
_PART = 2**18


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an IDX file, raw or gzipped (by its first bytes, whatever its name), in the machine's byte order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no IDX header, an unknown number type, or a size that is not the header's.

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
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            return _read(path, file, size)
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read(path, unpacked, size * _LARGEST_RATIO)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip data: {error}") from error


def _read(path: Path, file: io.BufferedIOBase, largest: int) -> np.ndarray:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _DTYPES:
        raise ValueError(f"{path}: an IDX file starts with 0, 0, a number type and the number of axes, not {start!r}")
    dtype, axes = np.dtype(_DTYPES[start[2]]), start[3]
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise ValueError(f"{path}: truncated in its header: {axes} sizes announced, {len(sizes) // 4} there")
    shape = struct.unpack(f">{axes}I", sizes)
    announced = math.prod(shape) * dtype.itemsize
    if announced > largest:
        raise ValueError(f"{path}: its header announces {shape}, {announced} bytes, more than the file can hold")
    content = _content(file, announced + 1)
    if len(content) != announced:
        found = "more" if len(content) > announced else f"{len(content)}"
        raise ValueError(f"{path}: its header announces {shape}, {announced} bytes, but there are {found}")
    numbers = np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))
    try:
        return numbers.reshape(shape)
    except ValueError as error:
        raise ValueError(f"{path}: its header announces {shape}, which no array can have: {error}") from error


def _content(file: io.BufferedIOBase, most: int) -> bytes:
    """What is there, as far as so many bytes. At once, all of them would be allocated, there or not."""
    parts = []
    while most and (part := file.read(min(most, _PART))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)
