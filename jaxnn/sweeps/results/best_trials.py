"""What a sweep has found so far: every outcome, the parameters of the best, and a line for the progress bar."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from jaxnn.sweeps.engine.run import Call
from jaxnn.sweeps.engine.trial import Outcome


class Found:
    """Filled while the sweep runs; parameters are kept of the `keep` best only, whatever the number of trials."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.outcomes: dict[int, Outcome] = {}
        self.kept: dict[int, Any] = {}
        self.calls: list[Call] = []

    def add(self, outcome: Outcome, params: Callable[[], Any]) -> None:
        """A trial has ended; its parameters are read only if it is among the best."""
        self.outcomes[outcome.trial] = outcome
        if outcome.status == "diverged" or math.isnan(outcome.score):
            return
        if len(self.kept) == self.keep and outcome.score <= min(map(self._score, self.kept)):
            return
        self.kept[outcome.trial] = params()
        if len(self.kept) > self.keep:
            del self.kept[min(self.kept, key=self._score)]

    def summary(self) -> dict[str, str]:
        """For the progress bar: how many trials run, were stopped or diverged, and the best score so far."""
        count = Counter(outcome.status for outcome in self.outcomes.values())
        shown = {"running": str(self.calls[-1].running)} if self.calls else {}
        shown |= {name: str(count[name]) for name in ("stopped", "diverged") if count[name]}
        if self.kept:
            shown["best"] = f"{max(map(self._score, self.kept)):.4f}"
        return shown

    def _score(self, trial: int) -> float:
        return self.outcomes[trial].score
