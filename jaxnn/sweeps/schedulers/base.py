"""What becomes of a trial: the answers of a scheduler, and what it is asked.

The engine calls `add(trial, setting)` and `start(trial)`, which answers the first epoch at which to report, and then
`report(trial, epoch, score)` there, which answers `Continue(until)`, the next such epoch, `Stop()`, or `Copy(parent,
values, until)`. At the last epoch the answer is always `Stop()`.

A scheduler reads no clock and shares no generator: its answers are a function of the calls so far, so that a sweep is
resumed by making its calls again. Higher scores are better; NaN counts as minus infinity, the worst.
"""

import math
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array

from jaxnn.sweeps.space.space import Setting


class Continue(NamedTuple):
    """Train on, and report when `until` epochs are done."""

    until: int


class Stop(NamedTuple):
    """Train no more."""


class Copy(NamedTuple):
    """Take over the parameters and optimizer state of `parent`, train on with `values`, and report at `until`."""

    parent: int
    values: dict[str, float]
    until: int


Decision = Continue | Stop | Copy


@runtime_checkable
class Judge(Protocol):
    """The scheduler of one sweep, which remembers its reports."""

    def add(self, trial: int, setting: Setting) -> None:
        """A trial that will start: its bucket and values. Only population-based training asks for them."""
        ...

    def start(self, trial: int) -> int:
        """The first epoch at which to report."""
        ...

    def observe(self, trial: int, score: float) -> None:
        """A score of now: of all trials that reached their epochs together, before the first of them is reported."""
        ...

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        """What becomes of a trial that has done `epoch` epochs."""
        ...


@runtime_checkable
class Scheduler(Protocol):
    """What `sweep` takes as `scheduler`."""

    def begin(self, epochs: int, space: dict[str, Any], key: Array) -> Judge:
        """For trials of at most `epochs` epochs; the key is for schedulers that draw."""
        ...


def check_scheduler(scheduler: Any) -> None:
    """A scheduler, made: a function that makes one, or a name, is none."""
    made = not isinstance(scheduler, type) and isinstance(scheduler, Scheduler)
    if scheduler is not None and not made:
        raise TypeError(
            "sweep: scheduler must be asha(...), hyperband(...), median_stopping(...), population_based(...), "
            f"an object with begin, or None, not {scheduler!r}"
        )


def ranked(score: float) -> float:
    """The score as a number that can be compared: NaN becomes minus infinity."""
    return -math.inf if math.isnan(score) else float(score)
