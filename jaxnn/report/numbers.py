"""Numbers for the page: as short JSON, and curves as few points in three bytes each."""

import base64
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

# The numbers of curves that a page holds at most, as long as each curve keeps a few points: 4 bytes each.
_MAX_NUMBERS = 120_000
# The points of a curve that are tried, the most first.
_POINTS = 400, 300, 200, 150, 100, 70, 50, 35, 24, 16, 12, 8


def shorten(value: Any) -> float | int | None:
    """Returns a number with six digits, whole ones as int; None for NaN and infinity, which JSON lacks.

    Example:
        >>> shorten(0.123456789), shorten(16.0), shorten(float("nan"))
        (0.123457, 16, None)
    """
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else float(f"{number:.6g}")


def shorten_all(values: Iterable[Any]) -> list[float | int | None]:
    """Returns the numbers of a sequence as JSON."""
    return [shorten(value) for value in values]


def choose_grid(
    curves: Iterable[Float[np.ndarray, "epochs"]], ends: Int[np.ndarray, "curves"], shown: int
) -> list[int]:
    """Returns the epochs of which a page shows the numbers; it shows the last of each curve too.

    They lie closer at the start, where curves are steep.

    Args:
        curves: those of one quantity, NaN where they were not evaluated.
        ends: the last epoch of each.
        shown: the number of quantities that the page shows.

    Example:
        >>> choose_grid(np.ones((2, 5)), np.array([5, 3]), 1)
        [1, 2, 3, 4, 5]
    """
    known = np.zeros(ends.max(initial=0), bool)
    for curve, end in zip(curves, ends.tolist(), strict=True):
        known[:end] |= ~np.isnan(curve[:end])
    evaluated = grid = np.flatnonzero(known) + 1
    for points in _POINTS:
        places = np.linspace(0, 1, points) ** 1.5 * (len(evaluated) - 1)
        grid = evaluated if points >= len(evaluated) else evaluated[np.unique(places.round().astype(int))]
        if shown * sum(count_points(grid, ends)) <= _MAX_NUMBERS:
            break
    return grid.tolist()


def count_points(grid: Any, ends: Int[np.ndarray, "curves"]) -> list[int]:
    """Returns the number of points of each curve: the epochs of the grid before its end, and the end."""
    return (np.searchsorted(grid, ends) + (ends > 0)).tolist()


def pack_curves(curves: Iterable[Float[np.ndarray, "epochs"]], ends: Int[np.ndarray, "curves"], grid: list[int]) -> str:
    """Returns the points of all curves, one curve after the other, in base64. Only one of them need be in memory."""
    columns, counts = np.array(grid, int) - 1, count_points(grid, ends)
    picked, start = np.zeros(sum(counts)), 0
    for curve, count, end in zip(curves, counts, ends.tolist(), strict=True):
        if count:
            picked[start : start + count - 1], picked[start + count - 1] = curve[columns[: count - 1]], curve[end - 1]
        start += count
    return pack(picked)


def pack(values: Float[np.ndarray, "values"]) -> str:
    """Returns numbers in base64, each the upper 24 bits of a float32, which keep four digits.

    NaN and infinity stay what they are.
    """
    with np.errstate(over="ignore"):
        single = np.asarray(values).astype("<f4")
    bits = single.view(np.uint32)
    bits = np.where(np.isfinite(single), bits + np.uint32(0x80), bits)
    return base64.b64encode(bits.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()).decode()
