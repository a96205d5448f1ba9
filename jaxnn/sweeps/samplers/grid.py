"""Samplers: which settings are tried, and in which order.

A sampler answers `ask(count)` with the next settings and is told the scores by `tell`. The three here draw quantiles of
the space's dimensions and need no scores; an object of yours with the two methods may go by them.

The settings of a random or Sobol sampler are one endless sequence that the key alone decides: its first n do not
depend on how many trials a sweep has, nor on how many are asked for at a time.
"""

import bisect
import math
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.space.space import Choice, Setting, bucket_count, check_space, dimensions, settings


@runtime_checkable
class Sampler(Protocol):
    """What `sweep` takes as `sampler`."""

    def ask(self, count: int) -> list[Setting]:
        """The next `count` settings; fewer, or none, where there are no more."""
        ...

    def tell(self, results: list[tuple[Setting, float]]) -> None:
        """Settings that were tried, each with its score."""
        ...


class RandomSampler:
    """Each dimension drawn on its own, from its distribution."""

    def __init__(self, space: dict[str, Any], key: Array) -> None:
        self._space = space
        self._dimensions = len(dimensions(space))
        self._generator = _generator(key)

    def ask(self, count: int) -> list[Setting]:
        # Rows are drawn one after another: dividing the rows between calls does not change them.
        return settings(self._space, self._generator.random((_checked(count), self._dimensions)))

    def tell(self, results: list[tuple[Setting, float]]) -> None:
        del results


class SobolSampler:
    """A scrambled Sobol sequence: points that fill the unit cube more evenly than independent ones.

    The sequence is balanced at each power of two, which is the best number of trials.

    References:
        Sobol (1967); Owen (1998), the scrambling; Bergstra and Bengio (2012), for hyperparameters.
    """

    def __init__(self, space: dict[str, Any], key: Array) -> None:
        from scipy.stats import qmc  # jax depends on SciPy; only who asks for Sobol waits for its statistics

        self._space = space
        # `rng`, the newer word for `seed`, is not yet known to SciPy 1.14, with which jax is content.
        options: dict[str, Any] = {"seed": _generator(key)}
        self._sequence = qmc.Sobol(len(dimensions(space)), scramble=True, **options)
        self._points = self._sequence.random_base2(0)
        self._asked = 0

    def ask(self, count: int) -> list[Setting]:
        end = self._asked + _checked(count)
        # Drawn by powers of two, the one way in which SciPy does not warn of a sequence cut short.
        while len(self._points) < end:
            more = self._sequence.random_base2(len(self._points).bit_length() - 1)
            self._points = np.concatenate([self._points, more])
        asked, self._asked = self._points[self._asked : end], end
        return settings(self._space, asked)

    def tell(self, results: list[tuple[Setting, float]]) -> None:
        del results


class GridSampler:
    """Every combination of choices, with evenly spaced quantiles of every distribution.

    All distributions have the same number of levels, the largest with which the grid has at most `trials` settings; one
    with fewer values than that (`integers(1, 3)`) has each of its values. Level i of n is the quantile (i + 1/2) / n.
    Where the grid is smaller than `trials` it simply ends. Settings of one bucket stand together.
    """

    def __init__(self, space: dict[str, Any], trials: int) -> None:
        combinations = bucket_count(space)
        if combinations > trials:
            raise ValueError(
                f"grid: the choices alone make {combinations} combinations, more than trials={trials}; "
                "ask for as many trials or take sampler='random'"
            )
        self._settings = settings(space, grid_quantiles(space, trials))
        self._asked = 0

    def ask(self, count: int) -> list[Setting]:
        start, self._asked = self._asked, self._asked + _checked(count)
        return self._settings[start : self._asked]

    def tell(self, results: list[tuple[Setting, float]]) -> None:
        del results


def make_sampler(sampler: Any, space: dict[str, Any], key: Array, trials: int) -> Sampler:
    """A sampler by its name, "random", "grid" or "sobol"; an object with `ask` and `tell` is returned as it is.

    Args:
        sampler: the name or the object.
        space: checked here.
        key: a `jax.random.key`, which seeds a generator of NumPy's.
        trials: how many settings will be asked for; it decides the levels of the grid, and nothing else.

    Raises:
        ValueError: an unknown name, or more combinations of choices than a grid may have trials.
        TypeError: an object without the two methods.

    Example:
        >>> from jaxnn import choice, uniform
        >>> space = {"dropout": uniform(0, 1), "width": choice(8, 16)}
        >>> for setting in make_sampler("grid", space, jax.random.key(0), 4).ask(4):
        ...     print(setting.bucket, setting.values)
        (('width', 0),) {'dropout': 0.25}
        (('width', 0),) {'dropout': 0.75}
        (('width', 1),) {'dropout': 0.25}
        (('width', 1),) {'dropout': 0.75}
    """
    check_space(space)
    check_sampler(sampler)
    trials = check_whole("make_sampler", "trials", trials, least=1)
    if sampler == "random":
        return RandomSampler(space, key)
    if sampler == "sobol":
        return SobolSampler(space, key)
    return GridSampler(space, trials) if sampler == "grid" else sampler


def check_sampler(sampler: Any) -> None:
    """A name that there is, or an object with the two methods."""
    rule = "sampler: must be 'random', 'grid', 'sobol' or an object with ask and tell, not "
    if isinstance(sampler, str):
        if sampler not in ("random", "grid", "sobol"):
            raise ValueError(f"{rule}{sampler!r}")
    elif isinstance(sampler, type) or not isinstance(sampler, Sampler):
        raise TypeError(f"{rule}{sampler!r}")


def grid_quantiles(space: dict[str, Any], trials: int) -> np.ndarray:
    """The grid's quantiles, shape (at most trials, dimensions), for at most `trials` combinations of choices."""
    columns = dimensions(space)
    choices = [i for i, column in enumerate(columns) if isinstance(column.node, Choice)]
    traced = [i for i in range(len(columns)) if i not in choices]
    rows = np.full((1, len(columns)), 0.5)
    # The choices first: the levels of the rest then run inside each combination, and a bucket's settings are together.
    for i in choices:
        rows = _spread(rows, i, np.where(_exists(columns, rows, i), len(columns[i].node.values), 1))
    # float64, which a product of many levels does not overflow as an integer would.
    points = np.array([getattr(columns[i].node, "points", math.inf) for i in traced])
    present = np.array([_exists(columns, rows, i) for i in traced], bool).reshape(len(traced), len(rows))

    def size(levels: int) -> float:
        return np.where(present, np.minimum(levels, points)[:, None], 1.0).prod(axis=0).sum()

    levels = bisect.bisect_right(range(1, trials + 1), trials, key=size)
    for i, count in zip(traced, np.minimum(levels, points), strict=True):
        rows = _spread(rows, i, np.where(_exists(columns, rows, i), int(count), 1))
    return rows


def _exists(columns: tuple, rows: np.ndarray, i: int) -> np.ndarray:
    """In which rows the options have been taken on which dimension i depends."""
    exists = np.ones(len(rows), bool)
    for column, option in columns[i].conditions:
        exists &= np.floor(rows[:, column] * len(columns[column].node.values)) == option
    return exists


def _spread(rows: np.ndarray, i: int, counts: np.ndarray) -> np.ndarray:
    """Each row as many times as it has a count, with the quantiles (0.5, 1.5, …) / count in column i."""
    rows = np.repeat(rows, counts, axis=0)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows[:, i] = (place + 0.5) / np.repeat(counts, counts)
    return rows


def _generator(key: Array) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def _checked(count: int) -> int:
    return check_whole("ask", "count", count, least=0)
