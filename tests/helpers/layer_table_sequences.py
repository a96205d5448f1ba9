"""Rows of the table of layers: what networks for sequences are made of."""

import numpy as np

import jaxnn as nn
from helpers.layer_rows import Row

EMBEDDING = Row(
    "embedding",
    nn.embedding,
    lambda rng: rng.normal(size=(4, 3)),
    lambda rng: rng.integers(0, 4, (5, 6)),
    (np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[1, 0], [1, 1]]), [[[2.0, 3.0], [0.0, 1.0]], [[2.0, 3.0]] * 2]),
    lambda params, x: np.stack([[params[label] for label in row] for row in x]),
    (
        lambda: nn.embedding(np.ones((4, 3)), np.array([[0, 3], [1, 4]])),
        ValueError,
        "embedding: labels must lie in 0 … 3 for 4 rows of params, but row 1, column 1 holds 4",
    ),
)

SEQUENCE_LAYERS = [EMBEDDING]
