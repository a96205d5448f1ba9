"""What all trials of a sweep share, and the result of one."""

from typing import NamedTuple

import numpy as np

from jaxnn.sweeps.schedulers.base import to_rankable
from jaxnn.sweeps.space.space import Setting
from jaxnn.training.evaluation import Curves


class TrialLayout(NamedTuple):
    """What all trials of a sweep share.

    Attributes:
        repeats, folds: the lanes of a trial are repeats × folds.
        epochs: after which every trial ends.
        keep_epoch: "last" or "best", the epoch whose score and parameters are those of the trial.
        metrics: the names of the metrics.
    """

    repeats: int
    folds: int
    epochs: int
    keep_epoch: str = "last"
    metrics: tuple[str, ...] = ()

    @property
    def lanes(self) -> int:
        """The number of lanes of a trial."""
        return self.repeats * self.folds

    @property
    def quantities(self) -> int:
        """The number of curves of a lane: losses, validation losses, scores and metrics."""
        return 3 + len(self.metrics)


# Reasons of trials that were stopped; the epoch follows.
BY_SCHEDULER, BY_RULE = "stopped by the scheduler", "stopped by the stopping rule"


class TrialResult(NamedTuple):
    """The result of a trial, which has one lane for each of its repeats and folds.

    Attributes:
        trial: its number.
        setting: its hypers at the start.
        status: "finished" after all epochs; "stopped" by the scheduler or a stopping rule; "diverged"; "failed" if its
            model or loss refuses the shapes; "unfinished" if the sweep ended before it.
        epochs: the number of epochs that it ran; for a diverged trial, the epoch in which a loss was not finite.
        score: the mean over its lanes after the epoch `score_epoch`, higher is better; NaN if it diverged, failed or is
            unfinished. A score function may give NaN or infinity too; such a trial finishes, and ranks below all others
            that did not diverge.
        score_std: the standard deviation over its lanes; 0 for a single lane, NaN where the score is.
        seconds: the time from start to end, during which other trials ran too.
        curves: `losses`, `validation_losses`, `scores` and the `metrics` by name, each of shape (lanes, epochs); NaN
            where not evaluated.
        copies: (epoch, parent, values) of each copy under population-based training.
        score_epoch: the epoch of the score and of the parameters that are kept: the last, or with `keep_epoch="best"`
            the best of the mean of the lanes' curves.
        reason: why it did not finish, and in which other environment it ran; empty if neither.
        worker: the computer and the process that ran it, in a sweep in blocks; empty without.
    """

    trial: int
    setting: Setting
    status: str
    epochs: int
    score: float
    score_std: float
    seconds: float
    curves: Curves
    copies: tuple[tuple[int, int, dict[str, float]], ...]
    score_epoch: int
    reason: str = ""
    worker: str = ""

    def __repr__(self) -> str:
        score = f", score {self.score:.4g} ± {self.score_std:.2g} after epoch {self.score_epoch}" * self.has_params
        return f"TrialResult {self.trial}: {self.status}, {self.epochs} epochs{score}"

    @property
    def rank(self) -> float:
        """The score for comparisons: -inf where it is not finite."""
        return to_rankable(self.score)

    @property
    def has_params(self) -> bool:
        """Whether it has trained parameters."""
        return self.status in ("finished", "stopped")

    @property
    def stopped_by_scheduler(self) -> bool:
        """Whether the scheduler stopped it, and not a stopping rule."""
        return self.status == "stopped" and BY_SCHEDULER in self.reason

    @property
    def table(self) -> np.ndarray:
        """The curves as one array, (quantity, lane, epoch)."""
        return np.stack([*self.curves[:3], *self.curves.metrics.values()])

    @property
    def metrics(self) -> dict[str, float]:
        """The mean of each metric over its lanes at the epoch of the score; NaN where the score is."""
        if not self.has_params:
            return dict.fromkeys(self.curves.metrics, float("nan"))
        epoch = self.score_epoch - 1
        return {name: float(curve[:, epoch].sum() / len(curve)) for name, curve in self.curves.metrics.items()}


def name_curves(table: np.ndarray, metrics: tuple[str, ...]) -> Curves:
    """Returns an array (quantity, lane, epoch) as curves; the names are those of the last quantities."""
    if not metrics:
        return Curves(*table)  # all share an empty dict
    return Curves(*table[:3], metrics=dict(zip(metrics, table[3:], strict=True)))


def make_untrained(number: int, setting: Setting, layout: TrialLayout, status: str, reason: str) -> TrialResult:
    """Returns the result of a trial without a single epoch."""
    nan, curve = float("nan"), np.zeros((layout.lanes, 0), np.float32)
    curves = name_curves(np.stack([curve] * layout.quantities), layout.metrics)
    return TrialResult(number, setting, status, 0, nan, nan, 0.0, curves, (), 0, reason)
