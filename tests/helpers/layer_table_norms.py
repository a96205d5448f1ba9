"""Rows of the table of layers: norms beyond layer_norm."""

import numpy as np

import jaxnn as nn
from helpers.layer_rows import Row, normal, spaced


def group(params: nn.NormParams, x: np.ndarray) -> np.ndarray:
    grouped = x.reshape(len(x), -1, 2, 3)
    axes = (1, 3)
    normed = (grouped - grouped.mean(axes, keepdims=True)) / np.sqrt(grouped.var(axes, keepdims=True) + 1e-6)
    return params.scale * normed.reshape(x.shape) + params.bias


NORMS = [
    Row(
        "group_norm",
        lambda params, x: nn.group_norm(params, x, 2),
        lambda rng: nn.NormParams(**normal(scale=(6,), bias=(6,))(rng)),
        spaced(3, 4, 2, 6),
        # Means 2 and 20, deviations 1 and 10; the epsilon changes the results by a millionth.
        (
            nn.NormParams(np.array([10.0, 1.0, 1.0, 2.0]), np.array([0.0, 5.0, 0.0, 0.5])),
            np.array([[1.0, 3.0, 10.0, 30.0]]),
            [[-10.0, 6.0, -1.0, 2.5]],
        ),
        group,
        (
            lambda: nn.group_norm(nn.init_group_norm(4), np.ones((5, 4)), 3),
            ValueError,
            "group_norm: groups must divide the 4 features of x, not 3",
        ),
    ),
    Row(
        "rms_norm",
        nn.rms_norm,
        lambda rng: nn.NormParams(**normal(scale=(4,))(rng), bias=None),
        spaced(3, 2, 4),
        # The mean square is 25.
        (nn.NormParams(np.array([10.0, 1.0]), None), np.array([[1.0, 7.0]]), [[2.0, 1.4]]),
        lambda params, x: params.scale * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6),
        (
            lambda: nn.rms_norm(nn.init_rms_norm(3), np.ones((5, 4))),
            ValueError,
            "rms_norm: x must have shape (batch, …, 3), the scale's features, not (5, 4)",
        ),
    ),
]
