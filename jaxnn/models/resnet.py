"""The residual network for small images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, ArrayLike, Shaped

from jaxnn._checks.arrays import check_key, check_rate, check_whole
from jaxnn._checks.functions import check_activation
from jaxnn.activations import relu
from jaxnn.initializers import Initializer, he_normal
from jaxnn.layers.convolution import conv, init_conv
from jaxnn.layers.dense import dense, init_dense
from jaxnn.layers.pooling import global_avg_pool
from jaxnn.models.model import Model, join_widths
from jaxnn.models.norm_choice import Norm, choose_norm, normalize
from jaxnn.models.parts import add, check_image, check_image_size, drop_inputs, make_hashable, mask_size
from jaxnn.models.residual_plan import Block, Shapes, check_stages, plan_blocks
from jaxnn.units import Size


def resnet(
    image: Sequence[int],
    channels: Sequence[int | Size],
    classes: int,
    *,
    blocks: int | Sequence[int] = 3,
    norm: str | None = "batch",
    norm_options: Mapping[str, Any] | None = None,
    preactivation: bool = False,
    window: int = 3,
    activation: Callable[[Array], Array] = relu,
    dropout: ArrayLike = 0.0,
    initializer: Initializer = he_normal,
    output_initializer: Initializer | None = None,
) -> Model:
    """Makes a residual network: a convolution, stages of blocks x + f(x), the mean over positions, a dense layer.

    A block is (conv, norm, activation, conv, norm), then the sum and an activation. The first block of each stage but
    the first halves the size of the image, and its x is projected by a convolution with a window of 1. Three stages of
    3 blocks with 16, 32 and 64 channels are the ResNet-20 of He et al. for CIFAR-10 but for the projections, where
    theirs have no parameters.

    Args:
        image: (height, width, channels) of the input; also (length, channels) or (depth, height, width, channels).
        channels: the number of channels of each stage. It may be what `make_recipe` gets for `sizes(...)`.
        classes: the number of outputs.
        blocks: the number of blocks of a stage; one number, or one for each stage.
        norm: the norm after each convolution: "batch", "group" (8 groups, or fewer where 8 does not divide the
            channels), "layer", "rms", or None, which gives convolutions a bias.
        norm_options: options of the norm's layer, `{"momentum": 0.99, "epsilon": 1e-3}` for `train_batch_norm`:
            "epsilon" of all, "momentum" (which may be a hyper) and "unbiased" of "batch", "groups" of "group".
        preactivation: puts norm and activation before each convolution instead, as He et al. (2016b) do. Nothing then
            comes after the sum, and the last block is followed by one more norm and activation.
        window: the size of a filter along every axis, an odd number.
        activation: the activation function.
        dropout: the probability of dropping an input of the dense layer in training, in [0, 1).
        initializer: of all weights, see `jaxnn.initializers`; those of `jax.nn.initializers` serve too.
        output_initializer: of the weights of the dense layer; None takes `initializer`.

    Returns:
        A model with params `{"stem": {"conv": Affine, "norm": …}, "block_1": {"conv_1": …, "norm_1": …, "conv_2": …,
        "norm_2": …}, …, "output": Affine}`; blocks that project have "conv_shortcut" and "norm_shortcut" too. x has
        shape (batch, *image), outputs (batch, classes). With batch norm it has a `train_apply`.

    Raises:
        TypeError: a size is not a whole number, or the activation is not a function.
        ValueError: a size below 1, an even window, a number of blocks for another number of stages, a rate outside
            [0, 1), an unknown norm, an option that the norm does not have, or `norm="group"` with channels from
            `sizes(...)`.

    Example:
        >>> model = resnet((32, 32, 3), channels=(16, 32, 64), blocks=3, classes=10)
        >>> params = model.init(jax.random.key(0))
        >>> params["block_4"]["conv_shortcut"].weight.shape, params["output"].weight.shape
        ((1, 1, 16, 32), (64, 10))
        >>> outputs, params = model.train_apply(params, jnp.zeros((2, 32, 32, 3)), key=jax.random.key(1))
        >>> outputs.shape
        (2, 10)

    References:
        He et al. (2016a), Deep residual learning for image recognition; (2016b), Identity mappings in deep residual
        networks.
    """
    image = check_image("resnet", image)
    widths, counts = check_stages(channels, blocks)
    classes = check_whole("resnet", "classes", classes, least=1)
    if check_whole("resnet", "window", window, least=1) % 2 == 0:
        raise ValueError(f"resnet: window must be odd, not {window}")
    check_rate("resnet", dropout, name="dropout")
    check_activation("resnet", activation)
    chosen = choose_norm("resnet", norm, widths, norm_options)
    plan = tuple(plan_blocks(widths, counts))
    shapes = Shapes(plan, image[-1], classes, (window,) * (len(image) - 1), chosen, preactivation)
    run = _Run(
        tuple(block.keep_sizes() for block in plan), image, window // 2, chosen, preactivation, activation, dropout
    )
    return Model(
        make_hashable(_InitResnet(shapes, initializer, output_initializer or initializer)),
        make_hashable(_ApplyResnet(run)),
        make_hashable(_TrainResnet(run)) if chosen is not None and chosen.train_apply is not None else None,
    )


# The functions of a model are objects, so that models can be pickled, and equal models share compiled programs.
@dataclass(frozen=True)
class _InitResnet:
    shapes: Shapes
    initializer: Initializer
    output_initializer: Initializer

    @property
    def title(self) -> str:
        blocks = self.shapes.blocks
        return f"resnet {join_widths(self.shapes.inputs, *(block.outputs for block in blocks), self.shapes.classes)}"

    def __call__(self, key: Array) -> dict[str, Any]:
        check_key(key)
        shapes, layers = self.shapes, list(self.shapes.list_layers())
        *keys, output_key = jax.random.split(key, len(layers) + 1)
        params: dict[str, Any] = {}
        for (part, name), shape, k in ((*layer, k) for layer, k in zip(layers, keys, strict=True)):
            layer = init_conv(k, *shape, bias=shapes.norm is None, initializer=self.initializer)
            params.setdefault(part, {})[name] = layer
        if shapes.norm is not None:
            for (part, name), channels in shapes.list_norms():
                params.setdefault(part, {})[name] = shapes.norm.init(channels)
        features = shapes.blocks[-1].outputs
        params["output"] = init_dense(output_key, features, shapes.classes, initializer=self.output_initializer)
        return params


class _Run(NamedTuple):
    """The network as a function; `train` is (where,) in training, and None in evaluation."""

    blocks: tuple[Block, ...]
    image: tuple[int, ...]
    padding: int
    norm: Norm | None
    preactivation: bool
    activation: Callable[[Array], Array]
    dropout: ArrayLike

    def __call__(self, params: dict[str, Any], x: Any, key: Array | None, train: Any) -> tuple[Array, dict[str, Any]]:
        """Returns outputs and parameters, those of norms as training leaves them."""
        check_image_size("resnet", x, self.image)
        updated, size = dict(params), self.blocks[0].inputs
        x = conv(params["stem"]["conv"], x, padding=self.padding)
        if not self.preactivation:
            x, updated["stem"] = self._norm_and_activate(params["stem"], "norm", x, size, train)
        run_block = self._run_preactivated if self.preactivation else self._run_classic
        for block in self.blocks:
            x, updated[block.name] = run_block(block, params[block.name], x, train)
        size = self.blocks[-1].outputs
        if self.preactivation:
            x, head = self._norm_and_activate(params.get("head", {}), "norm", x, size, train)
            updated |= {"head": head} if head else {}
        return dense(params["output"], drop_inputs(key, global_avg_pool(x), self.dropout, size)), updated

    def _run_classic(self, block: Block, params: Any, x: Array, train: Any) -> tuple[Array, Any]:
        hidden = conv(params["conv_1"], x, stride=block.stride, padding=self.padding)
        hidden, params = self._norm_and_activate(params, "norm_1", hidden, block.outputs, train)
        hidden = conv(params["conv_2"], hidden, padding=self.padding)
        hidden, params = self._norm(params, "norm_2", hidden, block.outputs, train)
        if "conv_shortcut" in params:
            x = conv(params["conv_shortcut"], x, stride=block.stride)
            x, params = self._norm(params, "norm_shortcut", x, block.outputs, train)
        return mask_size(self.activation(add(hidden, x)), block.outputs), params

    def _run_preactivated(self, block: Block, params: Any, x: Array, train: Any) -> tuple[Array, Any]:
        hidden, params = self._norm_and_activate(params, "norm_1", x, block.inputs, train)
        if "conv_shortcut" in params:
            x = conv(params["conv_shortcut"], hidden, stride=block.stride)
        hidden = conv(params["conv_1"], hidden, stride=block.stride, padding=self.padding)
        hidden, params = self._norm_and_activate(params, "norm_2", hidden, block.outputs, train)
        return add(conv(params["conv_2"], hidden, padding=self.padding), x), params

    def _norm_and_activate(self, params: Any, name: str, x: Array, size: Any, train: Any) -> tuple[Array, Any]:
        x, params = self._norm(params, name, x, size, train)
        return mask_size(self.activation(x), size), params

    def _norm(self, params: Any, name: str, x: Array, size: Any, train: Any) -> tuple[Array, Any]:
        if self.norm is None:
            return x, params
        x, updated = normalize(self.norm, params[name], x, size, train)
        return x, params | {name: updated}


@dataclass(frozen=True)
class _ApplyResnet:
    run: _Run

    def __call__(
        self, params: dict[str, Any], x: Shaped[ArrayLike, "batch *image"], *, key: Array | None = None
    ) -> Array:
        return self.run(params, x, key, None)[0]

    def find_norms_after(self) -> dict[str, str]:
        """Returns the norm that alone takes the outputs of each convolution; others go on to a sum."""
        names = [block.name for block in self.run.blocks]
        if self.run.norm is None:
            return {}
        if self.run.preactivation:
            return {f"{name}.conv_1": f"{name}.norm_2" for name in names}
        inner = {f"{name}.conv_{i}": f"{name}.norm_{i}" for name in names for i in (1, 2, "shortcut")}
        return {"stem.conv": "stem.norm"} | inner


@dataclass(frozen=True)
class _TrainResnet:
    run: _Run

    def __call__(
        self, params: dict[str, Any], x: Any, *, key: Array | None, where: Any = None
    ) -> tuple[Array, dict[str, Any]]:
        return self.run(params, x, key, (where,))
