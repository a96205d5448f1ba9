"""The table of layers, activations and losses, whose rows test_contract.py checks."""

import functools

import jax
import numpy as np
import scipy.special

import jaxnn as nn
from helpers.layer_references import drop, drop_examples, norm
from helpers.layer_rows import (
    Row,
    activation,
    affine,
    normal,
    nothing,
    over_classes,
    spaced,
)
from helpers.layer_table_batch_norm import BATCH_NORMS
from helpers.layer_table_images import IMAGE_LAYERS
from helpers.layer_table_norms import NORMS
from helpers.layer_table_sequences import SEQUENCE_LAYERS
from helpers.loss_table import LOSSES

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
        "stochastic_depth",
        lambda params, x: nn.stochastic_depth(jax.random.key(3), x, params["rate"]),
        lambda rng: {"rate": np.array(0.375)},
        spaced(5, 2, 3),
        ({"rate": 0.0}, np.array([[1.0, -2.0]]), [[1.0, -2.0]]),
        drop_examples,
        (
            lambda: nn.stochastic_depth(jax.random.key(3), np.ones((2, 2)), -0.5),
            ValueError,
            "stochastic_depth: rate, the probability of dropping, must lie in [0, 1), not -0.5",
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

ROWS = [DENSE, *IMAGE_LAYERS, *OTHER_LAYERS, *NORMS, *BATCH_NORMS, *SEQUENCE_LAYERS, *ACTIVATIONS, *LOSSES]
