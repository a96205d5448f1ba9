"""The scheduler protocol: what it is asked about a trial, and what it may answer.

For each trial the engine calls `add(trial, setting)` and `start(trial)`, which returns the first epoch to report at.
At that epoch it calls `report(trial, epoch, score)`, which returns `Continue(until)`, `Stop()` or `Copy(parent, values,
until)`; `until` is the next epoch to report at. At the last epoch the answer is always `Stop()`.

A scheduler reads no clock and shares no random generator. Its answers depend on the calls so far alone, so a sweep
resumes by repeating the calls. Higher scores are better; NaN counts as minus infinity.
"""

import math
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array

from jaxnn.sweeps.space.space import Setting


class Continue(NamedTuple):
    """Continue training and report at epoch `until`."""

    until: int


class Stop(NamedTuple):
    """Stop the trial."""


class Copy(NamedTuple):
    """Copy parameters and optimizer state of `parent`, continue with `values`, and report at epoch `until`."""

    parent: int
    values: dict[str, float]
    until: int


Decision = Continue | Stop | Copy


@runtime_checkable
class TrialScheduler(Protocol):
    """The scheduler of one sweep; it remembers the reports. Subclasses inherit the defaults.

    Attributes:
        population: whether the trials of a program need a lane each, all at the same time.
    """

    population: bool = False

    def add(self, trial: int, setting: Setting) -> None:
        """Announces a trial before it starts; does nothing by default."""

    def start(self, trial: int) -> int:
        """Returns the first epoch to report at."""
        ...

    def observe(self, trial: int, score: float) -> None:
        """Receives a score without deciding; does nothing by default.

        Trials that reach their epochs together are all observed before the first of them is reported.
        """

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        """Decides about a trial that has trained for `epoch` epochs."""
        ...


@runtime_checkable
class Scheduler(Protocol):
    """What `sweep` takes as `scheduler`."""

    def init(self, epochs: int, space: dict[str, Any], key: Array) -> TrialScheduler:
        """Returns the scheduler of one sweep, for trials of at most `epochs` epochs; `key` is for random draws."""
        ...


def check_scheduler(scheduler: Any) -> None:
    """Checks that `scheduler` is None or a Scheduler instance; a name or a factory function is refused."""
    is_instance = not isinstance(scheduler, type) and isinstance(scheduler, Scheduler)
    if scheduler is not None and not is_instance:
        raise TypeError(
            "sweep: scheduler must be asha(...), hyperband(...), median_stopping(...), population_based(...), "
            f"an object with init, or None, not {scheduler!r}"
        )


def init_scheduler(
    scheduler: Scheduler | None, epochs: int, space: dict[str, Any], key: Array
) -> TrialScheduler | None:
    """Calls `scheduler.init` and checks what it returns; None stays None."""
    if scheduler is None:
        return None
    trial_scheduler = scheduler.init(epochs, space, key)
    if not isinstance(trial_scheduler, TrialScheduler):
        raise TypeError(
            "sweep: scheduler.init must return a TrialScheduler, with population, add, start, observe and report, "
            f"not {trial_scheduler!r}"
        )
    return trial_scheduler


def to_rankable(score: float) -> float:
    """Replaces NaN by minus infinity, so that scores can be compared."""
    return -math.inf if math.isnan(score) else float(score)
