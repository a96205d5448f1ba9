"""Rows of the table of layers: convolution and pooling."""

import functools

import numpy as np

import jaxnn as nn
from helpers.layer_references import correlate, correlate_groups, pool, spread
from helpers.layer_rows import Row, affine, nothing, spaced

ONE_TO_SIXTEEN = np.arange(1.0, 17.0).reshape(1, 4, 4, 1)

CONVOLUTIONS = [
    Row(
        "conv, 1-D, dilated",
        functools.partial(nn.conv, dilation=2),
        affine((3, 2, 3)),
        spaced(3, 8, 2),
        # Cells are two apart: 1·1 + 10·3, then 1·2 + 10·4, plus the bias 0.5.
        (
            nn.Affine(np.array([1.0, 10.0]).reshape(2, 1, 1), np.array([0.5])),
            np.arange(1.0, 5.0).reshape(1, 4, 1),
            [[[31.5], [42.5]]],
        ),
        functools.partial(correlate, dilation=2),
        (
            lambda: nn.conv(nn.Affine(np.ones((3, 2, 4)), np.ones(4)), np.ones((5, 8, 8, 2))),
            ValueError,
            "conv: x must have shape (batch, length, channels), the batch axis included, not (5, 8, 8, 2); "
            "a single example is a batch of one, and jax.vmap adds any other axis",
        ),
    ),
    Row(
        "conv, 2-D",
        nn.conv,
        affine((2, 3, 2, 3)),
        spaced(3, 4, 5, 2),
        # At each position: the sum of filter times image, plus the bias -2.
        (
            nn.Affine(np.eye(3).reshape(3, 3, 1, 1), np.array([-2.0])),
            np.eye(4).reshape(1, 4, 4, 1),
            np.array([[1.0, -2.0], [-2.0, 1.0]]).reshape(1, 2, 2, 1),
        ),
        correlate,
        (
            lambda: nn.conv(nn.Affine(np.ones((3, 3, 1, 4)), np.ones(4)), np.ones((5, 8, 8, 3))),
            ValueError,
            "conv: x (5, 8, 8, 3) has 3 channels, but weight (3, 3, 1, 4) takes 1",
        ),
    ),
    Row(
        "conv, in groups",
        functools.partial(nn.conv, groups=2),
        affine((2, 2, 2, 4)),
        spaced(3, 4, 3, 4),
        # One output for each pair of inputs: 1·1 + 10·2 + 1 and 100·3 + 1000·4 + 2.
        (
            nn.Affine(np.array([1.0, 100.0, 10.0, 1000.0]).reshape(1, 1, 2, 2), np.array([1.0, 2.0])),
            np.arange(1.0, 5.0).reshape(1, 1, 1, 4),
            [[[[22.0, 4302.0]]]],
        ),
        functools.partial(correlate_groups, groups=2),
        (
            lambda: nn.conv(nn.Affine(np.ones((3, 3, 2, 4)), np.ones(4)), np.ones((5, 8, 8, 5)), groups=2),
            ValueError,
            "conv: x (5, 8, 8, 5) has 5 channels, but weight (3, 3, 2, 4) takes 2 in each of 2 groups",
        ),
    ),
    Row(
        "conv, depthwise, padded",
        functools.partial(nn.conv, groups=3, padding=1),
        affine((3, 1, 6)),
        spaced(3, 5, 3),
        # Two filters for the only channel of a group: 1·0 + 10·1 + 100·2, and half of it.
        (
            nn.Affine(np.tile([[[1.0, 0.5]], [[10.0, 5.0]], [[100.0, 50.0]]], 3), np.zeros(6)),
            np.array([[[1.0, 0.0, 0.0], [2.0, 0.0, 1.0]]]),
            [[[210.0, 105.0, 0.0, 0.0, 100.0, 50.0], [21.0, 10.5, 0.0, 0.0, 10.0, 5.0]]],
        ),
        functools.partial(correlate_groups, groups=3, padding=1),
        (
            lambda: nn.conv(nn.Affine(np.ones((3, 1, 5)), np.ones(5)), np.ones((5, 8, 2)), groups=2),
            ValueError,
            "conv: groups must divide the outputs of weight (3, 1, 5), not 2",
        ),
    ),
    Row(
        "conv, 3-D, padded and strided",
        functools.partial(nn.conv, padding=1, stride=2),
        affine((2, 3, 2, 1, 2)),
        spaced(2, 3, 4, 3, 1),
        # The image is a single 1, padded by zeros; the last cell of the 2 × 2 × 2 window covers it.
        (
            nn.Affine(np.arange(1.0, 9.0).reshape(2, 2, 2, 1, 1), np.array([0.25])),
            np.ones((1, 1, 1, 1, 1)),
            [[[[[8.25]]]]],
        ),
        functools.partial(correlate, padding=1, stride=2),
        (
            lambda: nn.conv(nn.Affine(np.ones((3, 3, 3, 1, 1)), np.ones(1)), np.ones((1, 4, 4, 2, 1))),
            ValueError,
            "conv: a window that reaches over (3, 3, 3) cells does not fit into the padded size (4, 4, 2)",
        ),
    ),
]

TRANSPOSED = Row(
    "conv_transpose",
    functools.partial(nn.conv_transpose, stride=2, padding=1),
    affine((3, 2, 2, 3)),
    spaced(2, 3, 4, 2),
    # Windows start at 0 and 2, and hold the filter backwards: [3, 2, 1] + 10 · [3, 2, 1], of which both ends are cut.
    (
        nn.ConvTransposeParams(np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1), np.array([0.5])),
        np.array([1.0, 10.0]).reshape(1, 2, 1),
        np.array([2.5, 31.5, 20.5]).reshape(1, 3, 1),
    ),
    functools.partial(spread, stride=2, padding=1),
    (
        lambda: nn.conv_transpose(nn.Affine(np.ones((3, 3, 1, 4)), np.ones(4)), np.ones((5, 8, 8, 3))),
        ValueError,
        "conv_transpose: x (5, 8, 8, 3) has 3 channels, but weight (3, 3, 1, 4) takes 1",
    ),
)

POOLINGS = [
    Row(
        "max_pool, overlapping",
        lambda _, x: nn.max_pool(x, (2, 3), stride=(2, 1)),
        nothing,
        spaced(3, 5, 4, 2),
        ((), ONE_TO_SIXTEEN, np.array([[7.0, 8.0], [15.0, 16.0]]).reshape(1, 2, 2, 1)),
        lambda _, x: pool(np.max, x, (2, 3), (2, 1)),
        (
            lambda: nn.max_pool(np.ones((5, 8)), 2),
            ValueError,
            "max_pool: x must be (batch, *space, channels) with 1 to 3 spatial axes, not (5, 8)",
        ),
    ),
    Row(
        "avg_pool",
        lambda _, x: nn.avg_pool(x, 2),
        nothing,
        spaced(3, 5, 4, 2),
        ((), ONE_TO_SIXTEEN, np.array([[3.5, 5.5], [11.5, 13.5]]).reshape(1, 2, 2, 1)),
        lambda _, x: pool(np.mean, x, (2, 2), (2, 2)),
        (
            lambda: nn.avg_pool(np.ones((1, 2, 8, 1)), 3),
            ValueError,
            "avg_pool: a window that reaches over (3, 3) cells does not fit into the padded size (2, 8)",
        ),
    ),
    Row(
        "global_max_pool",
        lambda _, x: nn.global_max_pool(x),
        nothing,
        spaced(3, 5, 3, 2),
        ((), np.array([[[1.0, -1.0], [3.0, -3.0], [2.0, -2.0]]]), [[3.0, -1.0]]),
        lambda _, x: x.max(axis=(1, 2)),
        (
            lambda: nn.global_max_pool(np.ones((5, 8))),
            ValueError,
            "global_max_pool: x must be (batch, *space, channels) with 1 to 3 spatial axes, not (5, 8)",
        ),
    ),
    Row(
        "global_avg_pool",
        lambda _, x: nn.global_avg_pool(x),
        nothing,
        spaced(3, 5, 4, 2),
        ((), ONE_TO_SIXTEEN, [[8.5]]),
        lambda _, x: x.mean(axis=(1, 2)),
        (
            lambda: nn.global_avg_pool(np.ones((1, 2, 2, 2, 2, 3))),
            ValueError,
            "global_avg_pool: x must be (batch, *space, channels) with 1 to 3 spatial axes, not (1, 2, 2, 2, 2, 3)",
        ),
    ),
]

IMAGE_LAYERS = [*CONVOLUTIONS, TRANSPOSED, *POOLINGS]
