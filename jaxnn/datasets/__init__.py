"""Small data sets, ready for `fit`: iris, digits, tic-tac-toe letters, drug dosages, MNIST-style files and CIFAR-10."""

import csv
import importlib.resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer, UInt8

from jaxnn._checks.paths import check_path
from jaxnn.datasets.cifar import CLASSES, read_cifar10
from jaxnn.datasets.idx import read_idx

__all__ = ["Dataset", "cifar10", "digits", "dosage", "iris", "mnist", "read_idx", "tic_tac_toe"]


class Dataset(NamedTuple):
    """Inputs and targets as NumPy arrays, with their names.

    Attributes:
        x: the inputs, examples on the first axis: (batch, features), or images (batch, height, width, channels).
        targets: class numbers of shape (batch,), or observations of shape (batch, outputs).
        features: the names of the features with their units; for images, those of the channels.
        classes: the names of the classes by number; empty if the targets are not classes.
    """

    x: Float[np.ndarray, "batch *features"] | UInt8[np.ndarray, "batch *features"]
    targets: Integer[np.ndarray, "batch"] | Float[np.ndarray, "batch outputs"]
    features: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """The pair `(x, targets)` that `fit` takes."""
        return self.x, self.targets


def iris() -> Dataset:
    """Loads the sizes of sepals and petals, in cm, of 50 irises of each of three species: x (150, 4), labels (150,).

    Example:
        >>> flowers = iris()
        >>> flowers.features[0], flowers.x[0].tolist(), flowers.classes[flowers.targets[0]]
        ('sepal length (cm)', [5.1, 3.5, 1.4, 0.2], 'setosa')

    References:
        Fisher (1936), The use of multiple measurements in taxonomic problems; the data are Anderson's (1935).
    """
    with importlib.resources.files("jaxnn.datasets").joinpath("iris.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    classes = tuple(dict.fromkeys(row[-1] for row in rows))
    features = tuple(name.removesuffix("_cm").replace("_", " ") + " (cm)" for name in header[:-1])
    x = np.array([row[:-1] for row in rows], np.float64)
    return Dataset(x, np.array([classes.index(row[-1]) for row in rows], np.int32), features, classes)


def digits() -> Dataset:
    """Loads 1,797 handwritten digits, 8×8 grey values from 0 to 1: x (1797, 8, 8, 1), labels (1797,).

    Needs the extra `datasets`.

    Raises:
        ImportError: scikit-learn, which ships the data, is not installed.

    Example:
        >>> digits().x.shape
        (1797, 8, 8, 1)

    References:
        Alpaydin and Kaynak (1998), Cascading classifiers; the optical digits of the UCI repository.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("digits come with scikit-learn: pip install 'jaxnn[datasets]'") from error
    x, labels = load_digits(return_X_y=True)
    images = (x / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    return Dataset(images, np.asarray(labels, np.int32), ("ink (0 to 1)",), tuple("0123456789"))


def tic_tac_toe() -> Dataset:
    """Makes 6×6 images of the letters O and X, with pixels 0 or 1: x (2, 6, 6, 1), labels (2,).

    Example:
        >>> letters = tic_tac_toe()
        >>> letters.x[1, :, :, 0].astype(int)[:2]
        array([[1, 0, 0, 0, 0, 1],
               [0, 1, 0, 0, 1, 0]])
    """
    cross = np.eye(6, dtype=np.float32) + np.eye(6, dtype=np.float32)[::-1]
    # Swapping the upper and the lower half of an X gives an O: the diagonals then meet at the edges.
    ring = np.roll(cross, 3, axis=0)
    return Dataset(np.stack([ring, cross])[..., None], np.array([0, 1], np.int32), ("ink (0 or 1)",), ("O", "X"))


def dosage() -> Dataset:
    """Makes a data set of three dosages of a drug and their effectiveness: x (3, 1), targets (3, 1).

    Example:
        >>> dosage().x.ravel().tolist(), dosage().targets.ravel().tolist()
        ([0.0, 0.5, 1.0], [0.0, 1.0, 0.0])
    """
    x = np.array([[0.0], [0.5], [1.0]], np.float32)
    return Dataset(x, np.array([[0.0], [1.0], [0.0]], np.float32), ("dosage (0 to 1)",), ())


def mnist(directory: str | Path, part: str = "train") -> Dataset:
    """Loads images and labels from MNIST-style IDX files in a local directory; grey values from 0 to 1.

    Args:
        directory: holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and `t10k-…`, each raw or `.gz`.
        part: "train" or "t10k", the start of the file names.

    Returns:
        x (count, height, width, 1), labels (count,).

    Raises:
        TypeError: `directory` is not a string or a path.
        FileNotFoundError: a file is missing; the message names it, raw and gzipped.
        ValueError: a file is damaged, images and labels differ in number, or their shapes or dtypes are wrong.
    """
    folder = check_path("mnist", directory, name="directory")
    images = read_idx(_find_file(folder, f"{part}-images-idx3-ubyte"))
    labels = read_idx(_find_file(folder, f"{part}-labels-idx1-ubyte"))
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(
            f"mnist: images must be (count, height, width) and labels (count,), not {images.shape} and {labels.shape}"
        )
    if not len(images) or images.dtype != np.uint8 or labels.dtype != np.uint8:
        actual = f"{len(images)} images of {images.dtype}, {len(labels)} labels of {labels.dtype}"
        raise ValueError(f"mnist: there must be images and labels, of unsigned bytes, not {actual}")
    classes = tuple(map(str, range(int(labels.max()) + 1)))
    return Dataset((images / np.float32(255))[..., None], labels.astype(np.int32), ("ink (0 to 1)",), classes)


def cifar10(directory: str | Path, part: str = "train") -> Dataset:
    """Loads colour images of ten classes from the binary files of CIFAR-10; nothing is downloaded.

    The images stay bytes, which take a quarter of the memory of floats: a model divides them by 255.

    Args:
        directory: holds `data_batch_1.bin` to `data_batch_5.bin`, and `test_batch.bin`.
        part: "train" or "test".

    Returns:
        x (count, 32, 32, 3) of unsigned bytes, labels (count,).

    Raises:
        TypeError: `directory` is not a string or a path.
        FileNotFoundError: a file is missing.
        ValueError: another part, a file of another size than that of records, or a label above 9.
    """
    images, labels = read_cifar10(directory, part)
    return Dataset(images, labels, ("red (0 to 255)", "green (0 to 255)", "blue (0 to 255)"), CLASSES)


def _find_file(directory: Path, name: str) -> Path:
    candidates = [directory / name, directory / f"{name}.gz"]
    for path in candidates:
        if path.is_file():
            return path
    raise FileNotFoundError(f"mnist: neither {candidates[0]} nor {candidates[1].name} is there")
