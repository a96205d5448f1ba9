"""Population-based training: trials that do badly take over the parameters of those that do well, and go on from there.

The trials of one bucket are a population: all of one shape, so that to copy is to gather along the axis of lanes.
"""

import bisect
import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_number, check_whole
from jaxnn.sweeps.schedulers.base import Continue, Copy, Decision, Judge, Stop, ranked
from jaxnn.sweeps.space.space import Bucket, Setting, active


class PopulationBased(NamedTuple):
    """See `population_based`."""

    every: int
    fraction: float
    factor: float

    def begin(self, epochs: int, space: dict[str, Any], key: Array) -> Judge:
        return RunningPopulations(self, epochs, space, key)


def population_based(*, every: int, fraction: float = 0.25, factor: float = 1.2) -> PopulationBased:
    """Every so many epochs a trial in the worst fraction copies one of the best fraction, its hypers times factor^±1.

    Of a population of n that have reported, ceil(fraction · n), but at most half, are the best and as many the worst,
    ranked by their latest scores; of equal scores the lower trial number ranks higher. The parent is drawn evenly from
    those of the best that score strictly higher. Each traced hyper of the parent is multiplied or divided by the
    factor, with equal probability, and clipped to its distribution (a quantized one moves by a step at least). Choices
    stay. Until its next report a copy is ranked by its old score, so that one generation replaces one fraction.

    Args:
        every: the epochs between two reports.
        fraction: in (0, 0.5].
        factor: above 1.

    Raises:
        ValueError: a number out of its bounds.

    Example:
        >>> from jaxnn import uniform
        >>> running = population_based(every=5).begin(10, {"rate": uniform(0, 1)}, jax.random.key(0))
        >>> for trial, rate in enumerate([0.25, 0.5]):
        ...     running.add(trial, Setting((), {"rate": rate}))
        >>> running.start(0), running.report(0, 5, 0.9), running.report(1, 5, 0.1)
        (5, Continue(until=10), Copy(parent=0, values={'rate': 0.3}, until=10))

    References:
        Jaderberg et al. (2017), Population based training of neural networks.
    """
    every = check_whole("population_based", "every", every, least=1)
    fraction = check_number("population_based", "fraction", fraction)
    factor = check_number("population_based", "factor", factor)
    if not 0 < fraction <= 0.5:
        raise ValueError(f"population_based: fraction must lie in (0, 0.5], not {fraction!r}")
    if not 1 < factor < math.inf:
        raise ValueError(f"population_based: factor must be above 1 and finite, not {factor!r}")
    return PopulationBased(every, fraction, factor)


class RunningPopulations:
    """All populations of a sweep.

    Lanes that go in step report one after another, but each should be judged by the others' scores of the same epoch:
    hand them all to `observe` before the first `report`. Then, too, no parent is itself a copy of that generation, and
    all copies are one gather. A diverged trial is reported with NaN, so that nobody copies it.
    """

    def __init__(self, rule: PopulationBased, epochs: int, space: dict[str, Any], key: Array) -> None:
        self._rule = rule
        self._epochs = epochs
        self._space = space
        self._seed = np.asarray(jax.random.key_data(key)).ravel().tolist()
        self._settings: dict[int, Setting] = {}
        # For each bucket (minus the score, trial), best first; and minus the score under which each trial stands there.
        self._rankings: dict[Bucket, list[tuple[float, int]]] = {}
        self._scores: dict[int, float] = {}

    def add(self, trial: int, setting: Setting) -> None:
        self._settings[trial] = setting
        self._rankings.setdefault(setting.bucket, [])

    def start(self, trial: int) -> int:
        del trial
        return min(self._rule.every, self._epochs)

    def observe(self, trial: int, score: float) -> None:
        """The latest score of a trial, without a decision."""
        ranking = self._ranking(trial)
        self._forget(trial)
        self._scores[trial] = -ranked(score)
        bisect.insort(ranking, (self._scores[trial], trial))

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        if epoch >= self._epochs:
            # Its lane is free again: there is nothing left to copy.
            self._forget(trial)
            return Stop()
        self.observe(trial, score)
        until = min(epoch + self._rule.every, self._epochs)
        parents = self._parents(trial)
        if not parents:
            return Continue(until)
        # A generator for each copy: what one trial draws does not depend on the order in which the others report.
        generator = np.random.default_rng([*self._seed, trial, epoch])
        parent = self._ranking(trial)[generator.integers(parents)][1]
        bucket, values = self._settings[parent]
        values = self._perturbed(bucket, values, generator)
        self._settings[trial] = Setting(bucket, values)
        return Copy(parent, values, until)

    def _parents(self, trial: int) -> int:
        """How many of the best fraction score higher than the trial, if it is in the worst fraction; else none."""
        ranking = self._ranking(trial)
        # The margin keeps 0.28 · 25 = 7.000000000000001 from counting as 8.
        size = min(math.ceil(self._rule.fraction * len(ranking) - 1e-9), len(ranking) // 2)
        mine = self._scores[trial], trial
        in_worst = bisect.bisect_left(ranking, mine) >= len(ranking) - size
        return min(size, bisect.bisect_left(ranking, mine[:1])) if in_worst else 0

    def _perturbed(self, bucket: Bucket, values: dict[str, float], generator: np.random.Generator) -> dict[str, float]:
        distributions, perturbed = active(self._space, bucket), {}
        for path, value in values.items():
            up = generator.random() < 0.5
            moved = value * self._rule.factor if up else value / self._rule.factor
            step = getattr(distributions[path], "step", 0.0)
            if abs(moved - value) < step:
                moved = value + step if up else value - step
            perturbed[path] = distributions[path].clip(moved)
        return perturbed

    def _forget(self, trial: int) -> None:
        if trial in self._scores:
            ranking = self._ranking(trial)
            del ranking[bisect.bisect_left(ranking, (self._scores.pop(trial), trial))]

    def _ranking(self, trial: int) -> list[tuple[float, int]]:
        if trial not in self._settings:
            raise ValueError(f"population_based: trial {trial} reports, but add(trial, setting) was not called for it")
        return self._rankings[self._settings[trial].bucket]
