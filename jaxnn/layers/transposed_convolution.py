"""Transposed convolution: from few positions to many, as in the decoder of an autoencoder.

Every position of the input adds its filters, times its values, to a window of the output. That is what the gradient of
a convolution does, and it is computed likewise: one matrix product, whose parts are then added up at their places.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_bias
from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.matmul import matmul
from jaxnn._kernels.tiling import map_tiles
from jaxnn._kernels.windows import Windows, expand_to_axes, stack_windows
from jaxnn.initializers import Initializer, he_normal
from jaxnn.layers.convolution import check_channels, init_conv
from jaxnn.layers.dense import Affine
from jaxnn.units import Size


class ConvTransposeParams(NamedTuple):
    """The parameters of `conv_transpose`, by which files of PyTorch's weights are read as its own.

    Attributes:
        weight: shape (*window, inputs, outputs).
        bias: shape (outputs,), or None.
    """

    weight: Float[Array, "*window inputs outputs"]
    bias: Float[Array, "outputs"] | Any


def init_conv_transpose(
    key: Array,
    inputs: int | Size,
    outputs: int | Size,
    window: int | Sequence[int],
    *,
    bias: bool = True,
    initializer: Initializer = he_normal,
) -> ConvTransposeParams:
    """Draws the weights of a transposed convolution; biases are 0.

    Args and Raises are those of `init_conv`.

    Example:
        >>> init_conv_transpose(jax.random.key(0), 16, 8, 3).weight.shape
        (3, 3, 16, 8)
    """
    return ConvTransposeParams(*init_conv(key, inputs, outputs, window, bias=bias, initializer=initializer))


def conv_transpose(
    params: ConvTransposeParams | Affine,
    x: Shaped[ArrayLike, "batch *space inputs"],
    *,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = "valid",
) -> Float[Array, "batch *positions outputs"]:
    """Spreads every position of x over a window of the output, `stride` apart, and adds up: the transpose of `conv`.

    It equals `jax.lax.conv_transpose` and the `ConvTranspose` of Flax, whose weights fit as they are: it convolves x,
    with stride - 1 zeros between its cells. PyTorch's `ConvTranspose2d` turns its filters around: its weight fits as
    `weight.transpose(2, 3, 0, 1)[::-1, ::-1]`, which `load_safetensors(layout="torch")` does, and one of Flax with
    `transpose_kernel=True` as `weight.swapaxes(2, 3)[::-1, ::-1]`.

    Args:
        params: weight (*window, inputs, outputs) and bias (outputs,) or None, as `init_conv_transpose` makes them.
        x: shape (batch, *space, inputs), with one to three spatial axes.
        stride: the distance between the windows of neighbouring positions; one number, or one for each axis.
        padding: what is cut off. "same" gives `size · stride` positions, and "valid" cuts nothing off. A number, or one
            for each axis, is the number of cells that are cut off on both sides, as in PyTorch.

    Returns:
        Shape (batch, *positions, outputs). With a number, there are `(size - 1) · stride + window - 2 · padding`
        positions along each axis. With "valid" there are as many as with 0, or `size · stride` if that is more.

    Raises:
        TypeError: x is not an array, or an option is not a whole number.
        ValueError: a wrong number of axes or channels, or a padding that is unknown or cuts off everything.

    Example:
        >>> params = ConvTransposeParams(weight=jnp.array([1.0, 10.0]).reshape(2, 1, 1), bias=jnp.array([0.5]))
        >>> conv_transpose(params, jnp.array([1.0, 2.0]).reshape(1, 2, 1), stride=2)[0, :, 0]
        Array([10.5,  1.5, 20.5,  2.5], dtype=float32)

    References:
        Zeiler et al. (2010), Deconvolutional networks; Dumoulin and Visin (2016), A guide to convolution arithmetic.
    """
    space = check_channels("conv_transpose", params, x)
    check_bias("conv_transpose", params)
    window = jnp.shape(params.weight)[:-2]
    output, windows = _place_windows(space, window, stride, padding)
    return _conv_transpose(x, params=params, output=output, windows=windows)


@batch_last
@functools.partial(jax.jit, static_argnames=("output", "windows"))
def _conv_transpose(x, *, params, output, windows):
    outputs = params.weight.shape[-1]
    spread = functools.partial(_spread, output=output, windows=windows)
    example_bytes = math.prod((*windows.size, outputs, *windows.positions)) * x.dtype.itemsize
    image = map_tiles(spread, params.weight, x, example_bytes=example_bytes)
    return image if params.bias is None else image + jnp.expand_dims(params.bias, tuple(range(1, x.ndim)))


def _spread(weight: Array, x: Array, output: tuple[int, ...], windows: Windows) -> Array:
    inputs, outputs = weight.shape[-2:]
    # As in `jax.lax.conv_transpose`, the first cell of a filter is that of the last cell of the window.
    flipped = jnp.flip(weight, tuple(range(len(output))))
    by_cell = jnp.moveaxis(flipped, -2, 0).reshape(inputs, -1)
    products = matmul(by_cell, x.reshape(inputs, -1)).reshape(-1, *x.shape[1:])
    outputs_shape = jax.ShapeDtypeStruct((outputs, *output, x.shape[-1]), x.dtype)
    return jax.linear_transpose(functools.partial(stack_windows, windows=windows), outputs_shape)(products)[0]


def _place_windows(
    space: tuple[int, ...],
    size: tuple[int, ...],
    stride: int | Sequence[int],
    padding: str | int | Sequence[int],
) -> tuple[tuple[int, ...], Windows]:
    """Returns the size of the output, and the windows over it, one for each position of x."""
    axes = len(space)
    strides = expand_to_axes("conv_transpose", "stride", stride, axes, least=1)
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            words = f'padding must be "valid", "same" or a whole number, not {padding!r}'
            raise ValueError(f"conv_transpose: {words}")
        cut = [_cut_before(w, s) if padding == "same" else 0 for w, s in zip(size, strides, strict=True)]
        excess = [0 if padding == "same" else max(w - s, 0) for w, s in zip(size, strides, strict=True)]
        output = tuple(n * s + e for n, s, e in zip(space, strides, excess, strict=True))
    else:
        cut = expand_to_axes("conv_transpose", "padding", padding, axes, least=0)
        reach = [(n - 1) * s + w for n, s, w in zip(space, strides, size, strict=True)]
        output = tuple(r - 2 * c for r, c in zip(reach, cut, strict=True))
        if min(output) < 1:
            raise ValueError(f"conv_transpose: padding {padding} cuts off all of the {tuple(reach)} positions")
    after = [max((n - 1) * s + w - m - c, 0) for n, s, w, m, c in zip(space, strides, size, output, cut, strict=True)]
    return output, Windows(size, strides, (1,) * axes, tuple(zip(cut, after, strict=True)), space)


def _cut_before(window: int, stride: int) -> int:
    """Returns how many cells "same" cuts off at the start, as `jax.lax.conv_transpose` does."""
    return 0 if stride > window - 1 else window - 1 - math.ceil((window + stride - 2) / 2)
