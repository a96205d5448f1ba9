"""Where the host loop takes trials from, when lanes are free."""

from collections import deque
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from jaxnn.sweeps.space.space import Setting


@runtime_checkable
class TrialSource(Protocol):
    """Gives trials, of one program, whose settings may depend on the results of those that have ended."""

    @property
    def waiting(self) -> int:
        """The number of trials that it may still give."""
        ...

    def take(self, count: int) -> list[tuple[int, Setting]]:
        """Returns the next trials with their numbers, at most `count`; fewer if it has no more for now."""
        ...


class ListedTrials(TrialSource):
    """Gives trials that are known from the start."""

    def __init__(self, trials: Iterable[tuple[int, Setting]]) -> None:
        self._left = deque(trials)

    @property
    def waiting(self) -> int:
        return len(self._left)

    def take(self, count: int) -> list[tuple[int, Setting]]:
        return [self._left.popleft() for _ in range(min(count, len(self._left)))]
