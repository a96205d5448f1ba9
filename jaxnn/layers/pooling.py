"""Pooling: the maximum or the mean over a window, at every position, or over all positions."""

import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._kernels.batch_last import batch_last, wide_batch_last
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
@wide_batch_last
def _avg_pool(x, *, windows):
    return _reduce_windows(jnp.add, x, windows) / math.prod(windows.size)


def global_max_pool(x: Shaped[ArrayLike, "batch *space channels"]) -> Float[Array, "batch channels"]:
    """Returns the largest value of each channel over all positions; the gradient goes to the first of equal values.

    Args:
        x: shape (batch, *space, channels), with one to three spatial axes of any size.

    Returns:
        Shape (batch, channels).

    Raises:
        ValueError: not one to three spatial axes.

    Example:
        >>> global_max_pool(jnp.arange(8.0).reshape(1, 2, 2, 2))
        Array([[6., 7.]], dtype=float32)
    """
    _check_space("global_max_pool", x)
    return _global_max_pool(x)


@batch_last
@jax.jit
def _global_max_pool(x):
    x = x.reshape(x.shape[0], -1, x.shape[-1])
    # Neighbours in pairs: the first of equal values stays the first, in a number of steps that grows with log(cells).
    while x.shape[1] > 1:
        pairs = x.shape[1] // 2
        first, second = (jax.lax.slice_in_dim(x, start, 2 * pairs, 2, axis=1) for start in (0, 1))
        maxima, rest = first_maximum(first, second), jax.lax.slice_in_dim(x, 2 * pairs, None, axis=1)
        x = jax.lax.concatenate([maxima, rest], 1) if rest.shape[1] else maxima
    return x[:, 0]


def global_avg_pool(x: Shaped[ArrayLike, "batch *space channels"]) -> Float[Array, "batch channels"]:
    """Returns the mean of each channel over all positions, so that a dense layer takes images of any size.

    Args, Returns and Raises are those of `global_max_pool`.

    Example:
        >>> global_avg_pool(jnp.arange(8.0).reshape(1, 2, 2, 2))
        Array([[3., 4.]], dtype=float32)

    References:
        Lin et al. (2013), Network in network.
    """
    _check_space("global_avg_pool", x)
    return _global_avg_pool(x).astype(choose_float(x))


# In half precision a sum of four values can overflow.
@wide_batch_last
def _global_avg_pool(x):
    return x.mean(axis=tuple(range(1, x.ndim - 1)))


def _make_pooling_windows(
    caller: str, x: ArrayLike, window: int | Sequence[int], stride: int | Sequence[int] | None
) -> Windows:
    return Windows.of(caller, _check_space(caller, x), window, stride=window if stride is None else stride)


def _check_space(caller: str, x: ArrayLike) -> tuple[int, ...]:
    space = jnp.shape(x)[1:-1]
    if not 1 <= len(space) <= 3:
        raise ValueError(f"{caller}: x must be (batch, *space, channels) with 1 to 3 spatial axes, not {jnp.shape(x)}")
    return space


def _reduce_windows(combine: Callable[[Array, Array], Array], x: Array, windows: Windows) -> Array:
    # One axis at a time is 1.4 times faster than all shifts at once. The last axis comes first, so that the first of
    # equal values is the first in row order.
    for axis in reversed(range(len(windows.size))):
        x = functools.reduce(combine, slice_shifts(x, windows, axis))
    return x
