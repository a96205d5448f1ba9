"""Winograd convolution F(2, 3): windows of three cells at two neighbouring positions, in four products rather than six.

A filter (g0, g1, g2) over the cells d0 … d3 gives d0·g0 + d1·g1 + d2·g2 at one position, and d1·g0 + d2·g1 + d3·g2 at
the next. With the four products

    m0 = (d0 - d2) · g0                   m1 = (d1 + d2) · (g0 + g1 + g2) / 2
    m3 = (d1 - d3) · g2                   m2 = (d2 - d1) · (g0 - g1 + g2) / 2

the two are m0 + m1 + m2 and m1 - m2 - m3. This is exact for whole numbers; otherwise it rounds about as often as six
products do. Along one spatial axis it takes two thirds of the multiplications and of the windows. Two axes, or four
positions at once, need fewer still. But they need more passes over the arrays, save no more time, and take twice as
long to compile.

References:
    Winograd (1980), Arithmetic complexity of computations; Lavin and Gray (2016), Fast algorithms for convolutional
    neural networks.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._kernels.platform import materialize
from jaxnn._kernels.windows import Windows

# The least number of multiplications for an example. Measured on two x86 cores, forward and backward, 32 to 256
# filters: pairs take 10 to 35 % less time. Compilation takes 1 to 3 s more. With a million multiplications, about a
# thousand steps of 64 examples make up for it. A CNN of 16 and 32 filters on 8×8 digits (74 thousand) has finished its
# training by then. The batch size does not count: a layer must sum in the same order in training and in evaluation.
_MIN_MULTIPLICATIONS = 2**20
# The least number of input channels: with fewer, computing the windows takes little time.
_MIN_INPUTS = 5
# The largest acceptable number of products relative to a plain convolution. An odd number of positions needs one more.
_MAX_PRODUCT_RATIO = 0.8

Convolve = Callable[[Array, Array, Windows], Array]


def choose_pair_axis(windows: Windows, inputs: int, outputs: int) -> int | None:
    """Returns the spatial axis along which pairs of positions save most, or None if a plain convolution is faster."""
    ratios = {
        axis: 4 * _count_pairs(windows.positions[axis]) / (3 * windows.positions[axis])
        for axis, options in enumerate(zip(windows.size, windows.stride, windows.dilation, strict=True))
        if options == (3, 1, 1)
    }
    axis = min(ratios, key=ratios.__getitem__, default=None)
    multiplications = math.prod(windows.size) * math.prod(windows.positions) * inputs * outputs
    if axis is None or ratios[axis] > _MAX_PRODUCT_RATIO:
        return None
    return None if inputs < _MIN_INPUTS or multiplications < _MIN_MULTIPLICATIONS else axis


def convolve_pairs(convolve: Convolve, weight: Array, x: Array, windows: Windows, axis: int) -> Array:
    """Returns `convolve(weight, x, windows)`, computed by four convolutions with windows of one cell along `axis`.

    Args:
        convolve: linear in weight and in x.
        weight: shape (*window, inputs, outputs).
        x: batch last, shape (inputs, *space, batch).
        windows: of size 3, stride 1 and dilation 1 along `axis`.
        axis: a spatial axis.

    Returns:
        Shape (outputs, *positions, batch).
    """
    positions, array_axis = windows.positions[axis], axis + 1
    pairs = _count_pairs(positions)
    before, after = windows.padding[axis]
    pads = ((0, 0), *_replace_at(windows.padding, axis, (before, after + 2 * pairs - positions)), (0, 0))
    padded = jnp.pad(_materialize_gradient(x), pads)
    halves = padded.reshape(*padded.shape[:array_axis], pairs + 1, 2, *padded.shape[array_axis + 1 :])
    # Split rather than indexed: the gradient of a split concatenates two halves, that of two indexings adds two whole
    # arrays that are half zeros.
    even, odd = (jax.lax.squeeze(half, [array_axis + 1]) for half in jax.lax.split(halves, (1, 1), axis=array_axis + 1))
    d0, d1, d2, d3 = (
        jax.lax.slice_in_dim(half, first, first + pairs, axis=array_axis) for first in (0, 1) for half in (even, odd)
    )
    g0, g1, g2 = (jax.lax.slice_in_dim(weight, cell, cell + 1, axis=axis) for cell in range(3))
    single = windows._replace(
        size=_replace_at(windows.size, axis, 1),
        padding=((0, 0),) * len(windows.padding),
        positions=_replace_at(windows.positions, axis, pairs),
    )
    m0 = convolve(g0, d0 - d2, single)
    m1 = convolve((g0 + g1 + g2) / 2, d1 + d2, single)
    m2 = convolve((g0 - g1 + g2) / 2, d2 - d1, single)
    m3 = convolve(g2, d1 - d3, single)
    both = jnp.stack([m0 + m1 + m2, m1 - m2 - m3], axis=array_axis + 1)
    interleaved = both.reshape(*both.shape[:array_axis], 2 * pairs, *both.shape[array_axis + 2 :])
    return jax.lax.slice_in_dim(interleaved, 0, positions, axis=array_axis)


def _count_pairs(positions: int) -> int:
    return (positions + 1) // 2


def _replace_at(values: tuple, index: int, value: object) -> tuple:
    return (*values[:index], value, *values[index + 1 :])


@jax.custom_jvp
def _materialize_gradient(x: Array) -> Array:
    """Returns x, with a gradient that is summed over all windows and stored before it is used.

    XLA would otherwise fuse that sum with the operations that follow. For 64 images of 32×32×32, transposed to batch
    first afterwards, the fused sum takes 137 ms instead of 9 ms. XLA does not fuse across the loop of `materialize`.
    """
    return x


@_materialize_gradient.defjvp
def _materialize_gradient_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    return x, materialize(x_dot)
