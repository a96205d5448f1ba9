"""Bad input to the layers for sequences, groups and norms: the call, the type of its error and the whole message."""

import numpy as np

import jaxnn as nn
from helpers.bad_input.parts import X

SERIES = np.zeros((15, 6, 2), "f")
GRU = nn.RecurrentParams(
    nn.Affine(np.zeros((2, 9), "f"), np.zeros(9, "f")), nn.Affine(np.zeros((3, 9), "f"), np.zeros(9, "f"))
)
TABLE = np.zeros((4, 2), "f")
NORM = nn.NormParams(np.ones(4, "f"), np.zeros(4, "f"))
SEQUENCE_CALLS = {
    "an embedding of floats": (
        lambda: nn.embedding(TABLE, X[:, 0]),
        TypeError,
        "embedding: x must be an array of an integer dtype, not float32",
    ),
    "a label below the table": (
        lambda: nn.embedding(TABLE, np.array([0, 3, -1])),
        ValueError,
        "embedding: x must lie in 0 … 3 for 4 rows of params, but row 2 holds -1",
    ),
    "a gru of a table": (
        lambda: nn.gru(GRU, SERIES[:, 0]),
        ValueError,
        "gru: x must have shape (batch, length, inputs), the batch axis included, not (15, 2); "
        "a single example is a batch of one, and jax.vmap adds any other axis",
    ),
    "a state of another batch": (
        lambda: nn.gru(GRU, SERIES, state=np.zeros((1, 3), "f")),
        ValueError,
        "gru: state must have shape (15, 3), not (1, 3)",
    ),
    "an lstm with the params of a gru": (
        lambda: nn.lstm(GRU, SERIES),
        ValueError,
        "lstm: params must have the weights (inputs, 4 · features) and (features, 4 · features), not (2, 9) and (3, 9)",
    ),
    "values of another length": (
        lambda: nn.attention(SERIES[..., None], SERIES[..., None], SERIES[:, 1:, :, None]),
        ValueError,
        "attention: values must have the shape of keys (15, 6, 2, 1), not (15, 5, 2, 1)",
    ),
    "a group norm of too many groups": (
        lambda: nn.group_norm(NORM, X[:, :4], 8),
        ValueError,
        "group_norm: groups must divide the 4 features of x, not 8",
    ),
    "a global pool of a table": (
        lambda: nn.global_avg_pool(X),
        ValueError,
        "global_avg_pool: x must be (batch, *space, channels) with 1 to 3 spatial axes, not (15, 4)",
    ),
    "stochastic depth without a key": (
        lambda: nn.stochastic_depth(None, X, 1.0),
        TypeError,
        "key must be one jax.random.key, not None",
    ),
}
