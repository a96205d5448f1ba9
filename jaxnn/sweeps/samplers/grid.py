"""Grid search."""

import bisect
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.samplers.base import TrialSampler
from jaxnn.sweeps.space.space import Choice, Dimension, Setting, count_combinations, dimensions, settings_at
from jaxnn.sweeps.space.whole import Sizes


class GridSampler(NamedTuple):
    """Every combination of choices, with evenly spaced quantiles of every distribution.

    All distributions have the same number of levels: the largest for which the grid has at most `trials` settings. A
    distribution with fewer values, such as `integers(1, 3)`, has each of its values. Level i of n is the quantile
    (i + 1/2) / n; levels of `sizes` that have the same width move to the next one. A grid with fewer settings than
    `trials` ends the sweep early. Settings with equal choices come one after another. Many dimensions leave few levels:
    of 128 iris networks with five levels of three hypers, the best score was -0.083 (median of 10 searches), and at
    random -0.079.

    Attributes:
        trials: the most settings of the grid.
    """

    trials: int

    def init(self, space: dict[str, Any], key: Array, lanes: int | None) -> TrialSampler:
        """Returns the grid of a space.

        Raises:
            ValueError: more combinations of choices than trials.

        Example:
            >>> from jaxnn import choice, uniform
            >>> space = {"dropout": uniform(0, 1), "width": choice(8, 16)}
            >>> for setting in GridSampler(trials=4).init(space, jax.random.key(0), None).ask(4):
            ...     print(setting.choices, setting.values)
            (('width', 0),) {'dropout': 0.25}
            (('width', 0),) {'dropout': 0.75}
            (('width', 1),) {'dropout': 0.25}
            (('width', 1),) {'dropout': 0.75}
        """
        del key, lanes
        combinations = count_combinations(space)
        if combinations > self.trials:
            raise ValueError(
                f"grid: the choices alone make {combinations} combinations, more than trials={self.trials}; "
                f"use trials={combinations} or more, or sampler='random'"
            )
        settings = settings_at(space, grid_quantiles(space, self.trials))
        # The segments of a width alternate where another hyper varies more slowly.
        first = {setting.choices: i for i, setting in reversed(list(enumerate(settings)))}
        return _Grid(sorted(settings, key=lambda setting: first[setting.choices]))


class _Grid(TrialSampler):
    """See `GridSampler`."""

    ask_limit = None

    def __init__(self, settings: list[Setting]) -> None:
        self._settings = settings
        self._asked = 0

    def ask(self, n: int) -> list[Setting]:
        start, self._asked = self._asked, self._asked + check_whole("ask", "n", n, least=0)
        return self._settings[start : self._asked]


def grid_quantiles(space: dict[str, Any], trials: int) -> np.ndarray:
    """Returns the grid's quantiles, shape (at most trials, dimensions)."""
    columns = dimensions(space)
    choices = [i for i, column in enumerate(columns) if isinstance(column.node, Choice)]
    traced = [i for i in range(len(columns)) if i not in choices]
    rows = np.full((1, len(columns)), 0.5)
    # Choices first, so that settings with equal choices come one after another.
    for i in choices:
        rows = _repeat_rows(rows, i, np.where(_exists(columns, rows, i), len(columns[i].node.values), 1))
    # float64, in which a product of many levels does not overflow.
    points = np.array([getattr(columns[i].node, "points", math.inf) for i in traced])
    present = np.array([_exists(columns, rows, i) for i in traced], bool).reshape(len(traced), len(rows))

    def size(levels: int) -> float:
        return np.where(present, np.minimum(levels, points)[:, None], 1.0).prod(axis=0).sum()

    levels = bisect.bisect_right(range(1, trials + 1), trials, key=size)
    for i, count in zip(traced, np.minimum(levels, points), strict=True):
        rows = _repeat_rows(rows, i, np.where(_exists(columns, rows, i), int(count), 1))
        if isinstance(columns[i].node, Sizes):
            rows[:, i] = _use_levels(columns[i].node, rows[:, i], int(count))
    return rows


def _use_levels(node: Sizes, quantiles: np.ndarray, count: int) -> np.ndarray:
    """Returns the quantiles of different widths in place of `count` evenly spaced ones.

    Widths are log-uniform, so several of the least evenly spaced quantiles may have the same width.
    """
    return node.levels(count)[np.floor(quantiles * count).astype(int)]


def _exists(columns: tuple[Dimension, ...], rows: np.ndarray, i: int) -> np.ndarray:
    """Returns in which rows dimension i exists, by the options taken there."""
    exists = np.ones(len(rows), bool)
    for column, option in columns[i].conditions:
        exists &= np.floor(rows[:, column] * len(columns[column].node.values)) == option
    return exists


def _repeat_rows(rows: np.ndarray, i: int, counts: np.ndarray) -> np.ndarray:
    """Repeats each row `counts` times, with the quantiles (0.5, 1.5, …) / count in column i."""
    rows = np.repeat(rows, counts, axis=0)
    index = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows[:, i] = (index + 0.5) / np.repeat(counts, counts)
    return rows
