"""The long short-term memory."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._kernels.batch_last import batch_last
from jaxnn.initializers import Initializer, lecun_normal
from jaxnn.layers.dense import Affine, apply_affine
from jaxnn.layers.recurrent import RecurrentParams, check_recurrent, init_recurrent, scan_sequence
from jaxnn.units import Size


class LSTMState(NamedTuple):
    """What an LSTM carries from step to step.

    Attributes:
        hidden: shape (batch, features), its outputs.
        cell: shape (batch, features).
    """

    hidden: Float[ArrayLike, "batch features"]
    cell: Float[ArrayLike, "batch features"]


def init_lstm(
    key: Array, inputs: int | Size, features: int | Size, *, initializer: Initializer = lecun_normal
) -> RecurrentParams:
    """Makes the parameters of `lstm` and `lstm_cell`: weights from the initializer, biases 0.

    Args and Raises are those of `init_gru`.

    Example:
        >>> init_lstm(jax.random.key(0), 4, 16).inputs.weight.shape
        (4, 64)
    """
    return init_recurrent("init_lstm", key, inputs, features, initializer, gates=4)


def lstm_cell(params: RecurrentParams, state: LSTMState, x: Shaped[ArrayLike, "batch inputs"]) -> LSTMState:
    """One step of a long short-term memory: cell' = f · cell + i · g, hidden' = o · tanh(cell').

    The sum of the products of x and of the hidden state has four parts. The gates i, f and o are the sigmoids of the
    first, second and fourth part, and g is the tanh of the third.

    Args:
        params: as `init_lstm` makes them.
        state: hidden and cell, each (batch, features).
        x: shape (batch, inputs).

    Returns:
        The next state.

    Raises:
        ValueError: x or state have other axes or features than the parameters.

    Example:
        >>> params, state = init_lstm(jax.random.key(0), 4, 16), LSTMState(jnp.zeros((5, 16)), jnp.zeros((5, 16)))
        >>> lstm_cell(params, state, jnp.ones((5, 4))).hidden.shape
        (5, 16)

    References:
        Hochreiter and Schmidhuber (1997), Long short-term memory; Gers et al. (2000), Learning to forget.
    """
    check_recurrent("lstm_cell", params, x, "batch inputs", state, gates=4)
    return LSTMState(*jnp.split(_lstm_cell(x, *state, params=params), 2, axis=-1))


def lstm(
    params: RecurrentParams,
    x: Shaped[ArrayLike, "batch length inputs"],
    *,
    state: LSTMState | None = None,
    return_state: bool = False,
) -> Float[Array, "batch length features"] | Any:
    """`lstm_cell` step by step along a sequence.

    Args, Returns and Raises are those of `gru`; a state is an `LSTMState`, of which the outputs are the hidden part.

    Example:
        >>> lstm(init_lstm(jax.random.key(0), 4, 16), jnp.ones((5, 20, 4))).shape
        (5, 20, 16)
        >>> outputs, state = lstm(init_lstm(jax.random.key(0), 4, 16), jnp.ones((5, 20, 4)), return_state=True)
        >>> state.cell.shape
        (5, 16)
    """
    states = [] if state is None else list(state)
    check_recurrent("lstm", params, x, "batch length inputs", states, gates=4)
    outputs = _lstm(x, *states, params=params, keep_last=return_state)
    return (outputs[:, :-2], LSTMState(outputs[:, -2], outputs[:, -1])) if return_state else outputs


def _step_lstm(params: Affine, state: tuple[Array, Array], products: Array) -> tuple[Array, Array]:
    hidden, cell = state
    i, f, g, o = jnp.split(products + apply_affine(params, hidden), 4)
    cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(cell), cell


@batch_last
def _lstm_cell(x, *state, params):
    return jnp.concatenate(_step_lstm(params.state, state, apply_affine(params.inputs, x)))


@batch_last
@functools.partial(jax.jit, static_argnames="keep_last")
def _lstm(x, *state, params, keep_last):
    return scan_sequence(_step_lstm, x, state, params, 2, keep_last)
