"""The gated recurrent unit."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._kernels.batch_last import batch_last
from jaxnn.initializers import Initializer, lecun_normal
from jaxnn.layers.dense import Affine, apply_affine
from jaxnn.layers.recurrent import RecurrentParams, check_recurrent, init_recurrent, scan_sequence
from jaxnn.units import Size


def init_gru(
    key: Array, inputs: int | Size, features: int | Size, *, initializer: Initializer = lecun_normal
) -> RecurrentParams:
    """Makes the parameters of `gru` and `gru_cell`: weights from the initializer, biases 0.

    Args:
        key: a `jax.random.key`.
        inputs: the number of features of the input; may be what `make_recipe` gets for `sizes(...)`.
        features: the number of features of the state, which are the outputs; the same holds for it.
        initializer: see `jaxnn.initializers`; the shapes are those of `RecurrentParams`.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, or a size is not a whole number.
        ValueError: a size is below 1.

    Example:
        >>> params = init_gru(jax.random.key(0), 4, 16)
        >>> params.inputs.weight.shape, params.state.weight.shape
        ((4, 48), (16, 48))
    """
    return init_recurrent("init_gru", key, inputs, features, initializer, gates=3)


def gru_cell(
    params: RecurrentParams, state: Shaped[ArrayLike, "batch features"], x: Shaped[ArrayLike, "batch inputs"]
) -> Float[Array, "batch features"]:
    """One step of a gated recurrent unit: (1 - z) · n + z · state.

    The products a of x and s of the state have three parts each. The gates are r = sigmoid(a₁ + s₁) and
    z = sigmoid(a₂ + s₂), and the new values n = tanh(a₃ + r · s₃).

    Args:
        params: as `init_gru` makes them.
        state: shape (batch, features).
        x: shape (batch, inputs).

    Returns:
        The next state, shape (batch, features).

    Raises:
        ValueError: x or state have other axes or features than the parameters.

    Example:
        >>> params = init_gru(jax.random.key(0), 4, 16)
        >>> gru_cell(params, jnp.zeros((5, 16)), jnp.ones((5, 4))).shape
        (5, 16)

    References:
        Cho et al. (2014), Learning phrase representations using RNN encoder-decoder.
    """
    check_recurrent("gru_cell", params, x, "batch inputs", [state], gates=3)
    return _gru_cell(x, state, params=params)


def gru(
    params: RecurrentParams,
    x: Shaped[ArrayLike, "batch length inputs"],
    *,
    state: Shaped[ArrayLike, "batch features"] | None = None,
    return_state: bool = False,
) -> Float[Array, "batch length features"] | Any:
    """`gru_cell` step by step along a sequence.

    Args:
        params: as `init_gru` makes them.
        x: shape (batch, length, inputs). `jnp.flip(x, 1)` goes backwards.
        state: the state before the first step, shape (batch, features); None is zeros.
        return_state: whether to return the last state too, from which the next part of the sequence goes on.

    Returns:
        The state after each step, shape (batch, length, features); with `return_state`, `(outputs, state)`.

    Raises:
        ValueError: x or state have other axes or features than the parameters.

    Example:
        >>> gru(init_gru(jax.random.key(0), 4, 16), jnp.ones((5, 20, 4))).shape
        (5, 20, 16)

        A sequence in two parts:

        >>> params, x = init_gru(jax.random.key(0), 4, 16), jnp.ones((5, 20, 4))
        >>> first, state = gru(params, x[:, :10], return_state=True)
        >>> second = gru(params, x[:, 10:], state=state)
    """
    states = [] if state is None else [state]
    check_recurrent("gru", params, x, "batch length inputs", states, gates=3)
    outputs = _gru(x, *states, params=params, keep_last=return_state)
    return (outputs[:, :-1], outputs[:, -1]) if return_state else outputs


def _step_gru(params: Affine, state: tuple[Array], products: Array) -> tuple[Array]:
    (hidden,), recurrent = state, apply_affine(params, state[0])
    (r_input, z_input, n_input), (r_state, z_state, n_state) = (jnp.split(a, 3) for a in (products, recurrent))
    r, z = jax.nn.sigmoid(r_input + r_state), jax.nn.sigmoid(z_input + z_state)
    return ((1 - z) * jnp.tanh(n_input + r * n_state) + z * hidden,)


@batch_last
def _gru_cell(x, state, *, params):
    return _step_gru(params.state, (state,), apply_affine(params.inputs, x))[0]


@batch_last
@functools.partial(jax.jit, static_argnames="keep_last")
def _gru(x, *state, params, keep_last):
    return scan_sequence(_step_gru, x, state, params, 1, keep_last)
