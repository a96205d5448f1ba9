"""Windows of three cells, two neighbouring places at a time: four products where one by one takes six.

A filter (g0, g1, g2) over the cells d0 … d3 is d0·g0 + d1·g1 + d2·g2 in one place and d1·g0 + d2·g1 + d3·g2 in the
next. Of the four products

    m0 = (d0 - d2) · g0                   m1 = (d1 + d2) · (g0 + g1 + g2) / 2
    m3 = (d1 - d3) · g2                   m2 = (d2 - d1) · (g0 - g1 + g2) / 2

these are m0 + m1 + m2 and m1 - m2 - m3: exact for whole numbers, and else rounded about as often as the six. Along one
axis of space this takes two thirds of the multiplications and of the windows; along two, or for four places at once,
fewer still, but more passes over the arrays, as much time, and twice the compilation.

References:
    Winograd (1980), Arithmetic complexity of computations; Lavin and Gray (2016), Fast algorithms for convolutional
    neural networks.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._kernels.matmul import FEW
from jaxnn._kernels.platform import stored
from jaxnn._kernels.windows import Windows

# Multiplications for an example. Measured on two x86 cores, forward and backward, 32 to 256 filters: 0.65 to 0.9 of the
# time. Compilation takes 1 to 3 s more, which a million multiplications repay in about a thousand steps of 64, while a
# CNN of 16 and 32 filters on 8×8 digits (74 thousand) is done before. The batch does not count: a layer adds up in the
# same order when it trains and when it is judged. Of few channels the windows are no burden.
_MANY = 2**20
# Products for each of those one by one, at most: an odd number of places has one more to pay for.
_SHARE = 0.8

Convolve = Callable[[Array, Array, Windows], Array]


def axis_of_pairs(windows: Windows, inputs: int, outputs: int) -> int | None:
    """The axis of space along which pairs of places save the most; None if they would not pay for themselves."""
    shares = {
        axis: 4 * _pairs(windows.places[axis]) / (3 * windows.places[axis])
        for axis, cell in enumerate(zip(windows.size, windows.stride, windows.dilation, strict=True))
        if cell == (3, 1, 1)
    }
    axis = min(shares, key=shares.__getitem__, default=None)
    multiplications = math.prod(windows.size) * math.prod(windows.places) * inputs * outputs
    if axis is None or shares[axis] > _SHARE or inputs <= FEW or multiplications < _MANY:
        return None
    return axis


def in_pairs(convolve: Convolve, weight: Array, x: Array, windows: Windows, axis: int) -> Array:
    """`convolve(weight, x, windows)` from four convolutions with windows of one cell along this axis.

    Args:
        convolve: linear in weight and in x.
        weight: shape (*window, inputs, outputs).
        x: batch last, shape (inputs, *space, batch).
        windows: three cells along the axis, side by side, that move by one.
        axis: an axis of space.

    Returns:
        Shape (outputs, *places, batch).
    """
    places, along = windows.places[axis], axis + 1
    pairs = _pairs(places)
    before, after = windows.padding[axis]
    edges = ((0, 0), *_put(windows.padding, axis, (before, after + 2 * pairs - places)), (0, 0))
    padded = jnp.pad(_added_up(x), edges)
    halves = padded.reshape(*padded.shape[:along], pairs + 1, 2, *padded.shape[along + 1 :])
    # Split, not indexed: that has two halves put together as its derivative, not two whole arrays of many zeros added.
    even, odd = (half.squeeze(along + 1) for half in jax.lax.split(halves, (1, 1), axis=along + 1))
    d0, d1, d2, d3 = (
        jax.lax.slice_in_dim(half, first, first + pairs, axis=along) for first in (0, 1) for half in (even, odd)
    )
    g0, g1, g2 = (jax.lax.slice_in_dim(weight, cell, cell + 1, axis=axis) for cell in range(3))
    single = windows._replace(
        size=_put(windows.size, axis, 1),
        padding=((0, 0),) * len(windows.padding),
        places=_put(windows.places, axis, pairs),
    )
    m0 = convolve(g0, d0 - d2, single)
    m1 = convolve((g0 + g1 + g2) / 2, d1 + d2, single)
    m2 = convolve((g0 - g1 + g2) / 2, d2 - d1, single)
    m3 = convolve(g2, d1 - d3, single)
    both = jnp.stack([m0 + m1 + m2, m1 - m2 - m3], axis=along + 1)
    side_by_side = both.reshape(*both.shape[:along], 2 * pairs, *both.shape[along + 2 :])
    return jax.lax.slice_in_dim(side_by_side, 0, places, axis=along)


def _pairs(places: int) -> int:
    return (places + 1) // 2


def _put(values: tuple, axis: int, value: object) -> tuple:
    return (*values[:axis], value, *values[axis + 1 :])


@jax.custom_jvp
def _added_up(x: Array) -> Array:
    """x, whose gradient is added up from all windows before it goes on.

    XLA would else add it up on the way into whatever comes next: of 64 images of 32×32×32 that are turned to be batch
    first, in 137 ms instead of 9. It does not look into a loop.
    """
    return x


@_added_up.defjvp
def _added_up_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    return x, stored(x_dot)
