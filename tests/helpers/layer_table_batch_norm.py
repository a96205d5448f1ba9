"""The rows of batch norm in the table of layers."""

import functools

import numpy as np

import jaxnn as nn
from helpers.layer_references import standardize
from helpers.layer_rows import Row, batch_norms, spaced

BATCH_NORMS = [
    Row(
        "batch_norm",
        functools.partial(nn.batch_norm, epsilon=0.25),
        batch_norms(3),
        spaced(3, 2, 4, 3),
        # (6 - 2) / √(3.75 + 0.25) = 2, times 10, plus 1.
        (
            nn.BatchNormParams(np.array([10.0]), np.ones(1), nn.Buffer(np.array([2.0])), nn.Buffer(np.array([3.75]))),
            np.array([[6.0]]),
            [[21.0]],
        ),
        lambda params, x: standardize(params, x, params.mean.value, params.variance.value, 0.25),
        (
            lambda: nn.batch_norm(nn.init_batch_norm(3), np.ones((5, 4))),
            ValueError,
            "batch_norm: x must have shape (batch, …, 3), the scale's features, not (5, 4)",
        ),
    ),
    Row(
        "train_batch_norm",
        lambda params, x: nn.train_batch_norm(params, x, epsilon=0.25)[0],
        batch_norms(3),
        spaced(3, 2, 4, 3),
        # Mean 3, variance 0.75: (3 + √0.75 - 3) / √(0.75 + 0.25) = √0.75, times 10, plus 1.
        (
            nn.BatchNormParams(np.array([10.0]), np.ones(1), nn.Buffer(np.zeros(1)), nn.Buffer(np.ones(1))),
            np.array([[3 + 0.75**0.5], [3 - 0.75**0.5]]),
            [[1 + 10 * 0.75**0.5], [1 - 10 * 0.75**0.5]],
        ),
        lambda params, x: standardize(params, x, x.mean((0, 1, 2)), x.var((0, 1, 2)), 0.25),
        (
            lambda: nn.train_batch_norm(nn.init_batch_norm(4), np.ones((5, 4)), where=np.ones(4, bool)),
            ValueError,
            "train_batch_norm: where must have shape (5,), one for each row of x, not (4,)",
        ),
    ),
]
