"""What a sweep goes on from when it cannot simply resume: with more epochs, or in another environment.

The trials of the earlier run keep their numbers and settings. Those that have ended stay as they are. With more epochs,
those that had reached the limit train on, from their kept states or again from the start, and are not compared with
others on the way. In another environment, those that had not ended start again.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxnn.io.runs.configuration import find_changes
from jaxnn.io.runs.fingerprint import describe_environment
from jaxnn.io.runs.stored import StoredRun, continued_path, list_runs
from jaxnn.sweeps.describe import as_choices, read_setting
from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.stored_trials import read_checkpoint, read_chunks, read_trials
from jaxnn.sweeps.space.space import Choices, Setting


class EarlierBatch(NamedTuple):
    """Trials that started together.

    Attributes:
        settings: by number.
        asked: how many of them the sampler was asked for; None if it remembers the calls.
    """

    settings: dict[int, Setting]
    asked: int | None


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
    def trained(self) -> dict[int, tuple[TrialResult, list[np.ndarray]]]:
        """The results and states of the trials that can go on, by number."""
        return {number: (self.results[number], state) for number, state in self.states.items()}


class ChosenRun(NamedTuple):
    """The folder in which a sweep runs, and what it goes on from.

    Attributes:
        path: None without a directory.
        describe: returns the configuration of the run.
        earlier: None if it is the first run.
        is_new: whether it goes on from the last run, and has no checkpoint of its own.
    """

    path: Path | None
    describe: Callable[[], dict[str, Any]]
    earlier: EarlierRun | None = None
    is_new: bool = False


def choose_run(
    directory: Any, describe: Callable[[], dict[str, Any]], trials: int, on_mismatch: str = "raise"
) -> ChosenRun:
    """Returns the run of a directory that a call resumes, or the new one with which it goes on.

    Args:
        directory: as given to `sweep`.
        describe: returns the configuration of the call.
        trials: of the call.
        on_mismatch: whether a new run may go on from one of another environment: "raise" or "continue".

    Raises:
        ValueError: a run that others have gone on from, which would have to train; or one that cannot go on. Other
            differences are refused where the run is opened.
        CheckpointError: damaged files.
    """
    if directory is None:
        return ChosenRun(None, describe)
    root = Path(directory)
    runs = list_runs("sweep", root) if (root / "configuration.json").exists() else []
    if not runs or runs[-1].configuration["kind"] != "sweep":
        return ChosenRun(root, describe)
    described = describe()
    changes = [_find_changes(run, described) for run in runs]
    same = [number for number, change in enumerate(changes) if not change]
    if same:
        number = same[-1]
        if number + 1 < len(runs):
            _check_complete(runs[number], trials, runs[-1])
        return _choose(root, described, runs[:number])
    if _goes_on(runs[-1], changes[-1], described["epochs"], on_mismatch):
        return _choose(root, described, runs)._replace(is_new=True)
    # The last run is opened, and refuses with the changes.
    return _choose(root, described, runs[:-1])


def _choose(root: Path, described: dict[str, Any], before: list[StoredRun]) -> ChosenRun:
    """Returns the run that comes after others."""
    if not before:
        return ChosenRun(root, lambda: described)
    number = len(before)
    return ChosenRun(continued_path(root, number + 1), lambda: described | {"earlier": number}, _read_runs(before))


def _find_changes(run: StoredRun, described: dict[str, Any]) -> dict[str, str]:
    earlier = {"earlier": run.configuration["earlier"]} if "earlier" in run.configuration else {}
    return find_changes(run.configuration, described | earlier)


def _goes_on(run: StoredRun, changes: dict[str, str], epochs: int, on_mismatch: str) -> bool:
    """Returns whether a new run goes on from one whose configuration has changed."""
    if set(changes) == {"epochs"} and epochs > run.configuration["epochs"]:
        if run.checkpoint is None or not run.checkpoint.get("done"):
            before = run.configuration["epochs"]
            raise ValueError(
                f"sweep: the run in directory={str(run.path)!r} has not ended; make the call with epochs={before} "
                f"again, and then go on to {epochs}"
            )
        return True
    if set(changes) <= set(describe_environment()):
        if on_mismatch == "continue":
            return True
        raise ValueError(
            f"sweep: directory={str(run.path)!r} holds a run of another environment: {'; '.join(changes.values())}. "
            'on_mismatch="continue" keeps its trials that have ended, and starts the others again'
        )
    return False


def _check_complete(run: StoredRun, trials: int, newest: StoredRun) -> None:
    """Checks that a run that others have gone on from has nothing left to train."""
    assert run.checkpoint is not None
    if not run.checkpoint.get("done") or run.checkpoint["trials"] < trials:
        raise ValueError(
            f"sweep: the run in directory={str(run.path)!r} has gone on in {newest.path.name}, with "
            f"epochs={newest.configuration['epochs']}, and stays as it is: make the call that went on"
        )


def _read_runs(runs: list[StoredRun]) -> EarlierRun:
    """Reads what a run goes on from."""
    last, now = runs[-1], describe_environment()
    trials, saved = read_trials(runs, now), read_checkpoint("sweep", last)
    has_changed = find_changes({name: last.configuration.get(name) for name in now}, now)
    programs = [event for event in last.events if event["event"] == "program" and not has_changed]
    return EarlierRun(
        batches=tuple(_read_batches(runs)),
        results={number: result for number, result in trials.items() if result.status != "unfinished"},
        states={int(trial): _list_leaves(leaves) for trial, leaves in saved.get("states", {}).items()},
        params={int(trial): params for trial, params in saved.get("kept", {}).items()},
        epochs=last.configuration["epochs"],
        chunks=read_chunks(runs),
        lane_counts={as_choices(event["choices"]): LaneCount(*event["lane_count"]) for event in programs},
        traced={as_choices(event["choices"]): event["traced"] for event in programs},
    )


def _read_batches(runs: Iterable[StoredRun]) -> Iterable[EarlierBatch]:
    for run in runs:
        for event in run.events:
            if event["event"] == "batch":
                settings = {each["trial"]: read_setting(each) for each in event["settings"]}
                yield EarlierBatch(settings, event["asked"])


def _list_leaves(leaves: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [leaves[str(i)] for i in range(len(leaves))]
