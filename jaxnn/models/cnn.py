"""The convolutional network."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Array, ArrayLike, Shaped

from jaxnn._checks.arrays import check_key, check_rate, check_whole
from jaxnn._checks.functions import check_activation
from jaxnn._kernels.windows import Windows
from jaxnn.activations import relu
from jaxnn.initializers import Initializer, he_normal
from jaxnn.layers.convolution import conv, init_conv
from jaxnn.layers.dense import flatten
from jaxnn.layers.pooling import global_avg_pool, global_max_pool, max_pool
from jaxnn.models.mlp import make_mlp
from jaxnn.models.model import Model, find_title, join_widths
from jaxnn.models.norm_choice import Norm, choose_norm, normalize
from jaxnn.models.parts import check_image, check_image_size, drop_inputs, make_hashable, mask_size, number_names
from jaxnn.units import Optional, Size, check_size


def cnn(
    image: Sequence[int],
    channels: Sequence[int | Size],
    classes: int,
    *,
    hidden: Sequence[int | Size | Optional] = (),
    window: int = 3,
    stride: int = 1,
    pool: int = 2,
    padding: str | int = "same",
    norm: str | None = None,
    norm_options: Mapping[str, Any] | None = None,
    global_pool: str | None = None,
    activation: Callable[[Array], Array] = relu,
    dropout: ArrayLike = 0.0,
    initializer: Initializer = he_normal,
    output_initializer: Initializer | None = None,
) -> Model:
    """Makes a convolutional network: (conv, norm, activation, max-pool) for each of `channels`, then an MLP.

    Args:
        image: (height, width, channels) of the input; also (length, channels) or (depth, height, width, channels).
        channels: the number of filters of each convolution: `(8, 16)` is two convolutions. It may be what `make_recipe`
            gets for `sizes(...)`.
        classes: the number of outputs.
        hidden: hidden nodes of each dense layer before the output, as in `mlp`.
        window: the size of a filter along every axis.
        stride: the distance between neighbouring windows of the convolutions.
        pool: the size of a pooling window along every axis; 1 leaves pooling out.
        padding: the padding of the convolutions, as in `conv`.
        norm: "batch", "group" (8 groups, or fewer where 8 does not divide the channels), "layer", "rms", or None. With
            one the convolutions have no biases, and the params have norms by the names "norm_1", ….
        norm_options: options of the norm's layer, `{"momentum": 0.99, "epsilon": 1e-3}` for `train_batch_norm`:
            "epsilon" of all, "momentum" (which may be a hyper) and "unbiased" of "batch", "groups" of "group".
        global_pool: "avg" or "max" pools over all positions before the MLP, so that its weights do not depend on the
            size of the image. None flattens.
        activation: the activation function after each layer but the last.
        dropout: the probability of dropping an input of each dense layer in training, in [0, 1).
        initializer: of all weights, see `jaxnn.initializers`; those of `jax.nn.initializers` serve too.
        output_initializer: of the weights of the last layer; None takes `initializer`.

    Returns:
        A model with params `{"conv_1": Affine, …, "hidden_1": Affine, …, "output": Affine}`, x of shape (batch, *image)
        and outputs of shape (batch, classes). With batch norm it has a `train_apply`.

    Raises:
        TypeError: a size is not a whole number, or the activation is not a function.
        ValueError: a size below 1, a rate outside [0, 1), an image that is smaller than the windows, an unknown norm or
            pooling, an option that the norm does not have, or `norm="group"` with channels from `sizes(...)`.

    Example:
        >>> model = cnn((8, 8, 1), (8, 16), 10)
        >>> model
        Model(cnn 1-8-16, 64-10)
        >>> params = model.init(jax.random.key(0))
        >>> params["conv_2"].weight.shape, params["output"].weight.shape
        ((3, 3, 8, 16), (64, 10))
    """
    image = check_image("cnn", image)
    channels = _check_channels(channels)
    classes = check_whole("cnn", "classes", classes, least=1)
    check_rate("cnn", dropout, name="dropout")
    check_activation("cnn", activation)
    *space, inputs = image
    names = tuple(number_names("conv", len(channels)))
    for _ in names:
        space = Windows.of("cnn", space, window, stride=stride, padding=padding).positions
        space = Windows.of("cnn", space, pool, stride=pool).positions
    nodes = (1 if _find_pool(global_pool) else math.prod(space)) * (inputs, *channels)[-1]
    head = make_mlp(nodes, hidden, classes, activation, dropout, (initializer, output_initializer))

    traced = tuple(size if isinstance(size, Size) else None for size in (*channels, nodes))
    chosen = choose_norm("cnn", norm, channels, norm_options)
    shapes = tuple((*pair, (window,) * len(space)) for pair in itertools.pairwise((inputs, *channels)))
    apply = _ApplyCnn(names, traced, image, stride, padding, pool, chosen, global_pool, activation, dropout, head.apply)
    trains = chosen is not None and chosen.train_apply is not None
    return Model(
        make_hashable(_InitCnn(names, shapes, chosen, initializer, head.init)),
        make_hashable(apply),
        make_hashable(_TrainCnn(apply)) if trains else None,
    )


def _find_pool(name: str | None) -> Callable[[Array], Array] | None:
    if name is not None and name not in _POOLS:
        raise ValueError(f"cnn: global_pool must be one of {', '.join(map(repr, _POOLS))} or None, not {name!r}")
    return None if name is None else _POOLS[name]


_POOLS = {"avg": global_avg_pool, "max": global_max_pool}


def _check_channels(channels: Any) -> tuple[Any, ...]:
    if not isinstance(channels, Sequence) or isinstance(channels, str):
        raise TypeError(f"cnn: channels must be a sequence of whole numbers, not {channels!r}")
    if any(isinstance(size, Optional) for size in channels):
        raise TypeError("cnn: the number of convolutions cannot be a depth, since each of them pools; make it a choice")
    return tuple(check_size("cnn", f"channels[{i}]", size) for i, size in enumerate(channels))


@dataclass(frozen=True)
class _InitCnn:
    names: tuple[str, ...]
    shapes: tuple[tuple[Any, Any, tuple[int, ...]], ...]
    norm: Norm | None
    initializer: Initializer
    init_head: Callable[[Array], dict[str, Any]]

    @property
    def title(self) -> str:
        head = str(find_title(self.init_head)).removeprefix("mlp ")
        channels = [shape[0] for shape in self.shapes[:1]] + [shape[1] for shape in self.shapes]
        return f"cnn {join_widths(*channels)}, {head}"

    def __call__(self, key: Array) -> dict[str, Any]:
        check_key(key)
        *keys, head_key = jax.random.split(key, len(self.names) + 1)
        convs = {
            name: init_conv(k, *shape, bias=self.norm is None, initializer=self.initializer)
            for k, name, shape in zip(keys, self.names, self.shapes, strict=True)
        }
        norms = {}
        if self.norm is not None:
            names = number_names("norm", len(self.names))
            norms = {name: self.norm.init(shape[1]) for name, shape in zip(names, self.shapes, strict=True)}
        return convs | norms | self.init_head(head_key)


@dataclass(frozen=True)
class _ApplyCnn:
    names: tuple[str, ...]
    sizes: tuple[Any, ...]  # the channels of each convolution, and then the flattened features; None is a whole number
    image: tuple[int, ...]
    stride: int
    padding: str | int
    pool: int
    norm: Norm | None
    global_pool: str | None
    activation: Callable[[Array], Array]
    dropout: ArrayLike
    apply_head: Callable[..., Array]

    def __call__(
        self, params: dict[str, Any], x: Shaped[ArrayLike, "batch *image"], *, key: Array | None = None
    ) -> Array:
        return self.run(params, x, key, None)[0]

    def find_norms_after(self) -> dict[str, str]:
        """Returns the norm that takes the outputs of each convolution."""
        return {} if self.norm is None else dict(zip(self.names, number_names("norm", len(self.names)), strict=True))

    def run(self, params: dict[str, Any], x: Any, key: Array | None, train: tuple[Any] | None) -> tuple[Array, Any]:
        """Returns outputs and parameters, those of norms as training leaves them; `train` is that of `normalize`."""
        check_image_size("cnn", x, self.image)
        norms = {}
        for number, (name, size) in enumerate(zip(self.names, self.sizes[:-1], strict=True), 1):
            x = conv(params[name], x, stride=self.stride, padding=self.padding)
            if self.norm is not None:
                norm = f"norm_{number}"
                x, norms[norm] = normalize(self.norm, params[norm], x, size, train)
            x = max_pool(mask_size(self.activation(x), size), self.pool)
        pool = _find_pool(self.global_pool) or flatten
        map_key, head_key = (None, None) if key is None else jax.random.split(key)
        outputs = self.apply_head(params, drop_inputs(map_key, pool(x), self.dropout, self.sizes[-1]), key=head_key)
        return outputs, params | norms


@dataclass(frozen=True)
class _TrainCnn:
    apply: _ApplyCnn

    def __call__(
        self, params: dict[str, Any], x: Any, *, key: Array | None, where: Any = None
    ) -> tuple[Array, dict[str, Any]]:
        return self.apply.run(params, x, key, (where,))
