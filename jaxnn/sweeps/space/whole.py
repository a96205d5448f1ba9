"""Distributions of whole numbers: widths, depths and functions picked by a number; integers are in `integers.py`.

Like those of `distributions.py`, their values are traced, and all of them share a compiled program. In its trace a
whole number is an int32, a width is a `Size`, a depth a `Depth`, and a function a `Switch` (see `jaxnn/units.py`). In
results they are Python ints, and the function itself. A `Setting` holds each as a float.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.space.bounds import whole_bounds
from jaxnn.sweeps.space.integers import Integers, Seeds, as_int32, to_int
from jaxnn.units import Depth, Size, Switch


class Sizes(NamedTuple):
    """See `sizes`."""

    low: float
    high: float
    step: float
    log: bool

    @property
    def points(self) -> int:
        """The number of values."""
        return int((self.high - self.low) // self.step) + 1

    @property
    def probabilities(self) -> np.ndarray:
        """The probability of each value, in increasing order."""
        return np.diff(self._edges())

    def widths(self) -> np.ndarray:
        """Returns all widths, in increasing order."""
        return self.low + self.step * np.arange(self.points)

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return self.low + self.step * self._index(np.asarray(quantiles, float))

    def clip(self, value: float) -> float:
        return float(self.low + self.step * np.clip(np.rint((value - self.low) / self.step), 0, self.points - 1))

    def levels(self, count: int) -> np.ndarray:
        """Returns quantiles of `count` different values, for the grid: evenly spaced, as far as values differ there."""
        order = np.arange(count)
        index = self._index((order + 0.5) / count)
        index = np.minimum(np.maximum.accumulate(index - order) + order, self.points - count + order)
        edges = self._edges()
        return (edges[index] + edges[index + 1]) / 2

    def as_python(self, value: float, path: str) -> int:
        return to_int(self, value, path)

    def as_traced(self, value: Any, path: str) -> Size:
        return Size(as_int32(value), int(self.widths()[-1]), name=path)

    def _index(self, quantiles: np.ndarray) -> np.ndarray:
        return np.clip(np.searchsorted(self._edges(), quantiles, side="right") - 1, 0, self.points - 1)

    def _edges(self) -> np.ndarray:
        """Returns the quantiles between which each value lies: points + 1 numbers from 0 to 1."""
        between = (self.widths()[1:] + self.widths()[:-1]) / 2
        if not self.log:
            return np.arange(self.points + 1) / self.points
        # On the logarithmic scale, the first and the last value reach as far outwards as inwards.
        first, last = self.low**2 / between[0], self.widths()[-1] ** 2 / between[-1]
        scale = np.log(np.concatenate([[first], between, [last]]))
        return (scale - scale[0]) / (scale[-1] - scale[0])


class Depths(Integers):
    """See `depth`."""

    def as_traced(self, value: Any, path: str) -> Depth:
        return Depth(as_int32(value), int(self.high), int(self.low), path)


class Switches(NamedTuple):
    """See `switch`."""

    functions: tuple[Callable[..., Any], ...]

    @property
    def points(self) -> int:
        """The number of functions."""
        return len(self.functions)

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return Integers(0, self.points - 1).at(quantiles)

    def clip(self, value: float) -> float:
        return Integers(0, self.points - 1).clip(value)

    def as_python(self, value: float, path: str) -> Callable[..., Any]:
        return self.functions[to_int(Integers(0, self.points - 1), value, path)]

    def as_traced(self, value: Any, path: str) -> Switch:
        return Switch(self.functions, as_int32(value))


Whole = Integers | Seeds | Sizes | Depths | Switches
# The parameters of a trial fit only its own value, so a copy of another trial inherits it.
Inherited = Sizes | Depths | Switches


def sizes(low: Any, high: Any, *, step: int = 1, log: bool = True) -> Sizes:
    """A width, low, low + step, … up to high, that is traced: all widths share a program, of the largest.

    `make_recipe` passes it on to `mlp`, `cnn`, `init_dense`, `init_conv` or `init_layer_norm`. Units beyond the trial's
    own width are masked, so that a trial computes what the narrow network would. Results hold the width as an int, and
    parameters of the narrow network. A range in which the largest width would waste most of the time, such as 8 to 512,
    is divided into a few programs. A model of your own calls `mask_units` after each activation.

    Args:
        low: the least width, at least 1.
        high: the bound, included if it is a whole number of steps above low.
        step: the distance between two widths.
        log: whether widths are log-uniform, or else each has the same probability.

    Raises:
        TypeError: a bound that is not a number, or a step that is not a whole number.
        ValueError: bounds that are not whole numbers, below 1 or not in increasing order, or a step above high - low.

    Example:
        >>> sizes(4, 64, step=4).at(np.array([0.0, 0.5, 0.99]))
        array([ 4., 12., 64.])
    """
    low, high = whole_bounds("sizes", low, high)
    if low < 1:
        raise ValueError(f"sizes: low must be at least 1, not {low:.0f}")
    step = check_whole("sizes", "step", step, least=1)
    if step > high - low:
        raise ValueError(f"sizes: step must be at most high - low = {high - low:.0f}, not {step}")
    return Sizes(low, high, float(step), bool(log))


def depth(low: Any, high: Any) -> Depths:
    """A number of equal hidden layers, low, low + 1, …, high, that is traced: all depths share a program.

    `make_recipe` writes `[width] * h["depth"]` in the sizes of `mlp`, or in `hidden` of `cnn`. Layers beyond the
    trial's own depth are bypassed. Results hold the depth as an int, and parameters of the layers that exist.

    Args:
        low: the least number of layers, at least 1.
        high: the largest.

    Raises:
        TypeError: a bound that is not a number.
        ValueError: bounds that are not whole numbers, below 1 or not in increasing order.

    Example:
        >>> depth(1, 3).at(np.array([0.0, 0.5, 0.99]))
        array([1., 2., 3.])
    """
    low, high = whole_bounds("depth", low, high)
    if low < 1:
        raise ValueError(f"depth: low must be at least 1, since the first layer is never bypassed, not {low:.0f}")
    return Depths(low, high)


def switch(*functions: Callable[..., Any]) -> Switches:
    """One of several functions, such as activations, each with the same probability, picked by a traced number.

    All share a program, which computes every function and selects one; `choice` compiles a program for each.

    Args:
        functions: at least two, of arrays; all must give the same shapes and types.

    Raises:
        TypeError: something that is not a function.
        ValueError: fewer than two functions.

    Example:
        >>> from jaxnn import relu, tanh
        >>> switch(relu, tanh).at(np.array([0.0, 0.7]))
        array([0., 1.])
    """
    if len(functions) < 2:
        raise ValueError(f"switch: there must be at least two functions to pick from, not {len(functions)}")
    for i, function in enumerate(functions):
        if not callable(function):
            raise TypeError(f"switch: function {i} must be a function, not {function!r}")
    return Switches(functions)
