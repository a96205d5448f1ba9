"""Checks of the numbers that describe a distribution."""

from typing import Any

import numpy as np

from jaxnn._checks.arrays import check_number

# Compared as a Python float: the largest number of float32.
LARGEST = float(np.finfo(np.float32).max)
# The largest size of whole numbers that float32 holds, all of them.
_LARGEST_WHOLE = 2**24


def finite_number(caller: str, name: str, value: Any) -> float:
    """Returns a finite number that float32 holds, as a float."""
    number = check_number(caller, name, value)
    if not np.isfinite(number):
        raise ValueError(f"{caller}: {name} must be finite, not {number}")
    # Traced hypers are float32, and would be infinite.
    if abs(number) > LARGEST:
        raise ValueError(f"{caller}: {name} must be at most 3.4e+38 in size, as float32 holds, not {number}")
    return number


def finite_bounds(caller: str, low: Any, high: Any) -> tuple[float, float]:
    """Returns both bounds, in increasing order, as floats."""
    low, high = finite_number(caller, "low", low), finite_number(caller, "high", high)
    if not low < high:
        raise ValueError(f"{caller}: low must lie below high, not {low} and {high}")
    return low, high


def whole_bounds(caller: str, low: Any, high: Any) -> tuple[float, float]:
    """Returns both bounds, whole numbers in increasing order, as floats."""
    low, high = finite_bounds(caller, low, high)
    if low != int(low) or high != int(high):
        raise ValueError(f"{caller}: low and high must be whole numbers, not {low} and {high}")
    if max(-low, high) > _LARGEST_WHOLE:
        raise ValueError(f"{caller}: low and high must be at most 2^24 in size, as float32 holds, not {low} and {high}")
    return low, high


def nearest(value: float, low: float, high: float) -> float:
    """Returns the number of the interval that is nearest to a value."""
    return float(min(max(value, low), high))
