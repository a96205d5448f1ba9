"""The multilayer perceptron."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Shaped

from jaxnn._checks.arrays import check_key, check_rate, check_whole
from jaxnn._checks.functions import check_activation
from jaxnn.activations import relu
from jaxnn.initializers import Initializer, he_normal
from jaxnn.layers.dense import dense, init_dense
from jaxnn.models.model import Model, join_widths
from jaxnn.models.parts import drop_inputs, make_hashable, mask_size, number_names
from jaxnn.units import Optional, Size, bypass, check_size, get_width


def mlp(
    sizes: Sequence[int | Size | Optional],
    *,
    activation: Callable[[Array], Array] = relu,
    dropout: ArrayLike = 0.0,
    initializer: Initializer = he_normal,
    output_initializer: Initializer | None = None,
) -> Model:
    """Makes a multilayer perceptron: dense layers with an activation between them, and none after the last.

    Args:
        sizes: inputs, hidden nodes of each layer, outputs: `[4, 16, 3]` is 4 inputs, one hidden layer of 16, 3 outputs.
            Hidden nodes may be what `make_recipe` gets for `sizes(...)`, and `[4, *[16] * depth, 3]` has as many hidden
            layers as `depth(...)` says.
        activation: the activation function after each hidden layer.
        dropout: the probability of dropping a hidden node in training, in [0, 1).
        initializer: of the weights, see `jaxnn.initializers`; those of `jax.nn.initializers` serve too.
        output_initializer: of the weights of the last layer; None takes `initializer`.

    Returns:
        A model with params `{"hidden_1": Affine, …, "output": Affine}`, x of shape (batch, sizes[0]) and outputs of
        shape (batch, sizes[-1]).

    Raises:
        TypeError: the sizes are not whole numbers, or the activation is not a function.
        ValueError: fewer than two sizes, a size below 1, or a rate outside [0, 1).

    Example:
        >>> model = mlp([4, 16, 3])
        >>> model
        Model(mlp 4-16-3)
        >>> params = model.init(jax.random.key(0))
        >>> sorted(params), params["hidden_1"].weight.shape
        (['hidden_1', 'output'], (4, 16))
        >>> model.apply(params, jax.numpy.zeros((150, 4))).shape
        (150, 3)
    """
    if not isinstance(sizes, Sequence) or isinstance(sizes, str):
        raise TypeError(f"mlp: sizes must be a sequence of whole numbers, not {sizes!r}")
    if len(sizes) < 2:
        raise ValueError(f"mlp: sizes must hold at least the inputs and the outputs, not {list(sizes)}")
    inputs, outputs = (check_whole("mlp", f"sizes[{i}]", sizes[i], least=1) for i in (0, -1))
    return make_mlp(inputs, sizes[1:-1], outputs, activation, dropout, (initializer, output_initializer))


def make_mlp(
    inputs: Any,
    hidden: Sequence[Any],
    outputs: int,
    activation: Callable[[Array], Array],
    dropout: ArrayLike,
    initializers: tuple[Initializer, Initializer | None],
) -> Model:
    """Makes the MLP of valid inputs and outputs; the inputs may be a multiple of a `Size`."""
    check_rate("mlp", dropout, name="dropout")
    check_activation("mlp", activation)
    widths = (inputs, *_check_widths(inputs, hidden), outputs)
    names = (*number_names("hidden", len(hidden)), "output")
    # Models that differ in whole numbers alone have equal functions `apply`, which share compiled programs.
    traced = tuple(None if isinstance(width, int) else width for width in widths[1:-1])
    return Model(_InitMlp(names, widths, *initializers), make_hashable(_ApplyMlp(names, activation, dropout, traced)))


def _check_widths(inputs: Any, hidden: Sequence[Any]) -> tuple[Any, ...]:
    """Checks the widths of hidden layers; one that may be bypassed must be as wide as the layer before it."""
    widths, before = [], inputs
    for i, width in enumerate(hidden, 1):
        size = check_size("mlp", f"sizes[{i}]", get_width(width))
        if isinstance(width, Optional) and size != before:
            raise ValueError(f"mlp: sizes[{i}] may be bypassed, so it must be as wide as sizes[{i - 1}]")
        widths.append(width if isinstance(width, Optional) else size)
        before = size
    return tuple(widths)


# The functions of a model are objects, so that models can be pickled, and equal models share compiled programs.
@dataclass(frozen=True)
class _InitMlp:
    names: tuple[str, ...]
    sizes: tuple[Any, ...]
    initializer: Initializer
    output_initializer: Initializer | None

    @property
    def title(self) -> str:
        return f"mlp {join_widths(*self.sizes)}"

    def __call__(self, key: Array) -> dict[str, Any]:
        check_key(key)
        widths = itertools.pairwise(self.sizes)
        keys = jax.random.split(key, len(self.names))
        initializers = [self.initializer] * len(self.names)
        if self.output_initializer is not None:
            initializers[-1] = self.output_initializer
        layers = zip(self.names, keys, widths, initializers, strict=True)
        return {name: self._init_layer(k, *pair, initializer) for name, k, pair, initializer in layers}

    def _init_layer(self, key: Array, inputs: Any, outputs: Any, initializer: Initializer) -> Any:
        params = init_dense(key, get_width(inputs), get_width(outputs), initializer=initializer)
        if not isinstance(outputs, Optional):
            return params
        # The parameters of a bypassed layer are 0, so that they do not enter norms over all parameters.
        return jax.tree.map(lambda leaf: jnp.where(outputs.exists, leaf, jnp.zeros((), leaf.dtype)), params)


@dataclass(frozen=True)
class _ApplyMlp:
    names: tuple[str, ...]
    activation: Callable[[Array], Array]
    dropout: ArrayLike
    widths: tuple[Any, ...]  # of the hidden layers; None is a whole number

    def __call__(
        self, params: dict[str, Any], x: Shaped[ArrayLike, "batch inputs"], *, key: Array | None = None
    ) -> Array:
        keys = [None] * len(self.names) if key is None else jax.random.split(key, len(self.names))
        for name, layer_key, width in zip(self.names[:-1], keys[:-1], self.widths, strict=True):
            hidden = mask_size(self.activation(dense(params[name], x)), get_width(width))
            x = bypass(drop_inputs(layer_key, hidden, self.dropout), x, width)
        return dense(params["output"], x)
