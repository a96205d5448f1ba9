"""Windows over the space of an array: where they lie, and the array's shifts under them.

An array here is batch last, `(channels, *space, batch)`: axis 0 of the space is axis 1 of the array. A shift is the
array as one cell of the window sees it from every place where the window can stand.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._checks.arrays import check_each_whole, check_whole


class Windows(NamedTuple):
    """Sizes of windows over a space, one number (or pair) for each of its axes.

    Attributes:
        size: cells of a window.
        stride: how far it moves.
        dilation: how far apart its cells lie.
        padding: zeros (before, after).
        places: positions where it stands.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    places: tuple[int, ...]

    @classmethod
    def of(
        cls,
        where: str,
        space: Sequence[int],
        size: int | Sequence[int],
        *,
        stride: int | Sequence[int],
        padding: str | int | Sequence[int] = "valid",
        dilation: int | Sequence[int] = 1,
    ) -> "Windows":
        """Windows of `size` over a space, checked; `where` names the layer in the errors."""
        axes = len(space)
        size = _each(where, "window", size, axes, least=1)
        stride = _each(where, "stride", stride, axes, least=1)
        dilation = _each(where, "dilation", dilation, axes, least=1)
        reach = tuple(d * (s - 1) + 1 for s, d in zip(size, dilation, strict=True))
        around = _padding(where, padding, space, reach, stride)
        padded = tuple(n + sum(pad) for n, pad in zip(space, around, strict=True))
        if any(r > n for r, n in zip(reach, padded, strict=True)):
            raise ValueError(
                f"{where}: a window that reaches over {reach} cells does not fit into the padded size {padded}"
            )
        places = tuple((n - r) // s + 1 for n, r, s in zip(padded, reach, stride, strict=True))
        return cls(size, stride, dilation, around, places)


def stack_windows(x: Array, windows: Windows) -> Array:
    """All shifts of x, stacked on the first axis in (*window, channels) order: (cells · channels, *places, batch)."""
    if any(sum(pad) for pad in windows.padding):
        x = jnp.pad(x, ((0, 0), *windows.padding, (0, 0)))
    shifts = [x]
    for axis in range(len(windows.size)):
        shifts = [shift for x in shifts for shift in slide(x, windows, axis)]
    return jnp.concatenate(shifts)


def slide(x: Array, windows: Windows, axis: int) -> list[Array]:
    """The shifts of x along one axis of its space, one for each cell of the window; x is padded already."""
    stride, dilation = windows.stride[axis], windows.dilation[axis]
    span = stride * (windows.places[axis] - 1) + 1
    starts = [dilation * cell for cell in range(windows.size[axis])]
    return [jax.lax.slice_in_dim(x, start, start + span, stride, axis=axis + 1) for start in starts]


@jax.custom_jvp
def first_maximum(a: Array, b: Array) -> Array:
    """max(a, b), whose derivative goes to a where both are equal.

    That of `jnp.maximum` goes half to each, and a chain of them spreads it unevenly over a window of equals.
    """
    return jax.lax.max(a, b)


@first_maximum.defjvp
def _first_maximum_jvp(primals, tangents):
    a, b = primals
    return first_maximum(a, b), jax.lax.select(a >= b, *tangents)


def _each(where: str, name: str, value: int | Sequence[int], axes: int, *, least: int) -> tuple[int, ...]:
    if not isinstance(value, Sequence):
        return (check_whole(where, name, value, least=least),) * axes
    values = check_each_whole(where, name, value, least=least)
    if len(values) != axes:
        raise ValueError(f"{where}: {name} must be one number or one for each of the {axes} axes, not {values}")
    return values


def _padding(
    where: str,
    padding: str | int | Sequence[int],
    space: Sequence[int],
    reach: Sequence[int],
    stride: Sequence[int],
) -> tuple[tuple[int, int], ...]:
    if padding == "valid":
        return ((0, 0),) * len(space)
    if padding == "same":
        missing = [max((math.ceil(n / s) - 1) * s + r - n, 0) for n, r, s in zip(space, reach, stride, strict=True)]
        return tuple((total // 2, total - total // 2) for total in missing)
    if isinstance(padding, str):
        raise ValueError(f'{where}: padding must be "valid", "same" or a whole number, not {padding!r}')
    return tuple((pad, pad) for pad in _each(where, "padding", padding, len(space), least=0))
