"""Pooling: the maximum or the mean over a window, at every position."""

import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.dtypes import choose_float
from jaxnn._kernels.windows import Windows, first_maximum, slice_shifts


def max_pool(
    x: Shaped[ArrayLike, "batch *space channels"],
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
) -> Float[Array, "batch *positions channels"]:
    """Returns the largest value in each window and channel; the gradient goes to the first of equal values.

    Args:
        x: shape (batch, *space, channels), with one to three spatial axes.
        window: the size of a window; one number, or one for each axis.
        stride: the distance between neighbouring windows; by default the window's size, so that windows do not overlap.

    Returns:
        Shape (batch, *positions, channels); along each axis there are `floor((size - window) / stride) + 1` positions.
        Cells that are left over at the end of an axis are ignored.

    Raises:
        TypeError: a size is not a whole number.
        ValueError: not one to three spatial axes, a size below 1, or a window larger than x.

    Example:
        >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
        Array([[ 5.,  7.],
               [13., 15.]], dtype=float32)
    """
    return _max_pool(x, windows=_make_pooling_windows("max_pool", x, window, stride))


@batch_last
@functools.partial(jax.jit, static_argnames="windows")
def _max_pool(x, *, windows):
    return _reduce_windows(first_maximum, x, windows)


def avg_pool(
    x: Shaped[ArrayLike, "batch *space channels"],
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
) -> Float[Array, "batch *positions channels"]:
    """Returns the mean of each window and channel.

    Args, Returns and Raises are those of `max_pool`.

    Example:
        >>> avg_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
        Array([[ 2.5,  4.5],
               [10.5, 12.5]], dtype=float32)
    """
    return _avg_pool(x, windows=_make_pooling_windows("avg_pool", x, window, stride)).astype(choose_float(x))


# In half precision a sum of four values can overflow.
@functools.partial(batch_last, least=jnp.float32)
def _avg_pool(x, *, windows):
    return _reduce_windows(jnp.add, x, windows) / math.prod(windows.size)


def _make_pooling_windows(
    caller: str, x: ArrayLike, window: int | Sequence[int], stride: int | Sequence[int] | None
) -> Windows:
    size = jnp.shape(x)[1:-1]
    if not 1 <= len(size) <= 3:
        raise ValueError(f"{caller}: x must be (batch, *space, channels) with 1 to 3 spatial axes, not {jnp.shape(x)}")
    return Windows.of(caller, size, window, stride=window if stride is None else stride)


def _reduce_windows(combine: Callable[[Array, Array], Array], x: Array, windows: Windows) -> Array:
    # One axis at a time is 1.4 times faster than all shifts at once. The last axis comes first, so that the first of
    # equal values is the first in row order.
    for axis in reversed(range(len(windows.size))):
        x = functools.reduce(combine, slice_shifts(x, windows, axis))
    return x
