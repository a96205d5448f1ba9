"""Who ran a sweep in blocks, so that a trial can be replayed to the same bits."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from types import MappingProxyType
from typing import Any, NamedTuple

from jaxnn.sweeps.schedulers.base import Scheduler


class Workers(NamedTuple):
    """Who ran a sweep in blocks: workers of an executor, or one process. A pickle holds conditions alone.

    Attributes:
        conditions: what decides bits on all of them; empty before the first block.
        executor: as given to `sweep`; None without.
        scheduler: of the sweep. With `keep` it makes the job that workers know, whose programs they have compiled.
        keep: of the sweep.
        elsewhere: the conditions of trials that ran under others, by number, see `on_mismatch` of `sweep`.
    """

    conditions: dict[str, Any]
    executor: Executor | Callable[[], Executor] | None = None
    scheduler: Scheduler | None = None
    keep: int = 1
    elsewhere: Mapping[int, dict[str, Any]] = MappingProxyType({})

    def conditions_of(self, trial: int) -> dict[str, Any]:
        """Returns the conditions under which a trial ran."""
        return self.elsewhere.get(trial, self.conditions)

    def __reduce__(self) -> Any:
        return Workers, (self.conditions, None, None, 1, dict(self.elsewhere))
