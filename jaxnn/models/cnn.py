"""The convolutional network."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Shaped

from jaxnn._checks.arrays import check_each_whole, check_key, check_rate, check_whole
from jaxnn._kernels.windows import Windows
from jaxnn.activations import relu
from jaxnn.layers.convolution import conv, init_conv
from jaxnn.layers.dense import flatten
from jaxnn.layers.pooling import max_pool
from jaxnn.models.mlp import make_mlp
from jaxnn.models.model import Model
from jaxnn.models.parts import drop_inputs, make_hashable, mask_size, number_names
from jaxnn.units import Optional, Size, check_size


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
        zip(number_names("conv", len(channels)), zip((inputs, *channels[:-1]), channels, strict=True), strict=True)
    )
    for _ in filters:
        space = Windows.of("cnn", space, window, stride=1, padding=padding).positions
        space = Windows.of("cnn", space, pool, stride=pool).positions
    nodes = math.prod(space) * (inputs, *channels)[-1]
    head = make_mlp(nodes, hidden, classes, activation, dropout)

    traced = tuple(size if isinstance(size, Size) else None for size in (*channels, nodes))
    conv_shapes = tuple((name, (*shape, (window,) * len(space))) for name, shape in filters.items())
    return Model(
        _InitCnn(conv_shapes, head.init),
        make_hashable(_ApplyCnn(tuple(filters), traced, image, padding, pool, activation, dropout, head.apply)),
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
            x = max_pool(mask_size(self.activation(conv(params[name], x, padding=self.padding)), size), self.pool)
        map_key, head_key = (None, None) if key is None else jax.random.split(key)
        return self.apply_head(params, drop_inputs(map_key, flatten(x), self.dropout, self.sizes[-1]), key=head_key)
