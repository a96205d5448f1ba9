"""The scheduler protocol: at which epochs a trial reports its score, and whether it then continues.

A `Scheduler` is a small configuration. Its `init(epochs, space, key)` returns the `TrialScheduler` of one sweep. For
each trial the sweep calls

    add(trial, setting)            before the trial starts
    start(trial)                   returns the first epoch at which it reports
    observe(trial, score)          after a chunk, for all trials that report or have diverged
    report(trial, epoch, score)    then, for those that report: returns `Continue`, `Stop` or `Copy`

`Continue` and `Copy` name the next epoch at which the trial reports. A diverged trial is observed with NaN, and ends
without a report. At the last epoch the trial ends, and the decision is ignored.

A scheduler reads no clock and shares no random generator. Its answers depend only on the arguments of `init` and the
calls so far, because a sweep resumes by repeating them. Higher scores are better; NaN counts as minus infinity.
"""

import math
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn._checks.describe import describe
from jaxnn._checks.warn import warn_user
from jaxnn.sweeps.space.space import Setting


class Continue(NamedTuple):
    """Continue training, and report at epoch `until`, which is later than this one."""

    until: int


class Stop(NamedTuple):
    """Stop the trial; its lanes are refilled."""


class Copy(NamedTuple):
    """Copy parameters and optimizer state of another trial, and continue from there.

    Attributes:
        parent: the number of the other trial, which has the same choices and is still running.
        values: the new values of the traced hypers, by path; see `Setting`.
        until: the epoch of the next report, later than this one.
    """

    parent: int
    values: dict[str, float]
    until: int


Decision = Continue | Stop | Copy


@runtime_checkable
class TrialScheduler(Protocol):
    """The scheduler of one sweep. Subclasses need `start` and `report`, and inherit the defaults of the others.

    Attributes:
        population: whether all trials with equal choices must run at the same time, as `Copy` needs it.

    Example:
        >>> from typing import NamedTuple
        >>> from jaxnn.sweeps import Continue, Stop, TrialScheduler
        >>> class StopBelow(TrialScheduler):
        ...     def __init__(self, least):
        ...         self.least = least
        ...     def start(self, trial):
        ...         return 10
        ...     def report(self, trial, epoch, score):
        ...         return Continue(epoch + 10) if score >= self.least else Stop()
        >>> class Threshold(NamedTuple):
        ...     least: float
        ...     def init(self, epochs, space, key):
        ...         return StopBelow(self.least)
        >>> Threshold(0.5).init(100, {}, jax.random.key(0)).report(0, 10, 0.7)
        Continue(until=20)
    """

    population: bool = False

    def add(self, trial: int, setting: Setting) -> None:
        """Receives a trial before it starts; does nothing by default."""

    def start(self, trial: int) -> int:
        """Returns the first epoch at which the trial reports, at least 1."""
        ...

    def observe(self, trial: int, score: float) -> None:
        """Receives a score before any decision; does nothing by default.

        Trials that reach their epochs together are all observed before the first of them is reported.
        """

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        """Returns the decision about a trial that has trained for `epoch` epochs and has this score now."""
        ...


@runtime_checkable
class Scheduler(Protocol):
    """What `sweep` takes as `scheduler`: a NamedTuple or frozen dataclass, whose fields a run directory records."""

    def init(self, epochs: int, space: dict[str, Any], key: Array) -> TrialScheduler:
        """Returns the scheduler of one sweep.

        Args:
            epochs: the epochs of a trial that is not stopped.
            space: the space of the sweep.
            key: a `jax.random.key` for random draws.
        """
        ...


def check_scheduler(scheduler: Any) -> None:
    """Checks that `scheduler` is None or a Scheduler instance; a name or a factory function is refused."""
    is_instance = not isinstance(scheduler, type) and isinstance(scheduler, Scheduler)
    if scheduler is not None and not is_instance:
        raise TypeError(
            "sweep: scheduler must be asha(...), hyperband(...), median_stopping(...), population_based(...), "
            f"an object with init, or None, not {describe(scheduler)}"
        )


def warn_of_late_rungs(scheduler: Any, epochs: int) -> None:
    """Warns of a scheduler that stops no trial, since its first comparison comes after the last epoch."""
    first = getattr(scheduler, "grace_period", None)
    if isinstance(first, int) and first >= epochs > 1:
        warn_user(f"sweep: the scheduler stops no trial: its grace_period={first} must be below epochs={epochs}")


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


def start_trial(scheduler: TrialScheduler, trial: int, setting: Setting) -> int:
    """Announces a trial to the scheduler; returns the checked epoch of its first report."""
    scheduler.add(trial, setting)
    return check_whole("sweep", "scheduler.start(trial)", scheduler.start(trial), least=1)


def report_trial(scheduler: TrialScheduler, trial: int, epoch: int, score: float) -> Decision:
    """Reports a trial to the scheduler; returns the checked decision.

    Raises:
        TypeError: something that is not a decision.
        ValueError: a next report that is not after this one.
    """
    decision = scheduler.report(trial, epoch, score)
    if not isinstance(decision, Continue | Stop | Copy):
        raise TypeError(f"sweep: scheduler.report must return Continue, Stop or Copy, not {decision!r}")
    if not isinstance(decision, Stop):
        check_whole("sweep", "until, the epoch of the next report,", decision.until, least=epoch + 1)
    return decision


def to_rankable(score: float) -> float:
    """Replaces NaN and infinity by minus infinity, so that scores can be compared."""
    return float(score) if math.isfinite(score) else -math.inf
