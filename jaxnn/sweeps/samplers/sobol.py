"""Quasi-random search by a Sobol sequence."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.samplers.base import TrialSampler, make_generator
from jaxnn.sweeps.space.space import Setting, dimensions, settings_at


class SobolSampler(NamedTuple):
    """Draws a scrambled Sobol sequence, which fills the unit cube more evenly than independent points.

    The sequence is balanced after each power of two, so choose such a number of trials. It depends on the space and
    the key alone. Even points are not always better ones: of 128 iris networks, the best score was -0.083 (median of 10
    searches, quartiles -0.086 and -0.081) and at random -0.079 (-0.084 and -0.078).

    References:
        Sobol (1967), On the distribution of points in a cube; Owen (1998), Scrambling Sobol' and Niederreiter-Xing
        points.
    """

    def init(self, space: dict[str, Any], key: Array, lanes: int | None) -> TrialSampler:
        del lanes
        return _Sobol(space, key)


class _Sobol(TrialSampler):
    """See `SobolSampler`."""

    ask_limit = None

    def __init__(self, space: dict[str, Any], key: Array) -> None:
        from scipy.stats import qmc  # a dependency of jax, slow to import

        self._space = space
        # SciPy 1.14 knows `seed` and not yet its new name, `rng`.
        options: dict[str, Any] = {"seed": make_generator(key)}
        self._sequence = qmc.Sobol(len(dimensions(space)), scramble=True, **options)
        self._points = self._sequence.random_base2(0)
        self._asked = 0

    def ask(self, n: int) -> list[Setting]:
        end = self._asked + check_whole("ask", "n", n, least=0)
        # SciPy warns of a sequence that does not end at a power of two.
        while len(self._points) < end:
            more = self._sequence.random_base2(len(self._points).bit_length() - 1)
            self._points = np.concatenate([self._points, more])
        points, self._asked = self._points[self._asked : end], end
        return settings_at(self._space, points)
