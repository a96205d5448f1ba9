"""Convolution and pooling: operations on a small window of an array, at every position.

`conv` stacks all shifts of the array under the window, and multiplies the stack by the weights in one matrix product.
On CPUs it computes two positions at a time where that is faster, see `_kernels/winograd.py`. `max_pool` takes the
maximum over the window, and `avg_pool` the mean. Arrays are batch first, `(batch, *space, channels)`, with one to three
spatial axes. The private bodies (`_conv`, …) are written batch last, see `_kernels/batch_last.py`.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_bias, check_each_whole, check_shape, check_whole
from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.groups import convolve_depthwise, convolve_groups
from jaxnn._kernels.matmul import matmul
from jaxnn._kernels.platform import choose_platform, materialize, select_platform
from jaxnn._kernels.tiling import CACHE_BYTES, is_known, map_tiles
from jaxnn._kernels.windows import Windows, stack_windows
from jaxnn._kernels.winograd import choose_pair_axis, convolve_pairs
from jaxnn.initializers import Initializer, he_normal
from jaxnn.layers.dense import Affine, init_affine
from jaxnn.units import Size, check_size

_AXES = ("length", "height width", "depth height width")

# Bytes of windows up to which the pairs of positions of all examples are computed without tiles. With tiles they take
# 1.1 to 1.3 times longer at any size (75 and 300 MB of windows, two x86 cores). Without tiles they need arrays of twice
# these bytes, forward and backward. The limit keeps networks for large images from running out of memory.
_UNTILED_PAIRS_BYTES = 256 * 2**20
# Bytes of images up to which they are not stored transposed: half of a first-level cache of 32 KiB.
_SMALL_IMAGES_BYTES = 2**14


def init_conv(
    key: Array,
    inputs: int | Size,
    outputs: int | Size,
    window: int | Sequence[int],
    *,
    groups: int = 1,
    bias: bool = True,
    initializer: Initializer = he_normal,
) -> Affine:
    """Makes the parameters of `conv`: weights from `initializer(key, (*window, inputs, outputs))`, biases 0.

    Args:
        key: a `jax.random.key`.
        inputs: the number of channels of the input; may be what `make_recipe` gets for `sizes(...)`.
        outputs: the number of channels of the output, which is the number of filters; the same holds for it.
        window: the size of a filter along each spatial axis; a single number is a square window of two axes.
        groups: as in `conv`; it divides inputs and outputs, which are then whole numbers.
        bias: False leaves the biases out, as before a norm that has its own.
        initializer: see `jaxnn.initializers`.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, or a size is not a whole number.
        ValueError: a size is below 1, the window has more than three axes, or groups do not divide the channels.

    Example:
        >>> init_conv(jax.random.key(0), 1, 8, 3).weight.shape
        (3, 3, 1, 8)
        >>> init_conv(jax.random.key(0), 2, 4, (5,)).weight.shape
        (5, 2, 4)
        >>> init_conv(jax.random.key(0), 8, 16, 3, groups=8).weight.shape  # depthwise
        (3, 3, 1, 16)
    """
    sizes = check_each_whole("init_conv", "window", (window, window) if isinstance(window, int) else window, least=1)
    if not 1 <= len(sizes) <= 3:
        raise ValueError(f"init_conv: window must have 1, 2 or 3 axes, not {len(sizes)}: {window}")
    inputs, outputs = check_size("init_conv", "inputs", inputs), check_size("init_conv", "outputs", outputs)
    groups = check_whole("init_conv", "groups", groups, least=1)
    if groups > 1:
        if isinstance(inputs, Size) or isinstance(outputs, Size):
            raise ValueError("init_conv: groups cannot divide a traced size; make it a choice")
        if inputs % groups or outputs % groups:
            raise ValueError(f"init_conv: groups must divide inputs {inputs} and outputs {outputs}, not {groups}")
        inputs //= groups
    return init_affine(key, (*sizes, inputs, outputs), initializer, bias)


def conv(
    params: Affine,
    x: Shaped[ArrayLike, "batch *space inputs"],
    *,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Float[Array, "batch *positions outputs"]:
    """Σ window · filter + bias, for every window of x and every filter: convolution without flipping.

    Args:
        params: weight (*window, inputs / groups, outputs), bias (outputs,) or None; `window` has one axis for each
            spatial axis of x.
        x: shape (batch, length, inputs), (batch, height, width, inputs) or (batch, depth, height, width, inputs).
        stride: the distance between neighbouring windows; one number, or one for each axis.
        padding: zeros around x. "valid" adds none, and "same" pads to `ceil(size / stride)` positions. A number, or one
            for each axis, is the number of zeros on both sides.
        dilation: the distance between neighbouring cells of a window; one number, or one for each axis.
        groups: the number of groups into which inputs and outputs are divided, in order. Each group of outputs sees its
            group of inputs alone. As many groups as inputs is a depthwise convolution.

    Returns:
        Shape (batch, *positions, outputs); along each axis the number of positions is
        `floor((size + padding - dilation · (window - 1) - 1) / stride) + 1`, with `padding` the sum of both sides.

    Raises:
        TypeError: x is not an array, or an option is not a whole number.
        ValueError: a wrong number of axes or channels, an unknown padding, a window larger than the padded input, or
            groups that do not divide the outputs.

    Example:
        >>> diagonal = Affine(weight=jnp.eye(3).reshape(3, 3, 1, 1), bias=jnp.array([-2.0]))
        >>> conv(diagonal, jnp.eye(4).reshape(1, 4, 4, 1))[0, :, :, 0]
        Array([[ 1., -2.],
               [-2.,  1.]], dtype=float32)

    References:
        LeCun et al. (1989), Backpropagation applied to handwritten zip code recognition.
    """
    groups = check_whole("conv", "groups", groups, least=1)
    space, shape = check_channels("conv", params, x, groups), jnp.shape(params.weight)
    if shape[-1] % groups:
        raise ValueError(f"conv: groups must divide the outputs of weight {shape}, not {groups}")
    check_bias("conv", params)
    windows = Windows.of("conv", space, shape[:-2], stride=stride, padding=padding, dilation=dilation)
    return _conv(x, params=params, windows=windows, groups=groups)


def check_channels(caller: str, params: Any, x: ArrayLike, groups: int = 1) -> tuple[int, ...]:
    """Checks that x has the axes and channels that the weight of a convolution takes; returns its spatial sizes."""
    shape = jnp.shape(params.weight)
    if not 3 <= len(shape) <= 5:
        raise ValueError(f"{caller}: weight must be (*window, inputs, outputs) with 1 to 3 window axes, not {shape}")
    *space, channels = check_shape(caller, "x", x, f"batch {_AXES[len(shape) - 3]} channels")[1:]
    if channels != groups * shape[-2]:
        takes = f"{shape[-2]}" if groups == 1 else f"{shape[-2]} in each of {groups} groups"
        raise ValueError(f"{caller}: x {jnp.shape(x)} has {channels} channels, but weight {shape} takes {takes}")
    return tuple(space)


@batch_last
@functools.partial(jax.jit, static_argnames=("windows", "groups"))
def _conv(x, *, params, windows, groups):
    if groups == 1:
        convolved = _convolve(params.weight, x, windows)
    elif params.weight.shape[-2] == 1:
        convolved = convolve_depthwise(params.weight, _materialize_images(x), windows)
    else:
        convolve = functools.partial(_convolve, windows=windows, groups=groups)
        convolved = convolve_groups(convolve, params.weight, x, groups)
    return convolved if params.bias is None else convolved + jnp.expand_dims(params.bias, tuple(range(1, x.ndim)))


def _convolve(weight: Array, x: Array, windows: Windows, groups: int = 1) -> Array:
    """Convolves one group; tiles are chosen for all `groups`, which are computed together."""
    inputs, outputs = weight.shape[-2:]
    cells = math.prod(windows.size) * inputs
    # Windows that are no larger than the outputs are not worth tiles.
    example_bytes = groups * cells * math.prod(windows.positions) * x.dtype.itemsize if cells > outputs else 0
    multiply = functools.partial(_multiply, windows=windows)
    axis = choose_pair_axis(windows, inputs, outputs)
    if axis is None:
        return map_tiles(multiply, weight, _materialize_images(x), example_bytes=example_bytes)
    # The four convolutions of the pairs have the same shapes, and are traced once.
    convolve = jax.jit(_multiply, static_argnames="windows")
    pairs = functools.partial(convolve_pairs, convolve, windows=windows, axis=axis)
    fits_cache = is_known(x.shape[-1]) and x.shape[-1] * example_bytes <= CACHE_BYTES
    either = select_platform(cpu=pairs, default=multiply, allow_cse=fits_cache)
    return map_tiles(either, weight, x, example_bytes=example_bytes, untiled_bytes=_UNTILED_PAIRS_BYTES)


def _materialize_images(x: Array) -> Array:
    """Stores x, and its gradient, once in batch-last layout on CPUs.

    Images often arrive batch first. Each shift would then transpose them again, and the sum of the gradients would be
    transposed as it is computed. Steps of a CNN of 8 and 16 filters on 64 images take 35 % less time with 32×32×3, and
    20 % less with 32×32×1. With 28×28×1 they take the same time. A layer between others takes 14 % less to 2 % more.
    """
    if is_known(x.shape[-1]) and x.size * x.dtype.itemsize <= _SMALL_IMAGES_BYTES:
        return x
    return choose_platform(x, cpu=materialize, default=lambda x: x)


def _multiply(weight: Any, x: Array, windows: Windows) -> Array:
    stacked, outputs = stack_windows(x, windows), weight.shape[-1]
    # One explicit 2-D matrix product is 1.2 times faster than a contraction whose layout is left to XLA.
    multiplied = matmul(weight.reshape(-1, outputs), stacked.reshape(stacked.shape[0], -1))
    return multiplied.reshape(outputs, *stacked.shape[1:])
