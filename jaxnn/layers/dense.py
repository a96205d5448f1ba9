"""The dense layer, its parameters, and `flatten` before it."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_bias, check_key, check_shape
from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.matmul import matmul
from jaxnn.initializers import Initializer, draw_weights, he_normal
from jaxnn.units import Size, check_size, count_units


class Affine(NamedTuple):
    """The parameters of `dense` and of `conv`: `outputs = inputs · weight + bias`.

    Attributes:
        weight: shape (inputs, outputs) for dense, (*window, inputs, outputs) for conv.
        bias: shape (outputs,); None for a layer that adds none.
    """

    weight: Float[Array, "*window inputs outputs"]
    bias: Float[Array, "outputs"] | Any  # not `| None`: type checkers would want a check wherever a bias is read


def init_dense(
    key: Array,
    inputs: int | Size,
    outputs: int | Size,
    *,
    bias: bool = True,
    initializer: Initializer = he_normal,
) -> Affine:
    """Makes the parameters of `dense`: weights from `initializer(key, (inputs, outputs))`, biases 0.

    Args:
        key: a `jax.random.key`.
        inputs: the number of features of the input; may be what `make_recipe` gets for `sizes(...)`.
        outputs: the number of features of the output; the same holds for it.
        bias: False leaves the biases out, as before a norm that has its own.
        initializer: see `jaxnn.initializers`.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, or a size is not a whole number.
        ValueError: a size is below 1, or an initializer of which it is not known how to use it with a traced size.

    Example:
        >>> init_dense(jax.random.key(0), 4, 16).weight.shape
        (4, 16)
    """
    shape = check_size("init_dense", "inputs", inputs), check_size("init_dense", "outputs", outputs)
    return init_affine(key, shape, initializer, bias)


def dense(params: Affine, x: Shaped[ArrayLike, "batch inputs"]) -> Float[Array, "batch outputs"]:
    """x · weight + bias: every output is a weighted sum of all inputs.

    Args:
        params: weight (inputs, outputs), bias (outputs,) or None.
        x: shape (batch, inputs).

    Returns:
        Shape (batch, outputs).

    Raises:
        ValueError: x has no batch axis or another number of features than the weight, or the bias does not fit.

    Example:
        >>> params = Affine(weight=jnp.array([[1.0], [10.0]]), bias=jnp.array([0.5]))
        >>> dense(params, jnp.array([[1.0, 2.0]]))
        Array([[21.5]], dtype=float32)
    """
    _, features = check_shape("dense", "x", x, "batch features")
    shape = jnp.shape(params.weight)
    if len(shape) != 2 or features != shape[0]:
        takes = f"takes {shape[0]}" if len(shape) == 2 else "is not (inputs, outputs)"
        raise ValueError(f"dense: x {jnp.shape(x)} has {features} features, but weight {shape} {takes}")
    check_bias("dense", params)
    return _dense(x, params=params)


@batch_last
def _dense(x, *, params):
    return apply_affine(params, x)


def apply_affine(params: Any, x: Array) -> Array:
    """weightᵀ · x + bias, batch last; params are of a dense layer."""
    outputs = matmul(params.weight, x)
    return outputs if params.bias is None else outputs + params.bias[:, None]


def flatten(x: Shaped[ArrayLike, "batch *space channels"]) -> Float[Array, "batch features"]:
    """Reshapes every example to one row, in (height, width, channel) order.

    Weights of dense layers from Flax fit as they are. Those from PyTorch are put in order by
    `nn.integrations.pytorch.load`.

    Args:
        x: shape (batch, ...).

    Returns:
        Shape (batch, features).

    Raises:
        ValueError: x has fewer than two axes.

    Example:
        >>> flatten(jnp.zeros((5, 2, 2, 3))).shape
        (5, 12)
    """
    if jnp.ndim(x) < 2:
        raise ValueError(f"flatten: x must have shape (batch, …), the batch axis included, not {jnp.shape(x)}")
    return _flatten(x)


@batch_last
def _flatten(x):
    return jnp.moveaxis(x, 0, -2).reshape(-1, x.shape[-1])


def init_affine(key: Array, shape: tuple[Any, ...], initializer: Initializer, bias: bool) -> Affine:
    """Returns weights of `shape` from the initializer, and biases 0 or None; inputs and outputs may be a `Size`."""
    check_key(key)
    weight, outputs = draw_weights(key, shape, initializer), shape[-1]
    if not bias:
        return Affine(weight=weight, bias=None)
    # Zeros do not mark which of several blocks of units are real.
    marks = isinstance(outputs, Size) and outputs.marks
    return Affine(
        weight, outputs.mask().astype(weight.dtype) if marks else jnp.zeros(count_units(outputs), weight.dtype)
    )
