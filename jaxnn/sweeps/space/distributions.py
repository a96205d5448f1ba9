"""Distributions of the hypers that are swept as numbers: all values of one share a compiled program.

Each is a NamedTuple with two methods. `at(quantiles)` is its inverse distribution function: a sampler draws quantiles
in [0, 1) and need not know what they stand for. `clip(value)` is the nearest value that the distribution can take.
"""

from typing import Any, NamedTuple

import numpy as np

from jaxnn._checks.arrays import check_number

# The normal distributions reach to infinity at the quantiles 0 and 1. They are cut off where a double no longer tells
# a quantile from 0: 8.2 deviations from the mean, beyond which fewer than one draw in 10^16 lies.
_LEAST = 2.0**-53


class Uniform(NamedTuple):
    """See `uniform`."""

    low: float
    high: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return np.minimum(self.low + (self.high - self.low) * np.asarray(quantiles, float), self.high)

    def clip(self, value: float) -> float:
        return _nearest(value, self.low, self.high)


class LogUniform(NamedTuple):
    """See `log_uniform`."""

    low: float
    high: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        low, high = np.log(self.low), np.log(self.high)
        # exp(log(low)) may round to the other side of low.
        return np.clip(np.exp(low + (high - low) * np.asarray(quantiles, float)), self.low, self.high)

    def clip(self, value: float) -> float:
        return _nearest(value, self.low, self.high)


class Normal(NamedTuple):
    """See `normal`."""

    mean: float
    deviation: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        from scipy.special import ndtri  # jax depends on SciPy; only a space with a normal distribution waits for it

        return self.mean + self.deviation * ndtri(np.clip(np.asarray(quantiles, float), _LEAST, 1 - _LEAST))

    def clip(self, value: float) -> float:
        return _nearest(value, *self.at(np.array([0.0, 1.0])))


class LogNormal(NamedTuple):
    """See `log_normal`."""

    mean: float
    deviation: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return np.exp(Normal(self.mean, self.deviation).at(quantiles))

    def clip(self, value: float) -> float:
        return _nearest(value, *self.at(np.array([0.0, 1.0])))


class Quantized(NamedTuple):
    """See `quantized` and `integers`."""

    low: float
    high: float
    step: float

    @property
    def points(self) -> int:
        """How many values there are. The margin lets 0.3 / 0.1, a hair below 3, count as 3 steps."""
        return int((self.high - self.low) / self.step + 1e-9) + 1

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return self._value(np.floor(np.asarray(quantiles, float) * self.points))

    def clip(self, value: float) -> float:
        return float(self._value(np.rint((value - self.low) / self.step)))

    def _value(self, place: Any) -> Any:
        return np.minimum(self.low + self.step * np.clip(place, 0, self.points - 1), self.high)


Distribution = Uniform | LogUniform | Normal | LogNormal | Quantized


def uniform(low: Any, high: Any) -> Uniform:
    """density(x) = 1 / (high - low), low <= x <= high.

    Args:
        low: the least value.
        high: the largest value.

    Raises:
        ValueError: bounds that are not finite, or not in rising order.

    Example:
        >>> uniform(-1, 1).at(np.array([0.0, 0.25, 0.5]))
        array([-1. , -0.5,  0. ])
    """
    return Uniform(*_bounds("uniform", low, high))


def log_uniform(low: Any, high: Any) -> LogUniform:
    """density(x) = 1 / (x log(high / low)), low <= x <= high: every factor of ten is as likely as every other.

    Args:
        low: the least value, positive.
        high: the largest value.

    Raises:
        ValueError: bounds that are not finite, not positive, or not in rising order.

    Example:
        >>> log_uniform(1e-4, 1.0).at(np.array([0.0, 0.25, 0.5]))
        array([0.0001, 0.001 , 0.01  ])
    """
    low, high = _bounds("log_uniform", low, high)
    if not low > 0:
        raise ValueError(f"log_uniform: low must be positive, since its logarithm is taken, not {low}")
    return LogUniform(low, high)


def normal(mean: Any, deviation: Any) -> Normal:
    """density(x) = exp(-z² / 2) / (deviation √(2π)) with z = (x - mean) / deviation.

    Args:
        mean: any finite number.
        deviation: the standard deviation, positive.

    Raises:
        ValueError: a mean or deviation that is not finite, or a deviation that is not positive.

    Example:
        >>> normal(5, 2).at(np.array([0.5]))
        array([5.])
    """
    return Normal(*_moments("normal", mean, deviation))


def log_normal(mean: Any, deviation: Any) -> LogNormal:
    """log(x) is normal: `mean` and `deviation` are those of the logarithm.

    Args:
        mean: of log(x), so that half of all values lie below exp(mean).
        deviation: the standard deviation of log(x), positive.

    Raises:
        ValueError: a mean or deviation that is not finite or lets exp overflow, or a deviation that is not positive.

    Example:
        >>> log_normal(np.log(0.01), 1).at(np.array([0.5]))
        array([0.01])
    """
    mean, deviation = _moments("log_normal", mean, deviation)
    if mean + 9 * deviation > 700:
        raise ValueError(
            f"log_normal: mean and deviation are of the logarithm; exp({mean} + 9 · {deviation}) overflows"
        )
    return LogNormal(mean, deviation)


def quantized(low: Any, high: Any, step: Any) -> Quantized:
    """low, low + step, low + 2 step, … as far as high: each with the same probability.

    The value is a traced float like any other, and compiles nothing: for arithmetic. Where it would shape an array or
    where Python branches on it, it must be a `choice`.

    Args:
        low: the least value.
        high: the bound; the largest value, where a whole number of steps leads there.
        step: positive.

    Raises:
        ValueError: bounds that are not finite or not in rising order, or a step that is not positive or over the range.

    Example:
        >>> quantized(0, 0.5, 0.25).at(np.array([0.0, 0.4, 0.9]))
        array([0.  , 0.25, 0.5 ])
    """
    (low, high), step = _bounds("quantized", low, high), _number("quantized", "step", step)
    if not 0 < step <= high - low:
        raise ValueError(f"quantized: step must be positive and at most high - low = {high - low}, not {step}")
    return Quantized(low, high, step)


def integers(low: Any, high: Any) -> Quantized:
    """low, low + 1, …, high, both ends included: each with the same probability.

    The value is a traced *float* that holds a whole number, for what is arithmetic: an exponent, a count of steps to
    warm up over. What shapes an array (a layer's width, a batch size) or steers Python (a number of layers) cannot be
    traced and must be a `choice`: `choice(*range(1, 5))`.

    Args:
        low: a whole number.
        high: a whole number above low.

    Raises:
        ValueError: bounds that are not whole numbers, or not in rising order.

    Example:
        >>> integers(1, 4).at(np.array([0.0, 0.3, 0.99]))
        array([1., 2., 4.])
    """
    low, high = _bounds("integers", low, high)
    if low != int(low) or high != int(high):
        raise ValueError(f"integers: low and high must be whole numbers, not {low} and {high}")
    return Quantized(low, high, 1.0)


def _number(where: str, name: str, value: Any) -> float:
    number = check_number(where, name, value)
    if not np.isfinite(number):
        raise ValueError(f"{where}: {name} must be finite, not {number}")
    return number


def _bounds(where: str, low: Any, high: Any) -> tuple[float, float]:
    low, high = _number(where, "low", low), _number(where, "high", high)
    if not (low < high and np.isfinite(high - low)):
        raise ValueError(f"{where}: low must lie below high, and high - low be finite, not {low} and {high}")
    return low, high


def _moments(where: str, mean: Any, deviation: Any) -> tuple[float, float]:
    mean, deviation = _number(where, "mean", mean), _number(where, "deviation", deviation)
    if not deviation > 0:
        raise ValueError(f"{where}: deviation must be positive, not {deviation}")
    return mean, deviation


def _nearest(value: float, low: float, high: float) -> float:
    return float(min(max(value, low), high))
