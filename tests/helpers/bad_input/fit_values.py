"""Data that `fit` refuses: values, shapes and lengths that do not fit the recipe."""

import numpy as np

import jaxnn as nn
from helpers.bad_input.parts import IMAGES, LABELS, Bad, X, classifier, digits, elementwise, put

VALUES = [
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
