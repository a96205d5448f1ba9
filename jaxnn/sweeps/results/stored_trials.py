"""The trials of a sweep from the journals and checkpoints of its directory."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.io.archive import CheckpointError
from jaxnn.io.checkpoint import NamedArrays, load_by_name
from jaxnn.io.runs.configuration import find_changes
from jaxnn.io.runs.fingerprint import ENVIRONMENT
from jaxnn.io.runs.journal import unpack_array
from jaxnn.io.runs.stored import StoredRun
from jaxnn.sweeps.describe import read_setting
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialLayout, TrialResult, make_untrained, name_curves
from jaxnn.sweeps.space.space import Setting


def read_layout(configuration: dict[str, Any]) -> TrialLayout:
    """Returns the layout of the trials of a run."""
    layout = TrialLayout(**{name: configuration[name] for name in TrialLayout._fields})
    return layout._replace(metrics=tuple(layout.metrics or ()))


class StoredTrial(NamedTuple):
    """The result of a trial, and the number of the run in which it ended."""

    result: TrialResult
    run: int


def read_trials(runs: Sequence[StoredRun], environment: dict[str, Any]) -> dict[int, StoredTrial]:
    """Returns the results of all trials that were drawn, by number, with curves up to the last chunk.

    Runs that went on from others come after these. A trial that has not ended in one has the result of the one before.
    The reason of a trial of another environment says so.
    """
    trials: dict[int, StoredTrial] = {}
    for place, run in enumerate(runs):
        note = note_elsewhere(get_environment(run), environment)
        for number, result in _read_run(run, {number: trial.result for number, trial in trials.items()}).items():
            if result.status != "unfinished" or number not in trials:
                trials[number] = StoredTrial(add_note(result, note), place)
    return dict(sorted(trials.items()))


def note_elsewhere(was: dict[str, Any], now: dict[str, Any]) -> str:
    """Returns what the reason of a trial says of an environment that was another; "" of one that was the same."""
    changes = find_changes(was, now)
    return f"ran in another environment: {'; '.join(changes.values())}" if changes else ""


def add_note(result: TrialResult, note: str) -> TrialResult:
    """Returns a result whose reason has a note, unless that is empty."""
    return result._replace(reason="; ".join(filter(None, (result.reason, note)))) if note else result


def get_environment(run: StoredRun) -> dict[str, Any]:
    """Returns the environment of a run."""
    return {name: run.configuration.get(name) for name in ENVIRONMENT}


def read_saved(
    caller: str, runs: Sequence[StoredRun], trials: dict[int, StoredTrial], part: str, *, newest: bool = False
) -> dict[int, Any]:
    """Returns what checkpoints hold of trials, the newest first, from the run in which each ended on.

    Args:
        caller: for messages.
        runs: as given to `read_trials`.
        trials: as it returned them.
        part: "kept" for their parameters, "states" for those of their lanes.
        newest: whether only the newest run counts.
    """
    saved = [
        {} if newest and place < len(runs) - 1 else read_checkpoint(caller, run).get(part, {})
        for place, run in enumerate(runs)
    ]
    found = {}
    for number, trial in trials.items():
        trees = [each[str(number)] for each in saved[trial.run :] if str(number) in each]
        if trees:
            found[number] = trees[-1]
    return found


def read_chunks(runs: Iterable[StoredRun]) -> tuple[ChunkStats, ...]:
    """Returns the statistics of all chunks."""
    events = [event for run in runs for event in run.events if event["event"] == "chunk"]
    # Earlier versions recorded fewer numbers.
    return tuple(ChunkStats(**{name: event[name] for name in ChunkStats._fields if name in event}) for event in events)


class Node(dict[str, Any]):
    """The parts of a node of a checkpoint by name.

    Attributes:
        kind: the name of the NamedTuple of this library that it was, or "dict" for any other node; None in a file of a
            version that did not record it.
    """

    kind: str | None = "dict"


def read_checkpoint(caller: str, run: StoredRun) -> dict[str, Any]:
    """Returns the arrays of the last checkpoint of a run as nested `Node`s; an empty dict without one.

    Raises:
        CheckpointError: a file that is missing or damaged.
    """
    if run.checkpoint is None:
        return {}
    file = run.path / run.checkpoint["file"]
    if not file.exists():
        raise CheckpointError(f"{caller}: {file} is missing")
    return as_nodes(load_by_name(file))


def as_nodes(stored: NamedArrays) -> Node:
    """Returns arrays by name as nested nodes."""
    tree = Node()
    for name, leaf in stored.arrays.items():
        *outer, last = name.split("/")
        node = tree
        for depth, each in enumerate(outer, 1):
            node = node.setdefault(each, Node())
            node.kind = None if stored.nodes is None else stored.nodes.get("/".join(outer[:depth]), "dict")
        node[last] = leaf
    return tree


def fill_by_name(named: Any, like: Any) -> Any:
    """Returns nested dicts of arrays by name as a pytree of the structure of `like`."""

    def find(path: Any, _: Any) -> Any:
        names = filter(None, jax.tree_util.keystr(path, simple=True, separator="/").split("/"))
        return functools.reduce(lambda node, name: node[name], names, named)

    return jax.tree_util.tree_map_with_path(find, like)


def _read_run(run: StoredRun, earlier: dict[int, TrialResult]) -> dict[int, TrialResult]:
    """Returns the results of the trials that a run has drawn or continued."""
    layout = read_layout(run.configuration)
    drawn: dict[int, Setting] = {}
    ended: dict[int, dict[str, Any]] = {}
    curves = _CurveReader(layout, earlier)
    for event in run.events:
        if event["event"] == "batch":
            drawn |= {each["trial"]: read_setting(each) for each in event["settings"]}
        elif event["event"] == "trial":
            ended[event["trial"]] = event
        elif event["event"] == "chunk":
            curves.add_chunk(event, ended)
    drawn |= {number: earlier[number].setting for number in ended if number in earlier}
    return {
        number: _read_trial(number, setting, ended.get(number), curves.join(number), layout)
        for number, setting in drawn.items()
    }


def _read_trial(
    number: int, setting: Setting, event: dict[str, Any] | None, curves: np.ndarray, layout: TrialLayout
) -> TrialResult:
    if event is None:
        unfinished = make_untrained(number, setting, layout, "unfinished", "the sweep ended before it")
        return unfinished._replace(epochs=curves.shape[2], curves=name_curves(curves, layout.metrics))
    result = make_untrained(number, setting, layout, event["status"], event["reason"])
    numbers = {name: float(event[name]) for name in ("score", "score_std", "seconds")}
    copies = tuple((epoch, parent, values) for epoch, parent, values in event["copies"])
    named = name_curves(curves[..., : event["epochs"]], layout.metrics)
    return result._replace(
        epochs=event["epochs"], score_epoch=event["score_epoch"], copies=copies, curves=named, **numbers
    )


class _CurveReader:
    """Collects the curves of trials from the chunks, by the lanes in which they started and the limits of these."""

    def __init__(self, layout: TrialLayout, earlier: dict[int, TrialResult]) -> None:
        self._layout, self._earlier = layout, earlier
        self._running: dict[int, slice] = {}
        self._parts: dict[int, list[np.ndarray]] = {}

    def add_chunk(self, event: dict[str, Any], ended: dict[int, dict[str, Any]]) -> None:
        """Adds a chunk; `ended` has the trials that have ended up to its end."""
        table = unpack_array(event["curves"])
        for trial, lane in event.get("continued", ()):
            self._start(trial, lane, [self._earlier[trial].table])
        for lane, trial in event["starts"]:
            if trial not in self._running:
                self._start(trial, lane, [])
        for trial, lanes in self._running.items():
            done = sum(part.shape[2] for part in self._parts[trial])
            own = min(event["epochs"], event["limits"][lanes.start] - done)
            self._parts[trial].append(table[:, lanes, :own])
        self._running = {trial: lanes for trial, lanes in self._running.items() if trial not in ended}

    def join(self, trial: int) -> np.ndarray:
        """Returns the curves of a trial, (quantity, lane, epoch)."""
        nothing = np.zeros((self._layout.quantities, self._layout.lanes, 0), np.float32)
        return np.concatenate([nothing, *self._parts.get(trial, [])], axis=2)

    def _start(self, trial: int, lane: int, parts: list[np.ndarray]) -> None:
        self._running[trial], self._parts[trial] = slice(lane, lane + self._layout.lanes), parts
