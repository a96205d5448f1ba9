"""The binary files of CIFAR-10: records of a label and a 32×32 image, all its red bytes, then green, then blue.

The size of a file is compared with that of records before anything is read.
"""

from pathlib import Path

import numpy as np

from jaxnn._checks.paths import check_path

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FILES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
_IMAGE = (3, 32, 32)
_RECORD_BYTES = 1 + 3 * 32 * 32


def read_cifar10(directory: str | Path, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Reads the images and labels of a part of CIFAR-10.

    Args:
        directory: holds `data_batch_1.bin` to `data_batch_5.bin`, or `test_batch.bin`.
        part: "train" or "test".

    Returns:
        Images (count, 32, 32, 3) of unsigned bytes, and labels (count,) of int32.

    Raises:
        TypeError: `directory` is not a string or a path.
        FileNotFoundError: a file is missing.
        ValueError: another part, a file of another size than that of records, or a label above 9.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     _ = (Path(directory) / "test_batch.bin").write_bytes(bytes([7] + [255] * 3072))
        ...     images, labels = read_cifar10(directory, "test")
        >>> images.shape, labels
        ((1, 32, 32, 3), array([7], dtype=int32))

    References:
        Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """
    folder = check_path("cifar10", directory, name="directory")
    if part not in _FILES:
        raise ValueError(f'cifar10: part must be "train" or "test", not {part!r}')
    records = np.concatenate([_read_records(folder / name) for name in _FILES[part]])
    images = records[:, 1:].reshape(-1, *_IMAGE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0].astype(np.int32)


def _read_records(path: Path) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"cifar10: {path} is not there")
    size = path.stat().st_size
    if not size or size % _RECORD_BYTES:
        raise ValueError(f"{path}: a file of CIFAR-10 has records of {_RECORD_BYTES} bytes, not {size} bytes in all")
    records = np.fromfile(path, np.uint8).reshape(-1, _RECORD_BYTES)
    wrong = np.flatnonzero(records[:, 0] >= len(CLASSES))
    if wrong.size:
        raise ValueError(f"{path}: labels must lie in 0 … 9, but record {wrong[0]} holds {records[wrong[0], 0]}")
    return records
