"""Data that `fit` refuses: values, shapes and lengths that do not fit the recipe."""

import numpy as np

import jaxnn as nn
from helpers.bad_input.parts import IMAGES, LABELS, BadData, X, classifier, digits, elementwise, replace_at

FIT_VALUES = [
    BadData(
        "another number of labels",
        classifier,
        (X, LABELS[:14]),
        ValueError,
        "fit: every array needs one row for each example, but targets has 14, x has 15",
    ),
    BadData(
        "label too large",
        classifier,
        (X, replace_at(LABELS, 6, 3)),
        ValueError,
        "cross_entropy: labels must lie in 0 … 2 for 3 classes, but row 6 holds 3",
    ),
    BadData(
        "negative label",
        classifier,
        (X, replace_at(LABELS, 8, -1)),
        ValueError,
        "cross_entropy: labels must lie in 0 … 2 for 3 classes, but row 8 holds -1",
    ),
    BadData(
        "label between two classes",
        classifier,
        (X, replace_at(LABELS, 4, 0.5)),
        TypeError,
        "cross_entropy: labels must be class numbers of an integer dtype, not float32: row 4 holds 0.5",
    ),
    BadData(
        "labels as floats",
        classifier,
        (X, LABELS.astype("f")),
        TypeError,
        "cross_entropy: labels must be class numbers of an integer dtype, not float32; "
        "convert them with labels.astype(int)",
    ),
    BadData(
        "labels as a column",
        classifier,
        (X, LABELS[:, None]),
        ValueError,
        "cross_entropy: labels must have shape (15,), one for each row of logits, not (15, 1)",
    ),
    BadData(
        "NaN",
        classifier,
        (replace_at(X, (5, 2), np.nan), LABELS),
        ValueError,
        "fit: x must be finite, but row 5, column 2 holds nan",
    ),
    BadData(
        "infinity",
        classifier,
        (replace_at(X, (7, 3), -np.inf), LABELS),
        ValueError,
        "fit: x must be finite, but row 7, column 3 holds -inf",
    ),
    BadData(
        "NaN in an image",
        digits,
        (replace_at(IMAGES, (2, 3, 4, 0), np.nan), LABELS),
        ValueError,
        "fit: x must be finite, but row 2, position (3, 4, 0) holds nan",
    ),
    BadData(
        "wrong features",
        classifier,
        (X[:, :3], LABELS),
        ValueError,
        "dense: x (15, 3) has 3 features, but weight (4, 17) takes 4",
    ),
    BadData(
        "wrong channels",
        digits,
        (np.zeros((15, 8, 8, 3), "f"), LABELS),
        ValueError,
        "cnn: x must have shape (batch, 8, 8, 1), not (15, 8, 8, 3)",
    ),
    BadData(
        "no batch axis",
        classifier,
        (X[0], LABELS[:4]),
        ValueError,
        "dense: x must have shape (batch, features), the batch axis included, not (4,); "
        "a single example is a batch of one, and jax.vmap adds any other axis",
    ),
    BadData(
        "an image without a batch axis",
        digits,
        (IMAGES[0], LABELS[:8]),
        ValueError,
        "cnn: x must have shape (batch, 8, 8, 1), not (8, 8, 1)",
    ),
    BadData(
        "scalar x",
        classifier,
        (1.0, LABELS),
        ValueError,
        "fit: x must have a first axis, the examples, but is the scalar 1.0",
    ),
    BadData(
        "batch too large",
        lambda: classifier(batch_size=16),
        (X, LABELS),
        ValueError,
        "Recipe: batch_size must be at most the number of examples, 15, not 16",
    ),
    BadData(
        "batch size 0",
        lambda: classifier(batch_size=0),
        (X, LABELS),
        ValueError,
        "Recipe: batch_size must be at least 1, not 0",
    ),
    BadData(
        "batch size fractional",
        lambda: classifier(batch_size=7.5),  # type: ignore[arg-type]
        (X, LABELS),
        TypeError,
        "Recipe: batch_size must be a whole number, not 7.5",
    ),
    BadData(
        "no rows",
        classifier,
        (X[:0], LABELS[:0]),
        ValueError,
        "fit: the data set is empty: its arrays have 0 rows",
    ),
    BadData(
        "no arrays",
        classifier,
        ((), ()),
        ValueError,
        "fit: the data set is empty: {'x': (), 'targets': ()} holds no array",
    ),
    BadData(
        "x alone",
        classifier,
        X,
        TypeError,
        "fit: data must be a pair (x, targets), not ndarray",
    ),
    BadData(
        "three parts",
        classifier,
        (X, LABELS, LABELS),
        TypeError,
        "fit: data must be a pair (x, targets), not tuple",
    ),
    BadData(
        "an elementwise loss",
        elementwise,
        (X, X),
        ValueError,
        "fit: the loss must give one value per example, shape (15,), not (15, 4); "
        "an elementwise loss needs a sum over the last axis",
    ),
    BadData(
        "a mean for a loss",
        lambda: classifier()._replace(loss=lambda outputs, labels: nn.cross_entropy(outputs, labels).mean()),
        (X, LABELS),
        ValueError,
        "fit: the loss must give one value per example, shape (15,), not (); "
        "an elementwise loss needs a sum over the last axis",
    ),
]
