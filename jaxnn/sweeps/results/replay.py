"""A trial seen again, alone or with those it copied from: the same program, the same keys, the same bits."""

from typing import Any

import numpy as np

from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.run import run_trials
from jaxnn.sweeps.engine.trial import Outcome
from jaxnn.sweeps.results.result import Replay
from jaxnn.sweeps.schedulers.base import Continue, Copy, Stop


def replay(plan: Plan, program: Program, outcomes: tuple[Outcome, ...], trial: int) -> Replay:
    """Run a trial to where it ended; under population-based training its ancestors run beside it."""
    cast = _ancestors(outcomes, trial)
    script = _Script({number: outcomes[number] for number in cast}, judged=plan.judge == "rungs")
    found: dict[int, Any] = {}

    def report(outcome: Outcome, params: Any) -> None:
        found[outcome.trial] = (params(), outcome.curves)

    members = [(number, outcomes[number].setting) for number in sorted(cast)]
    layout = plan.layout._replace(epochs=max(outcomes[number].epochs for number in cast))
    for _ in run_trials(program, members, layout=layout, scheduler=script, report=report):
        pass
    params, curves = found[trial]
    return Replay(params, curves)


def _ancestors(outcomes: tuple[Outcome, ...], trial: int) -> set[int]:
    found, waiting = set(), [trial]
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += [parent for _, parent, _ in outcomes[number].copies]
    return found


def _rungs(outcome: Outcome) -> list[int]:
    known = ~np.isnan(outcome.curves.scores[0])
    return (np.flatnonzero(known) + 1).tolist()


class _Script:
    """A scheduler that repeats what was decided before; `judged` if it must visit the rungs at which trials were."""

    def __init__(self, outcomes: dict[int, Outcome], *, judged: bool) -> None:
        self.outcomes = outcomes
        # Everyone stops at everyone's copies, so that a parent is at the very epoch at which it was copied.
        stops = {epoch for outcome in outcomes.values() for epoch, _, _ in outcome.copies}
        if judged:
            stops |= {epoch for outcome in outcomes.values() for epoch in _rungs(outcome)}
        self.stops = sorted(stops)

    def add(self, trial: int, setting: Any) -> None: ...

    def start(self, trial: int) -> int:
        return self._next(trial, 0)

    def observe(self, trial: int, score: float) -> None: ...

    def report(self, trial: int, epoch: int, score: float) -> Continue | Copy | Stop:
        del score
        if epoch >= self.outcomes[trial].epochs:
            return Stop()
        for when, parent, values in self.outcomes[trial].copies:
            if when == epoch:
                return Copy(parent, values, self._next(trial, epoch))
        return Continue(self._next(trial, epoch))

    def _next(self, trial: int, epoch: int) -> int:
        return min((stop for stop in (*self.stops, self.outcomes[trial].epochs) if stop > epoch), default=epoch)
