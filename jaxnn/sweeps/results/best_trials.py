"""The results of a sweep while it runs: every trial's result, and the parameters of the best."""

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialLayout, TrialResult, make_untrained
from jaxnn.sweeps.results.workers import Workers
from jaxnn.sweeps.space.space import Setting


class BestTrials:
    """Collects results, and keeps the parameters of the `keep` best trials only.

    Attributes:
        keep: the number of trials whose parameters are kept.
        drawn: the settings of all trials, by number.
        results: of all trials that have ended, by number.
        statuses: how many of these have each status.
        kept: the parameters of the best, by number; None for a trial whose best epoch was not its last, until it is
            replayed.
        chunks: the statistics of every chunk, in order.
        keeps_states: whether to keep the states of trainings, so that they can go on.
        states: of the lanes of trials that finished, by number.
        extended_to: the epochs to which another search went on from these; 0 without one.
        earlier: the results of an earlier run, which trials have until they have ended in this one.
        workers: who ran a sweep in blocks; None without.
        started: when the search started, in seconds of `time.monotonic`.
    """

    def __init__(self, keep: int, *, keeps_states: bool = False) -> None:
        self.keep, self.keeps_states = keep, keeps_states
        self.states: dict[int, list[np.ndarray]] = {}
        self.extended_to = 0
        self.earlier: dict[int, TrialResult] = {}
        self.drawn: dict[int, Setting] = {}
        self.results: dict[int, TrialResult] = {}
        self.statuses: Counter[str] = Counter()
        self.kept: dict[int, Any] = {}
        self.chunks: list[ChunkStats] = []
        self.workers: Workers | None = None
        self.started = time.monotonic()

    def add(self, result: TrialResult, read_params: Callable[[], Any]) -> None:
        """Adds a trial; reads its parameters only if it is among the best. None are replayed later.

        Of equal scores the lower trial is better, whichever ends first.
        """
        if result.trial in self.results:
            self.statuses[self.results[result.trial].status] -= 1
        self.results[result.trial] = result
        self.statuses[result.status] += 1
        if not result.has_params:
            return
        if len(self.kept) == self.keep and (result.rank, -result.trial) < min(map(self._order_of, self.kept)):
            return
        self.kept[result.trial] = read_params()
        if len(self.kept) > self.keep:
            del self.kept[min(self.kept, key=self._order_of)]

    def sorted_results(self) -> tuple[TrialResult, ...]:
        """Returns the results in the order of the trials' numbers."""
        return tuple(self.results[trial] for trial in sorted(self.results))

    def all_results(self, layout: TrialLayout) -> tuple[TrialResult, ...]:
        """Returns the results of all trials that were drawn; those that have not ended are "unfinished"."""
        reason = "the sweep ended before it"
        return tuple(
            self.results.get(number)
            or self.earlier.get(number)
            or make_untrained(number, setting, layout, "unfinished", reason)
            for number, setting in sorted(self.drawn.items())
        )

    def missing_params(self) -> list[int]:
        """Returns the kept trials whose parameters must be replayed."""
        return [trial for trial, params in self.kept.items() if params is None]

    def params_at_hand(self) -> dict[int, Any]:
        """Returns the parameters of the kept trials that need no replay."""
        return {trial: params for trial, params in self.kept.items() if params is not None}

    def summary(self) -> dict[str, str]:
        """Returns the text for the progress bar: running, stopped and diverged trials, and the best score."""
        shown = {"running": str(self.chunks[-1].running)} if self.chunks else {}
        shown |= {name: str(self.statuses[name]) for name in ("stopped", "diverged", "failed") if self.statuses[name]}
        if self.kept:
            shown["best"] = f"{max(map(self._rank_of, self.kept)):.4f}"
        return shown

    def has_finite_score(self) -> bool:
        """Returns whether a trial that did not diverge has a finite score; True if all diverged."""
        return not self.kept or any(self._rank_of(trial) > -math.inf for trial in self.kept)

    def _rank_of(self, trial: int) -> float:
        return self.results[trial].rank

    def _order_of(self, trial: int) -> tuple[float, int]:
        return self.results[trial].rank, -trial
