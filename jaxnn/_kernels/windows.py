"""Windows over the spatial axes of an array: their positions, and the array's shifts under them.

Arrays are batch last, `(channels, *space, batch)`: axis 0 of the space is axis 1 of the array. A shift is a strided
slice of the array: what one cell of the window sees at every position of the window.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._checks.arrays import check_each_whole, check_whole


class Windows(NamedTuple):
    """The geometry of windows over a space, one number (or pair) for each spatial axis.

    Attributes:
        size: the number of cells of a window.
        stride: the distance between neighbouring windows.
        dilation: the distance between neighbouring cells of a window.
        padding: the number of zeros (before, after).
        positions: the number of windows, which is the size of the output.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    positions: tuple[int, ...]

    @classmethod
    def of(
        cls,
        caller: str,
        space: Sequence[int],
        size: int | Sequence[int],
        *,
        stride: int | Sequence[int],
        padding: str | int | Sequence[int] = "valid",
        dilation: int | Sequence[int] = 1,
    ) -> "Windows":
        """Returns the windows of `size` over a space, with checked options; errors start with `caller`."""
        axes = len(space)
        size = expand_to_axes(caller, "window", size, axes, least=1)
        stride = expand_to_axes(caller, "stride", stride, axes, least=1)
        dilation = expand_to_axes(caller, "dilation", dilation, axes, least=1)
        reach = tuple(d * (s - 1) + 1 for s, d in zip(size, dilation, strict=True))
        pads = _compute_padding(caller, padding, space, reach, stride)
        padded = tuple(n + sum(pad) for n, pad in zip(space, pads, strict=True))
        if any(r > n for r, n in zip(reach, padded, strict=True)):
            raise ValueError(
                f"{caller}: a window that reaches over {reach} cells does not fit into the padded size {padded}"
            )
        positions = tuple((n - r) // s + 1 for n, r, s in zip(padded, reach, stride, strict=True))
        return cls(size, stride, dilation, pads, positions)


def stack_windows(x: Array, windows: Windows) -> Array:
    """Stacks all shifts of x on the first axis.

    Returns:
        Shape (cells · channels, *positions, batch); the first axis is in (*window, channels) order.
    """
    return jax.lax.concatenate(shift_all(x, windows), 0)


def shift_all(x: Array, windows: Windows) -> list[Array]:
    """Returns all shifts of x, one for each cell of the window in row order, after padding."""
    if any(sum(pad) for pad in windows.padding):
        x = jnp.pad(x, ((0, 0), *windows.padding, (0, 0)))
    shifts = [x]
    for axis in range(len(windows.size)):
        shifts = [shift for x in shifts for shift in slice_shifts(x, windows, axis)]
    return shifts


def slice_shifts(x: Array, windows: Windows, axis: int) -> list[Array]:
    """Returns the shifts of a padded x along one spatial axis, one for each cell of the window."""
    stride, dilation = windows.stride[axis], windows.dilation[axis]
    span = stride * (windows.positions[axis] - 1) + 1
    starts = [dilation * cell for cell in range(windows.size[axis])]
    return [jax.lax.slice_in_dim(x, start, start + span, stride, axis=axis + 1) for start in starts]


@jax.custom_jvp
def first_maximum(a: Array, b: Array) -> Array:
    """max(a, b), with the whole derivative going to a where both are equal.

    `jnp.maximum` gives half of it to each. A chain of those spreads it unevenly over a window of equal values.
    """
    return jax.lax.max(a, b)


@first_maximum.defjvp
def _first_maximum_jvp(primals, tangents):
    a, b = primals
    return first_maximum(a, b), jax.lax.select(jax.lax.ge(a, b), *tangents)


def expand_to_axes(caller: str, name: str, value: int | Sequence[int], axes: int, *, least: int) -> tuple[int, ...]:
    """Returns an option as one whole number for each axis; a single number holds for all of them."""
    if not isinstance(value, Sequence):
        return (check_whole(caller, name, value, least=least),) * axes
    values = check_each_whole(caller, name, value, least=least)
    if len(values) != axes:
        raise ValueError(f"{caller}: {name} must be one number or one for each of the {axes} axes, not {values}")
    return values


def _compute_padding(
    caller: str,
    padding: str | int | Sequence[int],
    space: Sequence[int],
    reach: Sequence[int],
    stride: Sequence[int],
) -> tuple[tuple[int, int], ...]:
    if padding == "valid":
        return ((0, 0),) * len(space)
    if padding == "same":
        totals = [max((math.ceil(n / s) - 1) * s + r - n, 0) for n, r, s in zip(space, reach, stride, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise ValueError(f'{caller}: padding must be "valid", "same" or a whole number, not {padding!r}')
    return tuple((pad, pad) for pad in expand_to_axes(caller, "padding", padding, len(space), least=0))
