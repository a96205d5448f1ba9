"""Population-based training: weak trials copy the parameters of strong ones and continue from there.

The trials of one program are a population. They have the same shapes, so a copy is a gather along the lane axis.
"""

import bisect
import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_number, check_whole
from jaxnn.sweeps.schedulers.base import Continue, Copy, Decision, Stop, TrialScheduler, to_rankable
from jaxnn.sweeps.space.fill import active_distributions
from jaxnn.sweeps.space.integers import Seeds
from jaxnn.sweeps.space.space import Choices, Setting
from jaxnn.sweeps.space.whole import Inherited


class PopulationBased(NamedTuple):
    """See `population_based`."""

    perturbation_interval: int
    quantile_fraction: float
    perturbation_factor: float

    def init(self, epochs: int, space: dict[str, Any], key: Array) -> TrialScheduler:
        return _Populations(self, epochs, space, key)


def population_based(
    *, perturbation_interval: int, quantile_fraction: float = 0.25, perturbation_factor: float = 1.2
) -> PopulationBased:
    """At each interval, a trial of the worst quantile copies one of the best, and takes its hypers times factor^±1.

    Trials are ranked by their latest scores; of equal scores, that of the lower trial number ranks higher. Of n trials
    that have reported, the best quantile is the first ceil(quantile_fraction · n), but at most half. The worst quantile
    is the last of them, in the same number. The parent is drawn uniformly from those of the best that score strictly
    higher.

    Each traced hyper of the parent is multiplied or divided by the factor, with equal probability, and clipped to its
    distribution. A quantized hyper moves by at least one step. Choices do not change. Sizes, depths and switches are
    those of the parent, whose parameters the trial copies. Until its next report a copy is ranked by its old score, so
    that one generation replaces one quantile.

    Args:
        perturbation_interval: epochs between two reports.
        quantile_fraction: the share of trials in the best and in the worst quantile, in (0, 0.5].
        perturbation_factor: by which hypers are multiplied or divided, above 1.

    Raises:
        ValueError: a number out of its bounds.

    Example:
        >>> from jaxnn import uniform
        >>> running = population_based(perturbation_interval=5).init(10, {"rate": uniform(0, 1)}, jax.random.key(0))
        >>> for trial, rate in enumerate([0.25, 0.5]):
        ...     running.add(trial, Setting((), {"rate": rate}))
        >>> running.start(0), running.report(0, 5, 0.9), running.report(1, 5, 0.1)
        (5, Continue(until=10), Copy(parent=0, values={'rate': 0.3}, until=10))

    References:
        Jaderberg et al. (2017), Population based training of neural networks.
    """
    interval = check_whole("population_based", "perturbation_interval", perturbation_interval, least=1)
    fraction = check_number("population_based", "quantile_fraction", quantile_fraction)
    factor = check_number("population_based", "perturbation_factor", perturbation_factor)
    if not 0 < fraction <= 0.5:
        raise ValueError(f"population_based: quantile_fraction must lie in (0, 0.5], not {fraction!r}")
    if not 1 < factor < math.inf:
        raise ValueError(f"population_based: perturbation_factor must be above 1 and finite, not {factor!r}")
    return PopulationBased(interval, fraction, factor)


class _Populations(TrialScheduler):
    """All populations of a sweep.

    Trials that advance together report one after another, but all are observed before the first is reported. Each is
    thus compared with the others' scores of the same epoch. No parent is then a copy of the same generation, and all
    copies are one gather. A diverged trial is observed with NaN, so it is never a parent.
    """

    population = True

    def __init__(self, rule: PopulationBased, epochs: int, space: dict[str, Any], key: Array) -> None:
        self._rule = rule
        self._epochs = epochs
        self._space = space
        self._seed = np.asarray(jax.random.key_data(key)).ravel().tolist()
        self._settings: dict[int, Setting] = {}
        # For each population (-score, trial), best first; and the -score under which each trial is ranked.
        self._rankings: dict[Choices, list[tuple[float, int]]] = {}
        self._negative_scores: dict[int, float] = {}

    def add(self, trial: int, setting: Setting) -> None:
        self._settings[trial] = setting
        self._rankings.setdefault(setting.choices, [])

    def start(self, trial: int) -> int:
        del trial
        return min(self._rule.perturbation_interval, self._epochs)

    def observe(self, trial: int, score: float) -> None:
        ranking = self._ranking_of(trial)
        self._remove(trial)
        self._negative_scores[trial] = -to_rankable(score)
        bisect.insort(ranking, (self._negative_scores[trial], trial))

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        if epoch >= self._epochs:
            # The trial ends and leaves its lanes, so it can be no parent.
            self._remove(trial)
            return Stop()
        self.observe(trial, score)
        until = min(epoch + self._rule.perturbation_interval, self._epochs)
        parents = self._count_parents(trial)
        if not parents:
            return Continue(until)
        # One generator for each copy: a trial's draws do not depend on the order in which others report.
        generator = np.random.default_rng([*self._seed, trial, epoch])
        parent = self._ranking_of(trial)[generator.integers(parents)][1]
        choices, values = self._settings[parent]
        values = self._perturb(choices, values, generator)
        self._settings[trial] = Setting(choices, values)
        return Copy(parent, values, until)

    def _count_parents(self, trial: int) -> int:
        """Counts the trials of the best quantile that score higher; 0 if the trial is not in the worst quantile."""
        ranking = self._ranking_of(trial)
        # The margin keeps 0.28 · 25 = 7.000000000000001 from being rounded up to 8.
        size = min(math.ceil(self._rule.quantile_fraction * len(ranking) - 1e-9), len(ranking) // 2)
        rank = self._negative_scores[trial], trial
        in_worst = bisect.bisect_left(ranking, rank) >= len(ranking) - size
        return min(size, bisect.bisect_left(ranking, rank[:1])) if in_worst else 0

    def _perturb(self, choices: Choices, values: dict[str, float], generator: np.random.Generator) -> dict[str, float]:
        distributions, perturbed = active_distributions(self._space, choices), {}
        factor = self._rule.perturbation_factor
        for path, value in values.items():
            up = generator.random() < 0.5
            if isinstance(distributions[path], Inherited | Seeds):
                perturbed[path] = value
                continue
            moved = value * factor if up else value / factor
            step = getattr(distributions[path], "step", 0.0)
            if abs(moved - value) < step:
                moved = value + step if up else value - step
            perturbed[path] = distributions[path].clip(moved)
        return perturbed

    def _remove(self, trial: int) -> None:
        if trial in self._negative_scores:
            ranking = self._ranking_of(trial)
            del ranking[bisect.bisect_left(ranking, (self._negative_scores.pop(trial), trial))]

    def _ranking_of(self, trial: int) -> list[tuple[float, int]]:
        if trial not in self._settings:
            raise ValueError(f"population_based: trial {trial} reports, but add(trial, setting) was not called for it")
        return self._rankings[self._settings[trial].choices]
