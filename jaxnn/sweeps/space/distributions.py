"""Distributions of hypers that are swept as numbers; all their values share a compiled program.

Each is a NamedTuple with two methods. `at(quantiles)` is the inverse distribution function (SciPy's `ppf`): samplers
draw quantiles in [0, 1) for every distribution alike. `clip(value)` is the nearest value of the distribution.

`normal` and `uniform` here are search distributions. Initial weights come from `jaxnn.initializers`.
"""

from typing import Any, NamedTuple

import numpy as np

from jaxnn._checks.arrays import check_number

# The least quantile of the normal distributions, whose values are infinite at 0 and 1. Its value is 8.2 standard
# deviations from the mean; fewer than one draw in 10^16 is farther.
_LEAST_QUANTILE = 2.0**-53
# Compared as Python floats: the smallest normal number of float32, and the largest.
_TINY, _MAX = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


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
    std: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        from scipy.special import ndtri  # a dependency of jax, imported only for normal distributions

        return self.mean + self.std * ndtri(np.clip(np.asarray(quantiles, float), _LEAST_QUANTILE, 1 - _LEAST_QUANTILE))

    def clip(self, value: float) -> float:
        return _nearest(value, *self.at(np.array([0.0, 1.0])))


class LogNormal(NamedTuple):
    """See `log_normal`."""

    mean: float
    std: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return np.exp(Normal(self.mean, self.std).at(quantiles))

    def clip(self, value: float) -> float:
        return _nearest(value, *self.at(np.array([0.0, 1.0])))


class Quantized(NamedTuple):
    """See `quantized` and `integers`."""

    low: float
    high: float
    step: float

    @property
    def points(self) -> int:
        """The number of values; the margin lets 0.3 / 0.1 = 2.9999999999999996 count as 3 steps."""
        return int((self.high - self.low) / self.step + 1e-9) + 1

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return self._value(np.floor(np.asarray(quantiles, float) * self.points))

    def clip(self, value: float) -> float:
        return float(self._value(np.rint((value - self.low) / self.step)))

    def _value(self, index: Any) -> Any:
        return np.minimum(self.low + self.step * np.clip(index, 0, self.points - 1), self.high)


Distribution = Uniform | LogUniform | Normal | LogNormal | Quantized


def uniform(low: Any, high: Any) -> Uniform:
    """density(x) = 1 / (high - low), low <= x <= high.

    Args:
        low: the least value.
        high: the largest value.

    Raises:
        TypeError: a bound that is not a number.
        ValueError: bounds that are not finite, or not in increasing order.

    Example:
        >>> uniform(-1, 1).at(np.array([0.0, 0.25, 0.5]))
        array([-1. , -0.5,  0. ])
    """
    return Uniform(*_bounds("uniform", low, high))


def log_uniform(low: Any, high: Any) -> LogUniform:
    """density(x) = 1 / (x log(high / low)), low <= x <= high: uniform on a logarithmic scale.

    Args:
        low: the least value, positive.
        high: the largest value.

    Raises:
        TypeError: a bound that is not a number.
        ValueError: bounds that are not finite, not positive, or not in increasing order.

    Example:
        >>> log_uniform(1e-4, 1.0).at(np.array([0.0, 0.25, 0.5]))
        array([0.0001, 0.001 , 0.01  ])
    """
    low, high = _bounds("log_uniform", low, high)
    if not low > 0:
        raise ValueError(f"log_uniform: low must be positive, since its logarithm is taken, not {low}")
    if low < _TINY:
        raise ValueError(f"log_uniform: low must be at least 1.2e-38, since float32 holds nothing below, not {low}")
    return LogUniform(low, high)


def normal(mean: Any, std: Any) -> Normal:
    """density(x) = exp(-z² / 2) / (std √(2π)) with z = (x - mean) / std.

    Args:
        mean: any finite number.
        std: standard deviation, positive.

    Raises:
        TypeError: a mean or std that is not a number.
        ValueError: a mean or std that is not finite, or a std that is not positive.

    Example:
        >>> normal(5, 2).at(np.array([0.5]))
        array([5.])
    """
    distribution = Normal(*_moments("normal", mean, std))
    _check_float32("normal", distribution)
    return distribution


def log_normal(mean: Any, std: Any) -> LogNormal:
    """log(x) is normal: `mean` and `std` are those of the logarithm.

    Args:
        mean: of log(x); the median of x is exp(mean).
        std: the standard deviation of log(x), positive.

    Raises:
        TypeError: a mean or std that is not a number.
        ValueError: a mean or std that is not finite or makes exp overflow, or a std that is not positive.

    Example:
        >>> log_normal(np.log(0.01), 1).at(np.array([0.5]))
        array([0.01])
    """
    distribution = LogNormal(*_moments("log_normal", mean, std))
    _check_float32("log_normal", distribution)
    return distribution


def quantized(low: Any, high: Any, step: Any) -> Quantized:
    """low, low + step, low + 2 step, … up to high, each with the same probability.

    The value is a traced float, for arithmetic. Use `choice` for values that shape an array or decide a Python branch.

    Args:
        low: the least value.
        high: the bound, included if it is a whole number of steps above low.
        step: positive.

    Raises:
        TypeError: a bound or step that is not a number.
        ValueError: bounds that are not finite or not in increasing order, or a step that is not in (0, high - low].

    Example:
        >>> quantized(0, 0.5, 0.25).at(np.array([0.0, 0.4, 0.9]))
        array([0.  , 0.25, 0.5 ])
    """
    (low, high), step = _bounds("quantized", low, high), _number("quantized", "step", step)
    if not 0 < step <= high - low:
        raise ValueError(f"quantized: step must be positive and at most high - low = {high - low}, not {step}")
    return Quantized(low, high, step)


def integers(low: Any, high: Any) -> Quantized:
    """low, low + 1, …, high, both ends included, each with the same probability.

    The value is a traced *float* that holds a whole number, for arithmetic: an exponent, a number of warm-up steps.
    Values that shape an array (a width, a batch size) or decide a Python branch (a number of layers) cannot be traced.
    Use `choice(*range(1, 5))` for them.

    Args:
        low: a whole number.
        high: a whole number above low.

    Raises:
        TypeError: a bound that is not a number.
        ValueError: bounds that are not whole numbers, or not in increasing order.

    Example:
        >>> integers(1, 4).at(np.array([0.0, 0.3, 0.99]))
        array([1., 2., 4.])
    """
    low, high = _bounds("integers", low, high)
    if low != int(low) or high != int(high):
        raise ValueError(f"integers: low and high must be whole numbers, not {low} and {high}")
    if max(-low, high) > 2**24:
        raise ValueError(f"integers: low and high must be at most 2^24 in size, as float32 holds, not {low} and {high}")
    return Quantized(low, high, 1.0)


def _number(caller: str, name: str, value: Any) -> float:
    number = check_number(caller, name, value)
    if not np.isfinite(number):
        raise ValueError(f"{caller}: {name} must be finite, not {number}")
    # Traced hypers are float32, and would be infinite.
    if abs(number) > _MAX:
        raise ValueError(f"{caller}: {name} must be at most 3.4e+38 in size, as float32 holds, not {number}")
    return number


def _bounds(caller: str, low: Any, high: Any) -> tuple[float, float]:
    low, high = _number(caller, "low", low), _number(caller, "high", high)
    if not low < high:
        raise ValueError(f"{caller}: low must lie below high, not {low} and {high}")
    return low, high


def _moments(caller: str, mean: Any, std: Any) -> tuple[float, float]:
    mean, std = _number(caller, "mean", mean), _number(caller, "std", std)
    if not std > 0:
        raise ValueError(f"{caller}: std must be positive, not {std}")
    return mean, std


def _check_float32(caller: str, distribution: Normal | LogNormal) -> None:
    """Checks that float32 holds all but one value in 10^16."""
    with np.errstate(over="ignore"):
        low, high = distribution.at(np.array([0.0, 1.0]))
    least = _TINY if isinstance(distribution, LogNormal) else -_MAX
    if not least <= low <= high <= _MAX:
        hint = "; mean and std are of the logarithm" if isinstance(distribution, LogNormal) else ""
        raise ValueError(f"{caller}: values between {low:.3g} and {high:.3g} do not fit float32{hint}")


def _nearest(value: float, low: float, high: float) -> float:
    return float(min(max(value, low), high))
