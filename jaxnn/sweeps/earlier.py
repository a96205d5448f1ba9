"""What a sweep goes on from when it cannot simply resume: with more epochs, or in another environment.

The trials of the earlier run keep their numbers and settings. Those that have ended stay as they are. With more epochs,
those that had reached the limit train on, from their kept states or again from the start, and are not compared with
others on the way. In another environment, those that had not ended start again.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from jaxnn.io.runs.configuration import find_changes
from jaxnn.io.runs.fingerprint import describe_environment
from jaxnn.io.runs.stored import StoredRun
from jaxnn.sweeps.describe import as_choices, read_setting
from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.stored_trials import (
    StoredTrial,
    get_environment,
    read_chunks,
    read_saved,
    read_trials,
)
from jaxnn.sweeps.space.space import Choices, Setting


class EarlierBatch(NamedTuple):
    """Trials that started together.

    Attributes:
        settings: by number.
        asked: how many the sampler was asked for; None if it remembers the calls.
        told: the results that it was told; empty if they have not all ended.
        note: what the sampler noted.
    """

    settings: dict[int, Setting]
    asked: int | None
    told: dict[int, TrialResult]
    note: Any = None


class EarlierRun(NamedTuple):
    """What a sweep goes on from.

    Attributes:
        batches: the settings, in the order in which they were drawn.
        results: of the trials that have ended, by number.
        states: of the lanes of trials at their end, by number.
        params: the kept parameters by trial; those of a file are dicts of arrays by name.
        epochs: its limit.
        chunks: its statistics.
        lane_counts: the lanes of its programs; empty in another environment.
        traced: what its programs compute, by their choices; empty in another environment.
        is_stored: whether it was read from a directory.
    """

    batches: tuple[EarlierBatch, ...]
    results: dict[int, TrialResult]
    states: dict[int, list[np.ndarray]]
    params: dict[int, Any]
    epochs: int
    chunks: tuple[ChunkStats, ...]
    lane_counts: dict[Choices, LaneCount]
    traced: dict[Choices, str]
    is_stored: bool = True

    @property
    def settings(self) -> dict[int, Setting]:
        """The settings of all trials, by number."""
        return {number: setting for batch in self.batches for number, setting in batch.settings.items()}

    @property
    def trained(self) -> dict[int, tuple[TrialResult, list[np.ndarray]]]:
        """The results and states of the trials that can go on, by number."""
        return {number: (self.results[number], state) for number, state in self.states.items()}


def read_runs(runs: list[StoredRun]) -> EarlierRun:
    """Reads what a run goes on from."""
    now = describe_environment()
    # As they were after each of the runs.
    stages = [read_trials(runs[: place + 1], now) for place in range(len(runs))]
    stored = stages[-1]
    same = [run for run in runs if not find_changes(get_environment(run), now)]
    programs = [(run, event) for run in same for event in run.events if event["event"] == "program"]
    epochs = runs[-1].configuration["epochs"]
    states = read_saved("sweep", runs, stored, "states")
    return EarlierRun(
        batches=tuple(_read_batches(runs, [_take_ended(stage) for stage in stages])),
        results=_take_ended(stored),
        states={number: [leaves[str(i)] for i in range(len(leaves))] for number, leaves in states.items()},
        params=read_saved("sweep", runs, stored, "kept"),
        epochs=epochs,
        chunks=read_chunks(runs),
        lane_counts={as_choices(event["choices"]): LaneCount(*event["lane_count"]) for _, event in programs},
        traced={
            as_choices(event["choices"]): event["traced"]
            for run, event in programs
            if run.configuration["epochs"] == epochs
        },
    )


def _take_ended(stored: dict[int, StoredTrial]) -> dict[int, TrialResult]:
    return {number: trial.result for number, trial in stored.items() if trial.result.status != "unfinished"}


def _read_batches(runs: list[StoredRun], ended: list[dict[int, TrialResult]]) -> Iterable[EarlierBatch]:
    """Returns the batches of runs, each with the results that the sampler was told, of those `ended` after a run."""
    for place, run in enumerate(runs):
        for event in run.events:
            if event["event"] == "batch":
                settings = {each["trial"]: read_setting(each) for each in event["settings"]}
                # Later runs may have trained on, but the settings after these were drawn with the results before.
                told = next((results for results in ended[place:] if settings.keys() <= results.keys()), {})
                told = {number: told[number] for number in settings if told}
                yield EarlierBatch(settings, event["asked"], told, event.get("note"))
