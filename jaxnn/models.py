"""Models: pairs of pure functions, with an MLP and a CNN ready to use."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Shaped

from jaxnn import layers
from jaxnn._checks.arrays import check_each_whole, check_key, check_rate, check_whole, is_traced
from jaxnn._kernels.windows import Windows
from jaxnn.activations import relu
from jaxnn.convolution import conv, init_conv, max_pool
from jaxnn.layers import dense, flatten, init_dense
from jaxnn.units import Optional, Size, bypass, check_size, get_width, mask_units


class Model(NamedTuple):
    """A network as two pure functions; your own network is a `Model` of your own two functions.

    Attributes:
        init: `init(key) -> params`, any pytree of arrays.
        apply: `apply(params, x, *, key=None) -> outputs`, batch first. It must accept `key`, from which dropout is
            drawn: training passes a new key in every step, and evaluation passes None, which means no dropout. In
            evaluation the outputs of an example must not depend on the others, since they come in tiles.

    Example:
        >>> from jaxnn import Model, init_dense, dense
        >>> line = Model(lambda key: init_dense(key, 1, 1), lambda params, x, *, key=None: dense(params, x))
        >>> line.apply(line.init(jax.random.key(0)), jax.numpy.zeros((5, 1))).shape
        (5, 1)
    """

    init: Callable[[Array], Any]
    apply: Callable[..., Any]


def mlp(
    sizes: Sequence[int | Size | Optional], *, activation: Callable[[Array], Array] = relu, dropout: ArrayLike = 0.0
) -> Model:
    """Makes a multilayer perceptron: dense layers with an activation between them, and none after the last.

    Args:
        sizes: inputs, hidden nodes of each layer, outputs: `[4, 16, 3]` is 4 inputs, one hidden layer of 16, 3 outputs.
            Hidden nodes may be what `make_recipe` gets for `sizes(...)`, and `[4, *[16] * depth, 3]` has as many hidden
            layers as `depth(...)` says.
        activation: the activation function after each hidden layer.
        dropout: the probability of dropping a hidden node in training, in [0, 1).

    Returns:
        A model with params `{"hidden_1": Affine, …, "output": Affine}`, x of shape (batch, sizes[0]) and outputs of
        shape (batch, sizes[-1]).

    Raises:
        TypeError: the sizes are not whole numbers.
        ValueError: fewer than two sizes, a size below 1, or a rate outside [0, 1).

    Example:
        >>> model = mlp([4, 16, 3])
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
    return _make_mlp(inputs, sizes[1:-1], outputs, activation, dropout)


def _make_mlp(
    inputs: Any, hidden: Sequence[Any], outputs: int, activation: Callable[[Array], Array], dropout: ArrayLike
) -> Model:
    """Makes the MLP of valid inputs and outputs; the inputs may be a multiple of a `Size`."""
    check_rate("mlp", dropout)
    widths = (inputs, *_check_widths(inputs, hidden), outputs)
    names = (*_number_names("hidden", len(hidden)), "output")
    # Models that differ in whole numbers alone have equal functions `apply`, which share compiled programs.
    traced = tuple(None if isinstance(width, int) else width for width in widths[1:-1])
    return Model(_InitMlp(names, widths), _make_hashable(_ApplyMlp(names, activation, dropout, traced)))


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

    def __call__(self, key: Array) -> dict[str, Any]:
        check_key(key)
        widths = itertools.pairwise(self.sizes)
        keys = jax.random.split(key, len(self.names))
        return {name: self._init_layer(k, *pair) for name, k, pair in zip(self.names, keys, widths, strict=True)}

    def _init_layer(self, key: Array, inputs: Any, outputs: Any) -> Any:
        params = init_dense(key, get_width(inputs), get_width(outputs))
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
            hidden = _mask(self.activation(dense(params[name], x)), get_width(width))
            x = bypass(_drop(layer_key, hidden, self.dropout), x, width)
        return dense(params["output"], x)


def cnn(
    image: Sequence[int],
    channels: Sequence[int | Size],
    classes: int,
    *,
    hidden: Sequence[int | Size | Optional] = (),
    window: int = 3,
    pool: int = 2,
    padding: str | int = "same",
    activation: Callable[[Array], Array] = relu,
    dropout: ArrayLike = 0.0,
) -> Model:
    """Makes a convolutional network: (conv, activation, max-pool) for each of `channels`, then an MLP.

    Args:
        image: (height, width, channels) of the input; also (length, channels) or (depth, height, width, channels).
        channels: the number of filters of each convolution: `(8, 16)` is two convolutions. It may be what `make_recipe`
            gets for `sizes(...)`.
        classes: the number of outputs.
        hidden: hidden nodes of each dense layer before the output, as in `mlp`.
        window: the size of a filter along every axis.
        pool: the size of a pooling window along every axis; 1 leaves pooling out.
        padding: the padding of the convolutions, as in `conv`.
        activation: the activation function after each layer but the last.
        dropout: the probability of dropping an input of each dense layer in training, in [0, 1).

    Returns:
        A model with params `{"conv_1": Affine, …, "hidden_1": Affine, …, "output": Affine}`, x of shape (batch, *image)
        and outputs of shape (batch, classes).

    Raises:
        TypeError: a size is not a whole number.
        ValueError: a size below 1, a rate outside [0, 1), or an image that is smaller than the windows.

    Example:
        >>> model = cnn((8, 8, 1), (8, 16), 10)
        >>> params = model.init(jax.random.key(0))
        >>> params["conv_2"].weight.shape, params["output"].weight.shape
        ((3, 3, 8, 16), (64, 10))
    """
    image = check_each_whole("cnn", "image", image, least=1)
    channels = _check_channels(channels)
    classes = check_whole("cnn", "classes", classes, least=1)
    check_rate("cnn", dropout)
    if not 2 <= len(image) <= 4:
        raise ValueError(
            f"cnn: image must be (height, width, channels), or with one or three spatial axes, not {image}"
        )
    *space, inputs = image
    filters = dict(
        zip(_number_names("conv", len(channels)), zip((inputs, *channels[:-1]), channels, strict=True), strict=True)
    )
    for _ in filters:
        space = Windows.of("cnn", space, window, stride=1, padding=padding).positions
        space = Windows.of("cnn", space, pool, stride=pool).positions
    nodes = math.prod(space) * (inputs, *channels)[-1]
    head = _make_mlp(nodes, hidden, classes, activation, dropout)

    traced = tuple(size if isinstance(size, Size) else None for size in (*channels, nodes))
    conv_shapes = tuple((name, (*shape, (window,) * len(space))) for name, shape in filters.items())
    return Model(
        _InitCnn(conv_shapes, head.init),
        _make_hashable(_ApplyCnn(tuple(filters), traced, image, padding, pool, activation, dropout, head.apply)),
    )


def _check_channels(channels: Any) -> tuple[Any, ...]:
    if not isinstance(channels, Sequence) or isinstance(channels, str):
        raise TypeError(f"cnn: channels must be a sequence of whole numbers, not {channels!r}")
    if any(isinstance(size, Optional) for size in channels):
        raise TypeError("cnn: the number of convolutions cannot be a depth, since each of them pools; make it a choice")
    return tuple(check_size("cnn", f"channels[{i}]", size) for i, size in enumerate(channels))


@dataclass(frozen=True)
class _InitCnn:
    convs: tuple[tuple[str, tuple[Any, Any, tuple[int, ...]]], ...]
    init_head: Callable[[Array], dict[str, Any]]

    def __call__(self, key: Array) -> dict[str, Any]:
        check_key(key)
        *keys, head_key = jax.random.split(key, len(self.convs) + 1)
        convs = {name: init_conv(k, *shape) for k, (name, shape) in zip(keys, self.convs, strict=True)}
        return convs | self.init_head(head_key)


@dataclass(frozen=True)
class _ApplyCnn:
    names: tuple[str, ...]
    sizes: tuple[Any, ...]  # the channels of each convolution, and then the flattened features; None is a whole number
    image: tuple[int, ...]
    padding: str | int
    pool: int
    activation: Callable[[Array], Array]
    dropout: ArrayLike
    apply_head: Callable[..., Array]

    def __call__(
        self, params: dict[str, Any], x: Shaped[ArrayLike, "batch *image"], *, key: Array | None = None
    ) -> Array:
        if jnp.shape(x)[1:] != self.image:
            raise ValueError(f"cnn: x must have shape (batch, {', '.join(map(str, self.image))}), not {jnp.shape(x)}")
        for name, size in zip(self.names, self.sizes[:-1], strict=True):
            x = max_pool(_mask(self.activation(conv(params[name], x, padding=self.padding)), size), self.pool)
        map_key, head_key = (None, None) if key is None else jax.random.split(key)
        return self.apply_head(params, _drop(map_key, flatten(x), self.dropout, self.sizes[-1]), key=head_key)


def _number_names(kind: str, count: int) -> list[str]:
    return [f"{kind}_{i + 1}" for i in range(count)]


def _mask(x: Array, size: Any) -> Array:
    """Masks the units of a `Size`; any other size changes nothing, also not the trace."""
    return mask_units(x, size) if isinstance(size, Size) else x


def _drop(key: Array | None, x: Array, rate: ArrayLike, size: Size | None = None) -> Array:
    """Applies dropout if there is a key; a concrete rate of 0 draws nothing."""
    if key is None or (not is_traced(rate) and rate == 0):
        return x
    return layers.dropout(key, x, rate, size=size)


def _make_hashable(function: Callable[..., Array]) -> Callable[..., Array]:
    """Returns the function of a model; one with a part that has no hash is compared by identity."""
    try:
        hash(function)
    except TypeError:
        return functools.partial(function)
    return function
