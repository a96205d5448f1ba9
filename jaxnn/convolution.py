"""Convolution and pooling: one idea, to look at an array through a small window in every place.

All shifts of the array under the window are stacked; `conv` multiplies the stack by the weights (one matrix product; on
CPUs two places at a time where that is faster, see `_winograd.py`), `max_pool` takes its maximum, `mean_pool` its mean.
Arrays are batch first, `(batch, *space, channels)` with one to three axes of space; the bodies (`_conv`, …) are written
batch last, see `_batch_last.py`.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from jaxnn._checks.arrays import check_bias, check_each_whole, check_shape, check_whole
from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.matmul import product
from jaxnn._kernels.platform import chosen, stored
from jaxnn._kernels.tiling import CACHE, by_tiles
from jaxnn._kernels.windows import Windows, first_maximum, slide, stack_windows
from jaxnn._kernels.winograd import axis_of_pairs, in_pairs
from jaxnn.initializers import Initializer, he_normal
from jaxnn.layers import Affine, init_affine

_AXES = ("length", "height width", "depth height width")

# Bytes of windows up to which pairs of places go together: in tiles they take 1.1 to 1.3 times as long, whatever the
# size (75 and 300 MB of windows, two x86 cores). Together they make arrays of twice as many bytes, forward and
# backward, and a network of large images should not run out of memory.
_WHOLE = 256 * 2**20
# Bytes of images that are turned as often as they are looked at: half of a first-level cache of 32 KiB.
_NEAR = 2**14


def init_conv(
    key: Array,
    inputs: int,
    outputs: int,
    window: int | Sequence[int],
    *,
    initializer: Initializer = he_normal,
) -> Affine:
    """Weights from `initializer(key, (*window, inputs, outputs))`, biases 0.

    Args:
        key: a `jax.random.key`.
        inputs: channels of the input.
        outputs: channels of the result: the number of filters.
        window: the size of a filter for each spatial axis; a single number is a square window of two axes.
        initializer: see `jaxnn.initializers`.

    Example:
        >>> init_conv(jax.random.key(0), 1, 8, 3).weight.shape
        (3, 3, 1, 8)
        >>> init_conv(jax.random.key(0), 2, 4, (5,)).weight.shape
        (5, 2, 4)
    """
    sizes = check_each_whole("init_conv", "window", (window, window) if isinstance(window, int) else window, least=1)
    if not 1 <= len(sizes) <= 3:
        raise ValueError(f"init_conv: window must have 1, 2 or 3 axes, not {len(sizes)}: {window}")
    channels = (
        check_whole("init_conv", "inputs", inputs, least=1),
        check_whole("init_conv", "outputs", outputs, least=1),
    )
    return init_affine(key, (*sizes, *channels), initializer)


def conv(
    params: Affine,
    x: Float[ArrayLike, "batch *space inputs"],
    *,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = "valid",
    dilation: int | Sequence[int] = 1,
) -> Float[Array, "batch *places outputs"]:
    """The dot product of every window of x with every filter, plus bias: convolution without flipping.

    Args:
        params: weight (*window, inputs, outputs), bias (outputs,); the number of axes of `window` is that of the space.
        x: shape (batch, length, inputs), (batch, height, width, inputs) or (batch, depth, height, width, inputs).
        stride: how far the window moves; one number, or one for each axis.
        padding: zeros around x: "valid" none, "same" so that `ceil(size / stride)` places remain, or a number of
            them on both sides.
        dilation: how far apart the cells of a window lie.

    Returns:
        Shape (batch, *places, outputs); along each axis there are
        `floor((size + padding - dilation · (window - 1) - 1) / stride) + 1` places.

    Raises:
        ValueError: wrong number of axes or channels, an unknown padding, or a window larger than the padded input.

    Example:
        >>> diagonal = Affine(weight=jnp.eye(3).reshape(3, 3, 1, 1), bias=jnp.array([-2.0]))
        >>> conv(diagonal, jnp.eye(4).reshape(1, 4, 4, 1))[0, :, :, 0]
        Array([[ 1., -2.],
               [-2.,  1.]], dtype=float32)

    References:
        LeCun et al. (1989), Backpropagation applied to handwritten zip code recognition.
    """
    shape = jnp.shape(params.weight)
    if not 3 <= len(shape) <= 5:
        raise ValueError(f"conv: weight must be (*window, inputs, outputs) with 1 to 3 window axes, not {shape}")
    *size, channels = check_shape("conv", "x", x, f"batch {_AXES[len(shape) - 3]} channels")[1:]
    if channels != shape[-2]:
        raise ValueError(f"conv: x {jnp.shape(x)} has {channels} channels, but weight {shape} takes {shape[-2]}")
    check_bias("conv", params)
    windows = Windows.of("conv", size, shape[:-2], stride=stride, padding=padding, dilation=dilation)
    return _conv(x, params=params, windows=windows)


@batch_last
def _conv(x, *, params, windows):
    weight = params.weight
    inputs, outputs = weight.shape[-2:]
    cells = math.prod(windows.size) * inputs
    # Windows that are no larger than the outputs are not worth a pass of their own.
    size = cells * math.prod(windows.places) * x.dtype.itemsize if cells > outputs else 0
    multiply = functools.partial(_multiply, windows=windows)
    axis = axis_of_pairs(windows, inputs, outputs)
    if axis is None:
        convolved = by_tiles(multiply, weight, _turned_once(x), size=size)
    else:
        pairs = functools.partial(in_pairs, _multiply, windows=windows, axis=axis)
        either = chosen(cpu=pairs, default=multiply, keep=x.shape[-1] * size <= CACHE)
        convolved = by_tiles(either, weight, x, size=size, whole=_WHOLE)
    return convolved + jnp.expand_dims(params.bias, tuple(range(1, x.ndim)))


def _turned_once(x: Array) -> Array:
    """x, and its gradient, as arrays of their own on CPUs.

    Images often come batch first, and each of the shifts would turn them for itself, as the sum of the gradients would
    be turned on its way. Steps of a CNN of 8 and 16 filters on 64 images take 0.65 of the time with 32×32×3, 0.8 with
    32×32×1 and the same with 28×28×1; a layer between others takes 0.86 to 1.02.
    """
    if x.size * x.dtype.itemsize <= _NEAR:
        return x
    return jax.lax.platform_dependent(x, cpu=stored, default=lambda x: x)


def _multiply(weight: Any, x: Array, windows: Windows) -> Array:
    stacked, outputs = stack_windows(x, windows), weight.shape[-1]
    # One explicit 2-D matrix product: 1.2 times faster than a contraction that XLA has to lay out itself.
    multiplied = product(weight.reshape(-1, outputs), stacked.reshape(stacked.shape[0], -1))
    return multiplied.reshape(outputs, *stacked.shape[1:])


def max_pool(
    x: Float[ArrayLike, "batch *space channels"],
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
) -> Float[Array, "batch *places channels"]:
    """The largest value in each window, for each channel apart; the gradient goes to the first of equals.

    Args:
        x: shape (batch, *space, channels), one to three axes of space.
        window: its size; one number, or one for each axis.
        stride: how far it moves; by default the window's size, so that windows do not overlap.

    Returns:
        Shape (batch, *places, channels), `floor((size - window) / stride) + 1` places an axis: what is left over at the
        end of an axis is not looked at.

    Raises:
        ValueError: no batch or channel axis, or a window larger than x.

    Example:
        >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
        Array([[ 5.,  7.],
               [13., 15.]], dtype=float32)
    """
    return _max_pool(x, windows=_pooling_windows("max_pool", x, window, stride))


@batch_last
def _max_pool(x, *, windows):
    return _reduce_windows(first_maximum, x, windows)


def mean_pool(
    x: Float[ArrayLike, "batch *space channels"],
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
) -> Float[Array, "batch *places channels"]:
    """The mean of each window, for each channel apart.

    Args, Returns, Raises: as `max_pool`.

    Example:
        >>> mean_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
        Array([[ 2.5,  4.5],
               [10.5, 12.5]], dtype=float32)
    """
    return _mean_pool(x, windows=_pooling_windows("mean_pool", x, window, stride))


@batch_last
def _mean_pool(x, *, windows):
    return _reduce_windows(jnp.add, x, windows) / math.prod(windows.size)


def _pooling_windows(
    where: str, x: ArrayLike, window: int | Sequence[int], stride: int | Sequence[int] | None
) -> Windows:
    size = jnp.shape(x)[1:-1]
    if not 1 <= len(size) <= 3:
        raise ValueError(f"{where}: x must be (batch, *space, channels) with 1 to 3 axes of space, not {jnp.shape(x)}")
    return Windows.of(where, size, window, stride=window if stride is None else stride)


def _reduce_windows(combine: Callable[[Array, Array], Array], x: Array, windows: Windows) -> Array:
    # One axis at a time, 1.4 times faster than all shifts at once; last axis first, so that ties go in row order.
    for axis in reversed(range(len(windows.size))):
        x = functools.reduce(combine, slide(x, windows, axis))
    return x
