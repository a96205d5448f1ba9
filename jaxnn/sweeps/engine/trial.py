"""A trial while it runs, and what came of it."""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from jaxnn.sweeps.engine.epochs import Curves
from jaxnn.sweeps.space.space import Setting

_SCORES = Curves._fields.index("scores")


class Layout(NamedTuple):
    """How trials lie in lanes: `repeats` × `folds` lanes each, and the epoch at which every trial ends."""

    repeats: int
    folds: int
    epochs: int

    @property
    def lanes(self) -> int:
        """Lanes of one trial."""
        return self.repeats * self.folds


class Outcome(NamedTuple):
    """What came of a trial.

    Attributes:
        trial: its number.
        setting: its hypers, as it started.
        status: "finished", "stopped" by the scheduler, or "diverged".
        epochs: how many it ran.
        score: the mean over its lanes after the last epoch; NaN where it diverged.
        spread: the standard deviation over its lanes.
        seconds: from its start to its end, beside all the others.
        curves: of its lanes, each of shape (lanes, epochs); NaN where it was not judged.
        copies: (epoch, parent, values) of each copy under population-based training.
    """

    trial: int
    setting: Setting
    status: str
    epochs: int
    score: float
    spread: float
    seconds: float
    curves: Curves
    copies: tuple[tuple[int, int, dict[str, float]], ...]


@dataclass
class Running:
    """A trial in its lanes.

    Attributes:
        trial: its number.
        setting: its hypers, as it started.
        lanes: where it lies.
        limit: the epoch at which it is judged next, and at which its lanes freeze.
        values: its traced hypers now.
        sent: the epochs it has been sent for.
        epoch: those of them that it has told of.
        diverged: the first epoch at which a lane's loss was no longer finite; 0 as long as all are.
        started: on the clock, when its first call began.
        history: the curves of all lanes, call by call, each call's in one array (quantity, lane, epoch), and how many
            epochs of it are its own.
        copies: (epoch, parent, values) so far.
    """

    trial: int
    setting: Setting
    lanes: slice
    limit: int
    values: dict[str, float]
    sent: int = 0
    epoch: int = 0
    diverged: int = 0
    started: float = 0.0
    history: list[tuple[np.ndarray, int]] = field(default_factory=list)
    copies: list[tuple[int, int, dict[str, float]]] = field(default_factory=list)

    def send(self, epochs: int) -> int:
        """Note that it takes part in a call of so many epochs; how many of them are its own."""
        done = min(epochs, self.limit - self.sent)
        self.sent += done
        return done

    def proceed(self, done: int, diverged: np.ndarray | None, curves: np.ndarray, begun: float) -> int:
        """Note what a call told, in which it had so many epochs of its own; how many lane-epochs of it were at work.

        There are many calls and many trials: no array is touched that need not be, and `diverged` is None as long as
        no lane has.
        """
        before = self.epoch
        self.epoch += done
        self.started = self.started or begun
        self.history.append((curves, done))
        if diverged is None or not diverged[self.lanes].any():
            return (self.lanes.stop - self.lanes.start) * done
        ends = diverged[self.lanes]
        self.diverged = int(ends[ends > 0].min())
        return int(np.where(ends > 0, ends - before, done).clip(0, done).sum())

    @property
    def score(self) -> float:
        """The mean of its lanes' latest scores; NaN, the worst, where one has diverged."""
        if self.diverged:
            return float("nan")
        curves, done = self.history[-1]
        scores = curves[_SCORES, self.lanes, done - 1]
        return float(scores.sum() / len(scores))  # NumPy's mean, in half the time

    def outcome(self, status: str) -> Outcome:
        """What came of it."""
        epochs = self.diverged or self.epoch
        parts = [curves[:, self.lanes, :done] for curves, done in self.history]
        curves = Curves(*np.concatenate(parts, axis=2)[..., :epochs])
        spread = 0.0 if len(curves.scores) == 1 else float(curves.scores[:, -1].std())
        seconds = time.perf_counter() - self.started
        return Outcome(
            self.trial,
            self.setting,
            status,
            epochs,
            self.score,
            float("nan") if self.diverged else spread,
            seconds,
            curves,
            tuple(self.copies),
        )
