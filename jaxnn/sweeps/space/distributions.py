"""Distributions of hypers that are swept as numbers; all their values share a compiled program.

Each is a NamedTuple with two methods. `at(quantiles)` is the inverse distribution function (SciPy's `ppf`): samplers
draw quantiles in [0, 1) for every distribution alike. `clip(value)` is the nearest value of the distribution. Those of
whole numbers are in `whole.py`.

`normal` and `uniform` here are search distributions. Initial weights come from `jaxnn.initializers`.
"""

from typing import Any, NamedTuple

import numpy as np

from jaxnn.sweeps.space.bounds import LARGEST, finite_bounds, finite_number, nearest
from jaxnn.sweeps.space.integers import Integers, Seeds
from jaxnn.sweeps.space.whole import Depths, Sizes, Switches

# The least quantile of the normal distributions, whose values are infinite at 0 and 1. Its value is 8.2 standard
# deviations from the mean; fewer than one draw in 10^16 is farther.
_LEAST_QUANTILE = 2.0**-53
# Compared as a Python float: the smallest normal number of float32.
_TINY = float(np.finfo(np.float32).tiny)


class Uniform(NamedTuple):
    """See `uniform`."""

    low: float
    high: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return np.minimum(self.low + (self.high - self.low) * np.asarray(quantiles, float), self.high)

    def clip(self, value: float) -> float:
        return nearest(value, self.low, self.high)


class LogUniform(NamedTuple):
    """See `log_uniform`."""

    low: float
    high: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        low, high = np.log(self.low), np.log(self.high)
        # exp(log(low)) may round to the other side of low.
        return np.clip(np.exp(low + (high - low) * np.asarray(quantiles, float)), self.low, self.high)

    def clip(self, value: float) -> float:
        return nearest(value, self.low, self.high)


class Normal(NamedTuple):
    """See `normal`."""

    mean: float
    std: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        from scipy.special import ndtri  # a dependency of jax, imported only for normal distributions

        return self.mean + self.std * ndtri(np.clip(np.asarray(quantiles, float), _LEAST_QUANTILE, 1 - _LEAST_QUANTILE))

    def clip(self, value: float) -> float:
        return nearest(value, *self.at(np.array([0.0, 1.0])))


class LogNormal(NamedTuple):
    """See `log_normal`."""

    mean: float
    std: float

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return np.exp(Normal(self.mean, self.std).at(quantiles))

    def clip(self, value: float) -> float:
        return nearest(value, *self.at(np.array([0.0, 1.0])))


class Quantized(NamedTuple):
    """See `quantized`."""

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


Distribution = Uniform | LogUniform | Normal | LogNormal | Quantized | Integers | Seeds | Sizes | Depths | Switches


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
    return Uniform(*finite_bounds("uniform", low, high))


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
    low, high = finite_bounds("log_uniform", low, high)
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

    The value is a traced float, for arithmetic. Use `sizes`, `depth` or `choice` for values that shape an array, and
    `choice` for those that decide a Python branch.

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
    (low, high), step = finite_bounds("quantized", low, high), finite_number("quantized", "step", step)
    if not 0 < step <= high - low:
        raise ValueError(f"quantized: step must be positive and at most high - low = {high - low}, not {step}")
    return Quantized(low, high, step)


def _moments(caller: str, mean: Any, std: Any) -> tuple[float, float]:
    mean, std = finite_number(caller, "mean", mean), finite_number(caller, "std", std)
    if not std > 0:
        raise ValueError(f"{caller}: std must be positive, not {std}")
    return mean, std


def _check_float32(caller: str, distribution: Normal | LogNormal) -> None:
    """Checks that float32 holds all but one value in 10^16."""
    with np.errstate(over="ignore"):
        low, high = distribution.at(np.array([0.0, 1.0]))
    least = _TINY if isinstance(distribution, LogNormal) else -LARGEST
    if not least <= low <= high <= LARGEST:
        hint = "; mean and std are of the logarithm" if isinstance(distribution, LogNormal) else ""
        raise ValueError(f"{caller}: values between {low:.3g} and {high:.3g} do not fit float32{hint}")
