"""Rows of the table of layers: what networks for sequences are made of."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit, softmax

import jaxnn as nn
from helpers.layer_rows import Row, affine, nothing, spaced

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
        "embedding: x must lie in 0 … 3 for 4 rows of params, but row 1, column 1 holds 4",
    ),
)


def recurrent(gates: int) -> Callable[[np.random.Generator], nn.RecurrentParams]:
    """Draws parameters for 2 inputs and 3 features."""
    return lambda rng: nn.RecurrentParams(affine((2, 3 * gates))(rng), affine((3, 3 * gates))(rng))


def step_gru(params: nn.RecurrentParams, state: np.ndarray, x: np.ndarray) -> np.ndarray:
    a, s = (np.split(y @ part.weight + part.bias, 3, axis=-1) for part, y in zip(params, (x, state), strict=True))
    r, z = expit(a[0] + s[0]), expit(a[1] + s[1])
    return (1 - z) * np.tanh(a[2] + r * s[2]) + z * state


def step_lstm(params: nn.RecurrentParams, state: tuple, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sums = x @ params.inputs.weight + params.inputs.bias + state[0] @ params.state.weight + params.state.bias
    i, f, g, o = np.split(sums, 4, axis=-1)
    cell = expit(f) * state[1] + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(cell), cell


def run(step: Callable, params: nn.RecurrentParams, state: Any, x: np.ndarray) -> np.ndarray:
    outputs = []
    for t in range(x.shape[1]):
        state = step(params, state, x[:, t])
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return np.stack(outputs, axis=1)


def state_and_x(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"hidden": spaced(4, 3)(rng), "cell": spaced(4, 3)(rng), "x": spaced(4, 2)(rng)}


# Gates of 3/4 and 1/4, and tanh of log 2, which is 0.6.
LOG_2, LOG_3 = np.log(2), np.log(3)
GRU_PARAMS = nn.RecurrentParams(
    nn.Affine(np.array([[LOG_3, LOG_3, 0.0]]), np.zeros(3)),
    nn.Affine(np.zeros((1, 3)), np.array([0.0, 0.0, LOG_2 / 0.75])),
)
LSTM_PARAMS = nn.RecurrentParams(
    nn.Affine(np.array([[LOG_3, 0.0, LOG_2, 0.0]]), np.zeros(4)),
    nn.Affine(np.zeros((1, 4)), np.array([0.0, -LOG_3, 0.0, LOG_3])),
)
ONE = np.ones((1, 1))

RECURRENT_LAYERS = [
    Row(
        "gru_cell",
        lambda params, x: nn.gru_cell(params, x["hidden"], x["x"]),
        recurrent(3),
        state_and_x,
        (GRU_PARAMS, {"hidden": 2 * ONE, "x": ONE}, [[0.25 * 0.6 + 0.75 * 2]]),
        lambda params, x: step_gru(params, x["hidden"], x["x"]),
        (
            lambda: nn.gru_cell(nn.init_gru(jax.random.key(0), 2, 3), np.ones((4, 2)), np.ones((4, 2))),
            ValueError,
            "gru_cell: state must have shape (4, 3), not (4, 2)",
        ),
    ),
    Row(
        "gru",
        nn.gru,
        recurrent(3),
        spaced(4, 5, 2),
        (GRU_PARAMS, np.ones((1, 2, 1)), [[[0.15], [0.15 + 0.75 * 0.15]]]),
        lambda params, x: run(step_gru, params, np.zeros((len(x), 3)), x),
        (
            lambda: nn.gru(nn.init_gru(jax.random.key(0), 2, 3), np.ones((4, 5, 3))),
            ValueError,
            "gru: x (4, 5, 3) has 3 features, but weight (2, 9) takes 2",
        ),
    ),
    Row(
        "lstm_cell",
        lambda params, x: jnp.concatenate(nn.lstm_cell(params, nn.LSTMState(x["hidden"], x["cell"]), x["x"]), axis=-1),
        recurrent(4),
        state_and_x,
        # The next cell is a quarter of this one plus 3/4 · 0.6, and is log 2.
        (LSTM_PARAMS, {"hidden": ONE, "cell": 4 * (LOG_2 - 0.45) * ONE, "x": ONE}, [[0.75 * 0.6, LOG_2]]),
        lambda params, x: np.concatenate(step_lstm(params, (x["hidden"], x["cell"]), x["x"]), axis=-1),
        (
            lambda: nn.lstm_cell(nn.init_gru(jax.random.key(0), 2, 3), nn.LSTMState(ONE, ONE), np.ones((1, 2))),
            ValueError,
            "lstm_cell: params must have the weights (inputs, 4 · features) and (features, 4 · features), "
            "not (2, 9) and (3, 9)",
        ),
    ),
    Row(
        "lstm",
        nn.lstm,
        recurrent(4),
        spaced(4, 5, 2),
        # The cell is 0.45, and then a quarter of it more.
        (LSTM_PARAMS, np.ones((1, 2, 1)), [[[0.75 * np.tanh(0.45)], [0.75 * np.tanh(0.45 + 0.1125)]]]),
        lambda params, x: run(step_lstm, params, (np.zeros((len(x), 3)),) * 2, x),
        (
            lambda: nn.lstm(nn.init_lstm(jax.random.key(0), 2, 3), np.ones((4, 2))),
            ValueError,
            "lstm: x must have shape (batch, length, inputs), the batch axis included, not (4, 2)",
        ),
    ),
]


def attend(queries: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    scores = np.einsum("bthf,bshf->bhts", queries, keys) / np.sqrt(queries.shape[-1])
    return np.einsum("bhts,bshf->bthf", softmax(scores, axis=-1), values)


def attend_to_oneself(params: nn.MultiHeadAttentionParams, x: np.ndarray) -> np.ndarray:
    projected = x @ params.projections.weight + params.projections.bias
    parts = (part.reshape(*x.shape[:2], 2, -1) for part in np.split(projected, 3, axis=-1))
    return attend(*parts).reshape(x.shape) @ params.outputs.weight + params.outputs.bias


def queries_keys_values(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"q": spaced(3, 2, 2, 4)(rng), "k": spaced(3, 5, 2, 4)(rng), "v": spaced(3, 5, 2, 4)(rng)}


ATTENTIONS = [
    Row(
        "attention",
        lambda _, x: nn.attention(x["q"], x["k"], x["v"]),
        nothing,
        queries_keys_values,
        # The scores are log 3 and 0: three quarters of the first value, and a quarter of the second.
        (
            (),
            {
                "q": np.full((1, 1, 1, 4), LOG_3),
                "k": np.array([[0.5] * 4, [0.0] * 4]).reshape(1, 2, 1, 4),
                "v": np.array([[4.0, 0, 8, 1], [0.0, 4, 0, 1]]).reshape(1, 2, 1, 4),
            },
            [[[[3.0, 1.0, 6.0, 1.0]]]],
        ),
        lambda _, x: attend(x["q"], x["k"], x["v"]),
        (
            lambda: nn.attention(np.ones((2, 3, 1, 4)), np.ones((2, 3, 2, 4)), np.ones((2, 3, 2, 4))),
            ValueError,
            "attention: keys (2, 3, 2, 4) must have the batch, heads and features of (2, 3, 1, 4)",
        ),
    ),
    Row(
        "multi_head_attention",
        lambda params, x: nn.multi_head_attention(params, x, 2),
        lambda rng: nn.MultiHeadAttentionParams(affine((4, 12))(rng), affine((4, 4))(rng)),
        spaced(3, 5, 4),
        # Queries of 0 see all positions alike: the mean (2, 2), doubled and raised by 3.
        (
            nn.MultiHeadAttentionParams(
                nn.Affine(np.concatenate([np.zeros((2, 4)), 2 * np.eye(2)], axis=1), np.zeros(6)),
                nn.Affine(np.eye(2), np.full(2, 3.0)),
            ),
            np.array([[[1.0, 5.0], [3.0, -1.0]]]),
            [[[7.0, 7.0], [7.0, 7.0]]],
        ),
        attend_to_oneself,
        (
            lambda: nn.multi_head_attention(nn.init_multi_head_attention(jax.random.key(0), 4), np.ones((2, 3, 4)), 3),
            ValueError,
            "multi_head_attention: heads must divide the 4 features of x, not 3",
        ),
    ),
]

SEQUENCE_LAYERS = [EMBEDDING, *RECURRENT_LAYERS, *ATTENTIONS]
