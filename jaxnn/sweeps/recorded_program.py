"""Lanes that train nothing: their curves are those that an earlier sweep has recorded."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from jaxnn.sweeps.engine.chunk_result import ChunkResult
from jaxnn.sweeps.engine.chunk_runner import EarlierState
from jaxnn.sweeps.engine.lanes import LaneUpdates
from jaxnn.sweeps.engine.trial import TrialLayout, TrialResult


class RecordedLanes(NamedTuple):
    """The trial and the lane within it that each lane holds, and the epochs that it has done."""

    trial: np.ndarray
    member: np.ndarray
    epoch: np.ndarray


class RecordedProgram:
    """A program for the host loop of a sweep, which reads the trials' curves instead of training.

    A trial that diverged, or that its stopping rule ended, does so in the same epoch again.

    Attributes:
        size, width, max_epochs, lookahead: see `ChunkRunner`.
    """

    lookahead = 0

    def __init__(self, results: Mapping[int, TrialResult], layout: TrialLayout, size: int, max_epochs: int) -> None:
        self.size = self.width = size
        self.max_epochs = max_epochs
        self._layout = layout
        self._tables = {number: result.table for number, result in results.items()}
        self._diverged = _find_ends(results, "diverged")
        self._stopped = _find_ends(results, "stopped")

    def empty(self) -> RecordedLanes:
        return RecordedLanes(*np.zeros((3, self.size), int))

    def copy(self, lanes: Any, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> NoReturn:
        raise ValueError(
            "simulate: the scheduler copies parameters from trial to trial, and what a copy learns was not recorded; "
            "asha, hyperband and median_stopping only stop trials"
        )

    def put(self, lanes: Any, states: list[EarlierState]) -> NoReturn:
        raise NotImplementedError("no trial goes on from an earlier state")

    def advance(
        self, lanes: RecordedLanes, updates: LaneUpdates, epochs: int
    ) -> tuple[RecordedLanes, Callable[[], ChunkResult]]:
        """Moves each lane on to its limit, by `epochs` at most; returns the lanes and what reads their curves."""
        starts, members = updates.starts, updates.repeat * self._layout.folds + updates.fold
        trial, member = np.where(starts, (updates.trial, members), lanes[:2])
        before = np.where(starts, 0, lanes.epoch)
        after = RecordedLanes(trial, member, np.maximum(before, np.minimum(before + epochs, updates.limit)))
        return after, lambda: self._read(after, before, epochs)

    def _read(self, lanes: RecordedLanes, before: np.ndarray, epochs: int) -> ChunkResult:
        """Returns the result of a chunk."""
        curves = np.full((self._layout.quantities, self.size, epochs), np.nan, np.float32)
        diverged, stopped = np.zeros((2, self.size), np.int32)
        for lane in np.flatnonzero(lanes.epoch > before).tolist():
            trial, start, end = int(lanes.trial[lane]), int(before[lane]), int(lanes.epoch[lane])
            part = self._tables[trial][:, lanes.member[lane], start:end]
            curves[:, lane, : part.shape[1]] = part
            for ends, here in ((self._diverged, diverged), (self._stopped, stopped)):
                here[lane] = ends[trial] if ends.get(trial, end + 1) <= end else 0
        return ChunkResult(diverged, curves, stopped)


def _find_ends(results: Mapping[int, TrialResult], status: str) -> dict[int, int]:
    """Returns the last epochs of the trials that ended so."""
    return {number: result.epochs for number, result in results.items() if result.status == status}
