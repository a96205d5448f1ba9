"""Random search."""

from typing import Any, NamedTuple

from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.samplers.base import TrialSampler, make_generator
from jaxnn.sweeps.space.space import Setting, dimensions, settings_at


class RandomSampler(NamedTuple):
    """Draws each dimension independently from its distribution.

    The settings are one endless sequence, which depends on the space and the key alone. The first n are the same for
    any number of trials, and for any division into calls of `ask`.

    References:
        Bergstra and Bengio (2012), Random search for hyper-parameter optimization.
    """

    def init(self, space: dict[str, Any], key: Array, lanes: int | None) -> TrialSampler:
        del lanes
        return _Random(space, key)


class _Random(TrialSampler):
    """See `RandomSampler`."""

    ask_limit = None

    def __init__(self, space: dict[str, Any], key: Array) -> None:
        self._space = space
        self._dimensions = len(dimensions(space))
        self._generator = make_generator(key)

    def ask(self, n: int) -> list[Setting]:
        # Rows are drawn one after another, so dividing them between calls does not change them.
        n = check_whole("ask", "n", n, least=0)
        return settings_at(self._space, self._generator.random((n, self._dimensions)))
