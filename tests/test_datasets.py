"""Data sets: their contents, and IDX files that are valid, damaged or hostile."""

import gzip
import struct

import numpy as np
import pytest
import sklearn.datasets
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxnn import datasets

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx_bytes(array: np.ndarray, code: int = 0x08) -> bytes:
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(TYPES[code]).tobytes()


def test_iris_equals_that_of_scikit_learn():
    flowers, reference = datasets.iris(), sklearn.datasets.load_iris()
    np.testing.assert_array_equal(flowers.x, reference.data)
    np.testing.assert_array_equal(flowers.targets, reference.target)
    assert flowers.features == tuple(reference.feature_names)
    assert flowers.classes == tuple(reference.target_names)


def test_digits_are_those_of_scikit_learn_scaled_to_1():
    digits, reference = datasets.digits(), sklearn.datasets.load_digits()
    np.testing.assert_array_equal(digits.x[..., 0] * 16, reference.images)
    np.testing.assert_array_equal(digits.targets, reference.target)
    assert digits.x.dtype == np.float32


def test_tic_tac_toe_is_an_o_and_an_x():
    rows = ["".join(" #"[int(cell)] for cell in row) for row in datasets.tic_tac_toe().x.reshape(12, 6)]
    assert rows == [
        "  ##  ", " #  # ", "#    #", "#    #", " #  # ", "  ##  ",
        "#    #", " #  # ", "  ##  ", "  ##  ", " #  # ", "#    #",
    ]  # fmt: skip


def test_dosage_has_the_three_points_of_the_notes():
    x, targets = datasets.dosage().data
    assert x.ravel().tolist() == [0, 0.5, 1]
    assert targets.ravel().tolist() == [0, 1, 0]


@given(
    code=st.sampled_from(sorted(TYPES)),
    array=arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4, max_side=5), elements=st.integers(0, 100)),
    gzipped=st.booleans(),
)
def test_idx_files_of_every_type_and_shape_are_read(tmp_path_factory, code, array, gzipped):
    path = tmp_path_factory.mktemp("idx") / "numbers"
    content = idx_bytes(array, code)
    path.write_bytes(gzip.compress(content) if gzipped else content)
    actual = datasets.read_idx(path)
    np.testing.assert_array_equal(actual, array)
    assert actual.dtype == np.dtype(TYPES[code]).newbyteorder("=")


IMAGES = idx_bytes(np.arange(24).reshape(2, 3, 4))
HUGE = bytes([0, 0, 0x0E, 3]) + struct.pack(">3I", 2**31, 2**31, 2**31)
BAD = {
    "empty": (b"", "starts with"),
    "no header": (b"\x89PNG\r\n", "starts with"),
    "unknown type": (bytes([0, 0, 7, 1, 0, 0, 0, 1, 5]), "number type"),
    "header truncated": (IMAGES[:10], "3 sizes announced, 1 found"),
    "numbers truncated": (IMAGES[:-1], "24 bytes"),
    "numbers left over": (IMAGES + b"\0", "24 bytes"),
    "announces terabytes": (HUGE + bytes(100), "more than the file can hold"),
    "announces terabytes, gzipped": (gzip.compress(HUGE + bytes(100)), "more than the file can hold"),
    "gzipped and truncated": (gzip.compress(IMAGES)[:-9], "gzip"),
    "gzipped and damaged": (gzip.compress(IMAGES)[:15] + b"\xff\xff" + gzip.compress(IMAGES)[17:], "gzip"),
    "gzipped, numbers truncated": (gzip.compress(IMAGES[:-1]), "24 bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_error_names_the_damaged_idx_file(tmp_path, name):
    content, message = BAD[name]
    path = tmp_path / "damaged-idx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        datasets.read_idx(path)
    assert "damaged-idx" in str(error.value)


def write_part(directory, part, images, labels, ending=""):
    write = gzip.compress if ending else bytes
    (directory / f"{part}-images-idx3-ubyte{ending}").write_bytes(write(idx_bytes(images)))
    (directory / f"{part}-labels-idx1-ubyte{ending}").write_bytes(write(idx_bytes(labels)))


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mnist_reads_images_and_labels(tmp_path, ending):
    images, labels = np.arange(5 * 4 * 4).reshape(5, 4, 4) % 256, np.array([0, 1, 2, 1, 0])
    write_part(tmp_path, "t10k", images, labels, ending)
    actual = datasets.mnist(tmp_path, "t10k")
    np.testing.assert_allclose(actual.x[..., 0] * 255, images, rtol=1e-6)
    assert actual.targets.tolist() == labels.tolist()
    assert actual.classes == ("0", "1", "2")


def test_mnist_refuses_images_and_labels_of_different_number(tmp_path):
    write_part(tmp_path, "train", np.zeros((5, 4, 4)), np.zeros(4))
    with pytest.raises(ValueError, match=r"not \(5, 4, 4\) and \(4,\)"):
        datasets.mnist(tmp_path)


def test_mnist_names_the_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        datasets.mnist(tmp_path)


@pytest.mark.parametrize(("count", "code", "actual"), [(0, 8, "0 images of uint8"), (3, 13, "3 images of float32")])
def test_mnist_refuses_empty_files_and_numbers_that_are_not_bytes(tmp_path, count, code, actual):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((count, 4, 4)), code))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(count)))
    with pytest.raises(ValueError, match=f"there must be images and labels, of unsigned bytes, not {actual}"):
        datasets.mnist(tmp_path)


def write_cifar(directory, names, count=2):
    """Writes records whose bytes count on from file to file; returns them as one table."""
    tables = []
    for number, name in enumerate(names):
        table = (np.arange(count * 3073).reshape(count, 3073) * 7 + number) % 251
        table[:, 0] = (np.arange(count) + number) % 10
        (directory / name).write_bytes(table.astype(np.uint8).tobytes())
        tables.append(table)
    return np.concatenate(tables)


@pytest.mark.parametrize(
    ("part", "names"), [("train", [f"data_batch_{i}.bin" for i in range(1, 6)]), ("test", ["test_batch.bin"])]
)
def test_cifar10_reads_the_colours_of_each_pixel_and_the_labels(tmp_path, part, names):
    records = write_cifar(tmp_path, names)
    dataset = datasets.cifar10(tmp_path, part)
    assert dataset.x.shape == (2 * len(names), 32, 32, 3)
    assert dataset.x.dtype == np.uint8
    # The byte of colour c in row y and column x is number 1 + 1024 c + 32 y + x of a record.
    for row, y, x, c in ((0, 0, 0, 0), (1, 3, 5, 2), (len(records) - 1, 31, 30, 1)):
        assert dataset.x[row, y, x, c] == records[row, 1 + 1024 * c + 32 * y + x]
    assert dataset.targets.tolist() == records[:, 0].tolist()
    assert dataset.classes[3] == "cat"


def test_cifar10_refuses_missing_and_damaged_files_and_other_parts(tmp_path):
    write_cifar(tmp_path, ["test_batch.bin"])
    with pytest.raises(FileNotFoundError, match=r"cifar10: .*data_batch_1\.bin is not there"):
        datasets.cifar10(tmp_path)
    with pytest.raises(ValueError, match='cifar10: part must be "train" or "test", not \'t10k\''):
        datasets.cifar10(tmp_path, "t10k")
    path, content = tmp_path / "test_batch.bin", (tmp_path / "test_batch.bin").read_bytes()
    for damaged in (b"", content[:-1], content + b"\0"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"records of 3073 bytes, not {len(damaged)} bytes in all"):
            datasets.cifar10(tmp_path, "test")
    path.write_bytes(content[:3073] + b"\x0a" + content[3074:])
    with pytest.raises(ValueError, match="labels must lie in 0 … 9, but record 1 holds 10"):
        datasets.cifar10(tmp_path, "test")
