"""The table of bad input: what is refused, by what type of error, in which words (test_checks.py holds it to that)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn

X, LABELS = np.linspace(0, 1, 60, dtype="f").reshape(15, 4), np.arange(15) % 3
IMAGES = np.zeros((15, 8, 8, 1), "f")
SGD = optax.sgd(0.1)


def put(array: np.ndarray, index: Any, value: Any) -> np.ndarray:
    array = np.array(array, type(value) if isinstance(value, float) else None)
    array[index] = value
    return array.astype("f") if isinstance(value, float) else array


def classifier(**options: Any) -> nn.Recipe:
    return nn.Recipe(nn.mlp([4, 17, 3]), nn.cross_entropy, SGD, **options)


def digits() -> nn.Recipe:
    return nn.Recipe(nn.cnn((8, 8, 1), (7,), 3), nn.cross_entropy, SGD)


def elementwise() -> nn.Recipe:
    return nn.Recipe(nn.mlp([4, 19, 4]), optax.l2_loss, SGD)


class Bad(NamedTuple):
    """A recipe and data that `fit` must refuse, with the type of the error and its words."""

    name: str
    recipe: Callable[[], nn.Recipe]
    data: Any
    kind: type[Exception]
    words: str


DATA = [
    Bad(
        "another number of labels",
        classifier,
        (X, LABELS[:14]),
        ValueError,
        "fit: every array needs one row for each example, but targets has 14, x has 15",
    ),
    Bad(
        "label too large",
        classifier,
        (X, put(LABELS, 6, 3)),
        ValueError,
        "cross_entropy: labels must lie in 0 … 2 for 3 classes, but row 6 holds 3",
    ),
    Bad(
        "negative label",
        classifier,
        (X, put(LABELS, 8, -1)),
        ValueError,
        "cross_entropy: labels must lie in 0 … 2 for 3 classes, but row 8 holds -1",
    ),
    Bad(
        "label between two classes",
        classifier,
        (X, put(LABELS, 4, 0.5)),
        TypeError,
        "cross_entropy: labels must be class numbers of an integer dtype, not float32: row 4 holds 0.5",
    ),
    Bad(
        "labels as floats",
        classifier,
        (X, LABELS.astype("f")),
        TypeError,
        "cross_entropy: labels must be class numbers of an integer dtype, not float32; "
        "convert them with labels.astype(int)",
    ),
    Bad(
        "labels as a column",
        classifier,
        (X, LABELS[:, None]),
        ValueError,
        "cross_entropy: labels must have shape (15,), one for each row of logits, not (15, 1)",
    ),
    Bad(
        "NaN",
        classifier,
        (put(X, (5, 2), np.nan), LABELS),
        ValueError,
        "fit: x must be finite, but row 5, column 2 holds nan",
    ),
    Bad(
        "infinity",
        classifier,
        (put(X, (7, 3), -np.inf), LABELS),
        ValueError,
        "fit: x must be finite, but row 7, column 3 holds -inf",
    ),
    Bad(
        "NaN in an image",
        digits,
        (put(IMAGES, (2, 3, 4, 0), np.nan), LABELS),
        ValueError,
        "fit: x must be finite, but row 2, position (3, 4, 0) holds nan",
    ),
    Bad(
        "wrong features",
        classifier,
        (X[:, :3], LABELS),
        ValueError,
        "dense: x (15, 3) has 3 features, but weight (4, 17) takes 4",
    ),
    Bad(
        "wrong channels",
        digits,
        (np.zeros((15, 8, 8, 3), "f"), LABELS),
        ValueError,
        "cnn: x must have shape (batch, 8, 8, 1), not (15, 8, 8, 3)",
    ),
    Bad(
        "no batch axis",
        classifier,
        (X[0], LABELS[:4]),
        ValueError,
        "dense: x must have shape (batch, features), the batch axis included, not (4,); "
        "a single example is a batch of one, and jax.vmap adds any other axis",
    ),
    Bad(
        "an image without a batch axis",
        digits,
        (IMAGES[0], LABELS[:8]),
        ValueError,
        "cnn: x must have shape (batch, 8, 8, 1), not (8, 8, 1)",
    ),
    Bad(
        "scalar x",
        classifier,
        (1.0, LABELS),
        ValueError,
        "fit: x must have a first axis, the examples, but is the scalar 1.0",
    ),
    Bad(
        "batch too large",
        lambda: classifier(batch_size=16),
        (X, LABELS),
        ValueError,
        "Recipe: batch_size must be at most the number of examples, 15, not 16",
    ),
    Bad(
        "batch of none",
        lambda: classifier(batch_size=0),
        (X, LABELS),
        ValueError,
        "Recipe: batch_size must be at least 1, not 0",
    ),
    Bad(
        "batch of a half",
        lambda: classifier(batch_size=7.5),  # type: ignore[arg-type]
        (X, LABELS),
        TypeError,
        "Recipe: batch_size must be a whole number, not 7.5",
    ),
    Bad(
        "no rows",
        classifier,
        (X[:0], LABELS[:0]),
        ValueError,
        "fit: the data set is empty: its arrays have 0 rows",
    ),
    Bad(
        "no arrays",
        classifier,
        ((), ()),
        ValueError,
        "fit: the data set is empty: {'x': (), 'targets': ()} holds no array",
    ),
    Bad(
        "x alone",
        classifier,
        X,
        TypeError,
        "fit: data must be a pair (x, targets), not ndarray",
    ),
    Bad(
        "three parts",
        classifier,
        (X, LABELS, LABELS),
        TypeError,
        "fit: data must be a pair (x, targets), not tuple",
    ),
    Bad(
        "an elementwise loss",
        elementwise,
        (X, X),
        ValueError,
        "fit: the loss must give one value per example, shape (15,), not (15, 4); "
        "an elementwise loss needs a sum over the last axis",
    ),
    Bad(
        "a mean for a loss",
        lambda: classifier()._replace(loss=lambda outputs, labels: nn.cross_entropy(outputs, labels).mean()),
        (X, LABELS),
        ValueError,
        "fit: the loss must give one value per example, shape (15,), not (); "
        "an elementwise loss needs a sum over the last axis",
    ),
]

AFFINE = nn.Affine(np.ones((3, 3, 1, 2), "f"), np.ones(2, "f"))
CALLS = {
    "wrong channels": (
        lambda: nn.conv(AFFINE, np.zeros((15, 8, 8, 3), "f")),
        ValueError,
        "conv: x (15, 8, 8, 3) has 3 channels, but weight (3, 3, 1, 2) takes 1",
    ),
    "unknown padding": (
        lambda: nn.conv(AFFINE, IMAGES, padding="reflect"),
        ValueError,
        'conv: padding must be "valid", "same" or a whole number, not \'reflect\'',
    ),
    "unknown padding of a cnn": (
        lambda: nn.cnn((8, 8, 1), (4,), 10, padding="reflect"),
        ValueError,
        'cnn: padding must be "valid", "same" or a whole number, not \'reflect\'',
    ),
    "rate of one": (
        lambda: nn.dropout(jax.random.key(0), X, 1.0),
        ValueError,
        "dropout: rate, the probability of dropping, must lie in [0, 1), not 1.0",
    ),
    "negative rate": (
        lambda: nn.dropout(jax.random.key(0), X, -0.1),
        ValueError,
        "dropout: rate, the probability of dropping, must lie in [0, 1), not -0.1",
    ),
    "rate of NaN": (
        lambda: nn.dropout(jax.random.key(0), X, np.nan),
        ValueError,
        "dropout: rate, the probability of dropping, must lie in [0, 1), not nan",
    ),
    "rate of an mlp": (
        lambda: nn.mlp([4, 16, 3], dropout=1.5),
        ValueError,
        "mlp: rate, the probability of dropping, must lie in [0, 1), not 1.5",
    ),
    "rate of a cnn": (
        lambda: nn.cnn((8, 8, 1), (4,), 10, dropout=-1.0),
        ValueError,
        "cnn: rate, the probability of dropping, must lie in [0, 1), not -1.0",
    ),
    "mlp of one size": (
        lambda: nn.mlp([4]),
        ValueError,
        "mlp: sizes must hold at least the inputs and the outputs, not [4]",
    ),
    "mlp of no nodes": (lambda: nn.mlp([4, 0, 3]), ValueError, "mlp: sizes[1] must be at least 1, not 0"),
    "mlp of a number": (lambda: nn.mlp(4), TypeError, "mlp: sizes must be a sequence of whole numbers, not 4"),
    "window larger than the image": (
        lambda: nn.cnn((4, 4, 1), (4,), 10, window=5, padding="valid"),
        ValueError,
        "cnn: a window that reaches over (5, 5) cells does not fit into the padded size (4, 4)",
    ),
    "pooled away": (
        lambda: nn.cnn((4, 4, 1), (4, 4, 4), 10),
        ValueError,
        "cnn: a window that reaches over (2, 2) cells does not fit into the padded size (1, 1)",
    ),
    "image without channels": (
        lambda: nn.cnn((8,), (4,), 10),
        ValueError,
        "cnn: image must be (height, width, channels), or with one or three axes of space, not (8,)",
    ),
    "predict of NaN": (
        lambda: nn.predict(nn.mlp([4, 3]), {}, put(X, (5, 2), np.nan)),
        ValueError,
        "predict: x must be finite, but row 5, column 2 holds nan",
    ),
    "predict of nothing": (
        lambda: nn.predict(nn.mlp([4, 3]), {}, X[:0]),
        ValueError,
        "predict: the data set is empty: its arrays have 0 rows",
    ),
}
