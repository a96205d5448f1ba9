"""What the recurrent layers share: parameters, checks, and the scan along a sequence.

The products of the inputs of all steps are one matrix product before the scan, and the scan itself is batch last: a
sequence is turned once on the way in and once on the way out, whatever its length. The units beyond a traced size stay
0 without a mask.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from jaxnn._checks.arrays import check_bias, check_key, check_shape
from jaxnn.initializers import Initializer
from jaxnn.layers.dense import Affine, apply_affine, init_affine
from jaxnn.units import check_size

# A step takes the parameters of the state, a batch-last state of one part or more, and the products of the inputs.
Step = Callable[[Affine, Any, Array], Any]


class RecurrentParams(NamedTuple):
    """The parameters of `gru`, with 3 gates, and of `lstm`, with 4; gates and their order are PyTorch's.

    `load_safetensors(layout="torch")` reads PyTorch's weights, with these `names`: `weight_ih_l0` for `inputs.weight`,
    `bias_ih_l0` for `inputs.bias`, `weight_hh_l0` for `state.weight`, and `bias_hh_l0` for `state.bias`.

    Attributes:
        inputs: weight (inputs, gates · features) and bias (gates · features,).
        state: weight (features, gates · features) and bias (gates · features,).
    """

    inputs: Affine
    state: Affine


def init_recurrent(
    caller: str, key: Array, inputs: Any, features: Any, initializer: Initializer, gates: int
) -> RecurrentParams:
    """Returns weights from the initializer and biases 0; sizes may be traced."""
    check_key(key)
    inputs, features = check_size(caller, "inputs", inputs), check_size(caller, "features", features)
    keys = jax.random.split(key)
    # One block for each gate, so that a traced size masks units in all of them.
    shapes = (inputs, gates * features), (features, gates * features)
    return RecurrentParams(
        *(init_affine(k, shape, initializer, bias=True) for k, shape in zip(keys, shapes, strict=True))
    )


def check_recurrent(caller: str, params: RecurrentParams, x: ArrayLike, axes: str, states: Any, gates: int) -> None:
    """Checks that parameters are of this number of gates, and that x and the parts of a state fit them."""
    *rest, inputs = check_shape(caller, "x", x, axes)
    taken, weight = (jnp.shape(part.weight) for part in params)
    if len(weight) != 2 or len(taken) != 2 or not taken[1] == weight[1] == gates * weight[0]:
        rule = f"params must have the weights (inputs, {gates} · features) and (features, {gates} · features)"
        raise ValueError(f"{caller}: {rule}, not {taken} and {weight}")
    if inputs != taken[0]:
        raise ValueError(f"{caller}: x {jnp.shape(x)} has {inputs} features, but weight {taken} takes {taken[0]}")
    for part in params:
        check_bias(caller, part)
    for state in states:
        if jnp.shape(state) != (rest[0], weight[0]):
            raise ValueError(f"{caller}: state must have shape {(rest[0], weight[0])}, not {jnp.shape(state)}")


def scan_sequence(
    step: Step, x: Array, state: tuple[Array, ...], params: RecurrentParams, parts: int, keep_last: bool
) -> Array:
    """Returns the first part of the state after each step, (features, length, batch).

    With `keep_last` all parts of the last state follow along the axis of the length.
    """
    inputs, length, batch = x.shape
    state = state or (jnp.zeros((params.state.weight.shape[0], batch), x.dtype),) * parts
    products = apply_affine(params.inputs, x.reshape(inputs, -1)).reshape(-1, length, batch)

    def body(state: tuple[Array, ...], products: Array) -> tuple[tuple[Array, ...], Array]:
        state = step(params.state, state, products)
        return state, state[0]

    last, outputs = jax.lax.scan(body, state, jnp.moveaxis(products, 1, 0))
    outputs = jnp.moveaxis(outputs, 0, 1)
    return jnp.concatenate([outputs, jnp.stack(last, 1)], axis=1) if keep_last else outputs
