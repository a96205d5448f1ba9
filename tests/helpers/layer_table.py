"""The table of layers, activations and losses, whose rows test_contract.py checks."""

import functools

import jax
import numpy as np
import scipy.special

import jaxnn as nn
from helpers.layer_references import correlate, drop, norm, pool, standardize
from helpers.layer_rows import (
    Row,
    activation,
    affine,
    batch_norms,
    logits_and_labels,
    loss,
    normal,
    nothing,
    outputs_and_targets,
    over_classes,
    spaced,
)

ONE_TO_SIXTEEN = np.arange(1.0, 17.0).reshape(1, 4, 4, 1)

DENSE = Row(
    "dense",
    nn.dense,
    affine((3, 2)),
    spaced(5, 3),
    (nn.Affine(np.array([[1.0, 2.0], [10.0, 20.0]]), np.array([0.5, -0.5])), np.array([[1.0, 2.0]]), [[21.5, 41.5]]),
    lambda params, x: x @ params.weight + params.bias,
    (
        lambda: nn.dense(nn.Affine(np.ones((4, 16)), np.ones(16)), np.ones((150, 5))),
        ValueError,
        "dense: x (150, 5) has 5 features, but weight (4, 16) takes 4",
    ),
)

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

OTHER_LAYERS = [
    Row(
        "flatten",
        lambda _, x: nn.flatten(x),
        nothing,
        spaced(3, 2, 4, 2),
        ((), np.arange(8.0).reshape(1, 2, 2, 2), [np.arange(8.0)]),
        lambda _, x: x.reshape(len(x), -1),
        (
            lambda: nn.flatten(np.ones(5)),
            ValueError,
            "flatten: x must have shape (batch, …), the batch axis included, not (5,)",
        ),
    ),
    Row(
        "dropout",
        lambda params, x: nn.dropout(jax.random.key(3), x, params["rate"]),
        lambda rng: {"rate": np.array(0.375)},
        spaced(5, 2, 3),
        ({"rate": 0.0}, np.array([[1.0, -2.0]]), [[1.0, -2.0]]),
        drop,
        (
            lambda: nn.dropout(jax.random.key(3), np.ones((2, 2)), 1.0),
            ValueError,
            "dropout: rate, the probability of dropping, must lie in [0, 1), not 1.0",
        ),
    ),
    Row(
        "layer_norm",
        nn.layer_norm,
        lambda rng: nn.NormParams(**normal(scale=(4,), bias=(4,))(rng)),
        spaced(3, 2, 4),
        # Mean 4, variance 4: (2 - 4) / 2 = -1 and (6 - 4) / 2 = 1; the epsilon changes this by 1/8 of a millionth.
        (nn.NormParams(np.array([10.0, 1.0]), np.array([0.0, 5.0])), np.array([[2.0, 6.0]]), [[-10.0, 6.0]]),
        norm,
        (
            lambda: nn.layer_norm(nn.init_layer_norm(3), np.ones((5, 4))),
            ValueError,
            "layer_norm: x must have shape (batch, …, 3), the scale's features, not (5, 4)",
        ),
    ),
]

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

ACTIVATIONS = [
    activation("relu", lambda x: np.maximum(x, 0), {-2.0: 0.0, 0.0: 0.0, 3.0: 3.0}),
    activation("leaky_relu", lambda x: np.where(x < 0, 0.01 * x, x), {-2.0: -0.02, 0.0: 0.0, 3.0: 3.0}),
    activation("elu", lambda x: np.where(x < 0, np.expm1(x), x), {-np.log(2): -0.5, 0.0: 0.0, 3.0: 3.0}),
    activation(
        "gelu",
        lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        {0.0: 0.0, 1.0: 0.841192, -1.0: -0.158808},
    ),
    activation(
        "gelu, exact",
        lambda x: x * scipy.special.ndtr(x),
        {0.0: 0.0, 1.0: 0.8413447, -1.0: -0.1586553},
        functools.partial(nn.gelu, approximate=False),
    ),
    activation("silu", lambda x: x * scipy.special.expit(x), {0.0: 0.0, np.log(3): 0.75 * np.log(3)}),
    activation("softplus", lambda x: np.logaddexp(0, x), {0.0: np.log(2), np.log(3): np.log(4)}),
    activation("sigmoid", scipy.special.expit, {0.0: 0.5, np.log(3): 0.75, -np.log(3): 0.25}),
    activation("tanh", np.tanh, {0.0: 0.0, np.log(2): 0.6, -np.log(2): -0.6}),
    over_classes(
        "softmax",
        functools.partial(scipy.special.softmax, axis=-1),
        (np.log([[1.0, 2.0, 5.0]]), [[0.125, 0.25, 0.625]]),
        "Value 'text' with dtype <U4 is not a valid JAX array type",
    ),
    over_classes(
        "log_softmax",
        functools.partial(scipy.special.log_softmax, axis=-1),
        (np.log([[1.0, 2.0, 5.0]]), np.log([[0.125, 0.25, 0.625]])),
        "Value 'text' with dtype <U4 is not a valid JAX array type",
    ),
    over_classes(
        "argmax",
        functools.partial(np.argmax, axis=-1),
        (np.array([[1.43, -0.4, 0.23], [0.0, 2.0, 2.0]]), [0, 1]),
        "asarray: expected ArrayLike, got text of type <class 'str'>",
    ),
]

LOSSES = [
    loss(
        "squared_error",
        lambda x: ((x[1] - x[0]) ** 2).sum(-1),
        outputs_and_targets,
        ((np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[2.0, 5.0], [0.0, 0.5]])), [10.0, 0.25]),
        (
            lambda: nn.squared_error(np.ones((5, 1)), np.ones(5)),
            ValueError,
            "squared_error: outputs and targets must have the same shape (batch, outputs), not (5, 1) and (5,)",
        ),
    ),
    loss(
        "absolute_error",
        lambda x: np.abs(x[1] - x[0]).sum(-1),
        outputs_and_targets,
        ((np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[2.0, 5.0], [0.0, 0.5]])), [4.0, 0.5]),
        (
            lambda: nn.absolute_error(np.ones((5, 1)), np.ones((5, 2))),
            ValueError,
            "absolute_error: outputs and targets must have the same shape (batch, outputs), not (5, 1) and (5, 2)",
        ),
    ),
    loss(
        "cross_entropy",
        lambda x: -scipy.special.log_softmax(x[0], axis=-1)[np.arange(len(x[1])), x[1]],
        logits_and_labels,
        ((np.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]]), np.array([0, 2])), np.log([8.0, 1.6])),
        (
            lambda: nn.cross_entropy(np.ones((3, 2)), np.array([0, 1, 2])),
            ValueError,
            "cross_entropy: labels must lie in 0 … 1 for 2 classes, but row 2 holds 2",
        ),
    ),
]

ROWS = [DENSE, *CONVOLUTIONS, *POOLINGS, *OTHER_LAYERS, *BATCH_NORMS, *ACTIVATIONS, *LOSSES]
