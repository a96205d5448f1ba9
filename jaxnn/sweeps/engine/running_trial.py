"""A trial while it runs: its lanes, its limit, and the results of its chunks so far."""

import math
import time
from dataclasses import dataclass, field

import numpy as np

from jaxnn.sweeps.engine.chunk_result import ChunkResult
from jaxnn.sweeps.engine.early_stop import repeat_last
from jaxnn.sweeps.engine.trial import BY_RULE, BY_SCHEDULER, TrialResult, name_curves
from jaxnn.sweeps.space.space import Setting
from jaxnn.training.evaluation import Curves

_SCORES = Curves._fields.index("scores")


@dataclass(slots=True)
class RunningTrial:
    """A trial in its lanes.

    Attributes:
        trial: its number.
        setting: its hypers at the start.
        lanes: the slice of lanes that it occupies.
        limit: the epoch of its next report, at which its lanes freeze.
        values: its traced hypers now.
        epochs: after which it ends.
        metrics: their names, in the order of the curves.
        dispatched: the number of epochs that were dispatched to the devices.
        epoch: the number of epochs whose results were read.
        diverged: the first epoch in which a loss of a lane was not finite; 0 without one.
        stopped: the epoch after which the stopping rule had ended all lanes; 0 before that.
        started: the time at which its first chunk began.
        seconds: the time that it took in an earlier run.
        history: the curves of its lanes in each chunk, (quantity, lane, epoch), and the number of its epochs in them.
        copies: (epoch, parent, values) so far.
        keeps_best: whether the best epoch so far counts, rather than the last.
        best: the best mean score of its lanes so far, and its epoch.
    """

    trial: int
    setting: Setting
    lanes: slice
    limit: int
    values: dict[str, float]
    epochs: int
    keeps_best: bool = False
    metrics: tuple[str, ...] = ()
    dispatched: int = 0
    epoch: int = 0
    diverged: int = 0
    stopped: int = 0
    started: float = 0.0
    seconds: float = 0.0
    history: list[tuple[np.ndarray, int]] = field(default_factory=list)
    copies: list[tuple[int, int, dict[str, float]]] = field(default_factory=list)
    best: tuple[float, int] = (-math.inf, 0)

    def go_on(self, earlier: TrialResult) -> None:
        """Goes on after the last epoch of an earlier run, whose state is put into its lanes."""
        table = earlier.table
        self.history.append((table, earlier.epochs))
        self.dispatched, self.epoch, self.seconds = earlier.epochs, earlier.epochs, earlier.seconds
        if self.keeps_best:
            self._update_best(table[_SCORES].mean(axis=0), 0)

    def dispatch(self, epochs: int) -> int:
        """Counts a chunk that is dispatched; returns how many of its epochs this trial trains."""
        own = min(epochs, self.limit - self.dispatched)
        self.dispatched += own
        return own

    def record(self, own: int, result: ChunkResult, chunk_started: float, *, has_ends: bool) -> int:
        """Records a chunk's results; returns the lane-epochs that were trained.

        It copies no array, since it is called for every trial of every chunk.

        Args:
            own: the number of the chunk's epochs that this trial trained.
            result: of the chunk.
            chunk_started: the time at which the chunk began.
            has_ends: whether a lane of the chunk ended early.
        """
        before = self.epoch
        self.epoch += own
        self.started = self.started or chunk_started
        trained = self._record_ends(own, before, result) if has_ends else None
        self.history.append((result.curves[:, self.lanes], own))
        if self.keeps_best:
            self._update_best(result.curves[_SCORES, self.lanes, :own].mean(axis=0), before)
        return (self.lanes.stop - self.lanes.start) * own if trained is None else trained

    def _record_ends(self, own: int, before: int, result: ChunkResult) -> int:
        """Records the lanes that diverged or that their rule ended; returns the lane-epochs that were trained."""
        diverged = result.diverged[self.lanes]
        stopped = np.zeros_like(diverged) if result.stopped is None else result.stopped[self.lanes]
        if diverged.any():
            self.diverged = int(diverged[diverged > 0].min())
        elif stopped.all():
            self.stopped = int(stopped.max())
        last = self.history[-1][0][:, :, self.history[-1][1] - 1] if self.history else None
        first = self.lanes.start
        for lane, end in enumerate(stopped.tolist(), first):
            if end:
                repeat_last(result.curves, None if last is None else last[:, lane - first], lane, max(end - before, 0))
        ends = np.where(diverged > 0, diverged, stopped)
        return int(np.where(ends > 0, ends - before, own).clip(0, own).sum())

    @property
    def ended_early(self) -> bool:
        """Whether it has diverged, or its stopping rule has ended it."""
        return bool(self.diverged or self.stopped)

    def _update_best(self, scores: np.ndarray, before: int) -> None:
        """Compares the mean scores of epochs after `before`; the earliest of equal ones is the best."""
        comparable = np.where(np.isfinite(scores), scores, -np.inf)
        if comparable.size and comparable.max() > self.best[0]:
            self.best = float(comparable.max()), before + int(comparable.argmax()) + 1

    @property
    def score(self) -> float:
        """The score that counts: of the best epoch so far, or the latest; NaN if a lane has diverged."""
        if self.diverged or not self.best[1]:
            return self.latest_score
        return self.best[0]

    @property
    def latest_score(self) -> float:
        """The mean of the latest scores of its lanes; NaN if a lane has diverged."""
        if self.diverged:
            return float("nan")
        curves, own = self.history[-1]
        scores = curves[_SCORES, :, own - 1]
        return float(scores.sum() / len(scores))  # twice as fast as NumPy's mean

    def end(self, status: str) -> TrialResult:
        """Returns the result of a trial that has ended."""
        epochs = self.diverged or self.stopped or self.epoch
        score_epoch = self.best[1] if self.best[1] and not self.diverged else epochs
        parts = [curves[..., :own] for curves, own in self.history]
        joined = np.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]
        curves = name_curves(joined[..., :epochs], self.metrics)
        score_std = _measure_spread(curves.scores[:, score_epoch - 1])
        reasons = {
            "diverged": f"a loss was not finite in epoch {epochs}",
            "stopped": f"{BY_RULE if self.stopped else BY_SCHEDULER} after epoch {epochs}",
        }
        return TrialResult(
            trial=self.trial,
            setting=self.setting,
            status=status,
            epochs=epochs,
            score=self.score,
            score_std=float("nan") if self.diverged else score_std,
            seconds=self.seconds + time.perf_counter() - self.started,
            curves=curves,
            copies=tuple(self.copies),
            score_epoch=score_epoch,
            reason=reasons.get(status, ""),
        )


def _measure_spread(scores: np.ndarray) -> float:
    """Returns the standard deviation of the scores of all lanes; NaN if one is not finite."""
    if len(scores) == 1:
        return 0.0
    return float(scores.std()) if np.isfinite(scores).all() else float("nan")
