"""`load`: the result of a sweep from its directory, for analysis without the code that made it."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np

from jaxnn._checks.paths import check_path
from jaxnn.io.checkpoint import CheckpointError, load_by_name
from jaxnn.io.runs.configuration import read_configuration
from jaxnn.io.runs.journal import Journal, unpack_array
from jaxnn.layers.attention import AttentionParams
from jaxnn.layers.dense import Affine
from jaxnn.layers.norms import NormParams
from jaxnn.layers.recurrent import RecurrentParams
from jaxnn.sweeps.describe import read_setting
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialLayout, TrialResult, make_untrained, name_curves
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.space.distributions import LogNormal, LogUniform, Normal, Quantized, Uniform
from jaxnn.sweeps.space.integers import Integers, Seeds
from jaxnn.sweeps.space.space import Choice, Choices, Setting, active_distributions, fill_space
from jaxnn.sweeps.space.whole import Depths, Inherited, Sizes, Switches

_NODES = {node.__name__: node for node in (
    Uniform, LogUniform, Normal, LogNormal, Quantized, Integers, Seeds, Sizes, Depths, Switches, Choice,
)}  # fmt: skip
# The layers' parameters, by the names of their parts; a part that is None has no file.
_PARAMS = {frozenset(each._fields): each for each in (Affine, NormParams)} | {
    frozenset({"weight"}): functools.partial(Affine, bias=None),
    frozenset({"scale"}): functools.partial(NormParams, bias=None),
}
_PARAMS_OF_AFFINES = {frozenset(each._fields): each for each in (RecurrentParams, AttentionParams)}


def load(directory: str | Path) -> SweepResult:
    """Opens the result of a sweep from its directory, also of one that runs or has not ended.

    It has settings, tables, curves, importance and plots, and the parameters of the kept trials as of the last
    checkpoint: dicts of arrays by name, in which those of a layer are an `Affine` or `NormParams` again. Functions
    among the options of the space are their names. What needs code (`recipe_of`, `predict`, `replay`) raises
    ValueError: call `sweep` again with the same arguments and directory for these.

    Args:
        directory: as given to `sweep`.

    Raises:
        ValueError: a directory without a sweep, or one of another version of jaxnn.
        CheckpointError: damaged files.
        OSError: files that cannot be read.

    Example:
        >>> import jax, jaxnn as nn, optax
        >>> line = np.linspace(0, 1, 8, dtype=np.float32)[:, None], np.linspace(0, 3, 8, dtype=np.float32)[:, None]
        >>> def make_recipe(hypers):
        ...     return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["rate"]))
        >>> options = {"key": jax.random.key(0), "trials": 4, "epochs": 2, "validation": line, "progress": False}
        >>> result = nn.sweep(make_recipe, {"rate": nn.uniform(0, 1)}, line, directory="rates", **options)
        >>> load("rates").best.hypers == result.best.hypers
        True
    """
    path = check_path("load", directory)
    configuration = read_configuration("load", path)
    if configuration is None or configuration.get("kind") != "sweep":
        raise ValueError(f"load: directory={str(directory)!r} holds no sweep")
    events = [entry.event for entry in Journal(path / "journal.jsonl", "load").entries]
    layout = TrialLayout(**{name: configuration[name] for name in TrialLayout._fields})
    layout = layout._replace(metrics=tuple(layout.metrics or ()))
    space = {
        name[len("space.") :]: _read_node(node) for name, node in configuration.items() if name.startswith("space.")
    }
    trials = tuple(_read_trials(events, layout))
    kept = {trial: params for trial, params in _read_kept(path, events).items() if trial < len(trials)}
    chunks = tuple(
        ChunkStats(*(event[name] for name in ChunkStats._fields)) for event in events if event["event"] == "chunk"
    )
    return SweepResult(trials, kept, chunks, cast(Any, SavedPlan(space, layout)), Programs())


class SavedPlan(NamedTuple):
    """What a directory tells of the plan of a sweep: the space, and lanes and epochs of a trial."""

    space: dict[str, Any]
    layout: TrialLayout
    labels: None = None
    preparations: tuple[()] = ()

    def hypers(self, setting: Setting) -> dict[str, Any]:
        """Returns the hypers of a setting."""
        return fill_space(self.space, setting.choices, setting.values)

    def inherited(self, choices: Choices) -> tuple[str, ...]:
        """Returns the paths of sizes, depths and switches under these choices."""
        distributions = active_distributions(self.space, choices)
        return tuple(path for path, node in distributions.items() if isinstance(node, Inherited))

    def recipe(self, *_: Any) -> NoReturn:
        """Raises ValueError: recipes are code."""
        raise ValueError(
            "sweep: load opened this result without the code that made it; call sweep with the same arguments and "
            "directory for recipes, predictions and replays"
        )

    recipe_maker = make_program = recipe


def _read_node(described: Any) -> Any:
    """Returns a part of a space from its description."""
    if not isinstance(described, dict):
        return described
    [name, *others], [fields, *_] = (list(each) or [None] for each in (described, described.values()))
    if others or name not in _NODES or not isinstance(fields, dict):
        return {name: _read_node(part) for name, part in described.items()}
    parts: dict[str, Any] = {
        field: tuple(map(_read_node, value)) if isinstance(value, list) else value for field, value in fields.items()
    }
    return _NODES[name](**parts)


def _read_trials(events: Iterable[dict[str, Any]], layout: TrialLayout) -> list[TrialResult]:
    """Returns the results of all trials that were drawn, with curves up to the last chunk."""
    drawn: dict[int, Setting] = {}
    ended: dict[int, dict[str, Any]] = {}
    curves = _CurveReader(layout)
    for event in events:
        if event["event"] == "batch":
            drawn |= {each["trial"]: read_setting(each) for each in event["settings"]}
        elif event["event"] == "trial":
            ended[event["trial"]] = event
        elif event["event"] == "chunk":
            curves.add_chunk(event, ended)
    return [
        _read_trial(number, drawn[number], ended.get(number), curves.join(number), layout) for number in sorted(drawn)
    ]


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

    def __init__(self, layout: TrialLayout) -> None:
        self._layout = layout
        self._running: dict[int, slice] = {}
        self._parts: dict[int, list[np.ndarray]] = {}

    def add_chunk(self, event: dict[str, Any], ended: dict[int, dict[str, Any]]) -> None:
        """Adds a chunk; `ended` has the trials that have ended up to its end."""
        table = unpack_array(event["curves"])
        for lane, trial in event["starts"]:
            if trial not in self._running:
                self._running[trial], self._parts[trial] = slice(lane, lane + self._layout.lanes), []
        for trial, lanes in self._running.items():
            done = sum(part.shape[2] for part in self._parts[trial])
            own = min(event["epochs"], event["limits"][lanes.start] - done)
            self._parts[trial].append(table[:, lanes, :own])
        self._running = {trial: lanes for trial, lanes in self._running.items() if trial not in ended}

    def join(self, trial: int) -> np.ndarray:
        """Returns the curves of a trial, (quantity, lane, epoch)."""
        nothing = np.zeros((self._layout.quantities, self._layout.lanes, 0), np.float32)
        return np.concatenate([nothing, *self._parts.get(trial, [])], axis=2)


def _read_kept(path: Path, events: list[dict[str, Any]]) -> dict[int, Any]:
    """Returns the parameters in the newest checkpoint that is still there, by trial."""
    for event in reversed(events):
        if event["event"] != "checkpoint":
            continue
        file = path / event["file"]
        if not file.exists():
            raise CheckpointError(f"load: {file} is missing")
        named = [(name.split("/")[1:], leaf) for name, leaf in load_by_name(file).items() if name.startswith("kept/")]
        tree: dict[str, Any] = {}
        for names, leaf in named:
            _put(tree, names, leaf)
        return {int(trial): _name_layers(params) for trial, params in tree.items()}
    return {}


def _put(tree: dict[str, Any], names: list[str], leaf: np.ndarray) -> None:
    for name in names[:-1]:
        tree = tree.setdefault(name, {})
    tree[names[-1]] = leaf


def _name_layers(params: Any) -> Any:
    """Returns dicts that have the names of a layer's parameters as these."""
    if not isinstance(params, dict):
        return params
    parts = {name: _name_layers(part) for name, part in params.items()}
    kinds = {type(part) for part in parts.values()}
    known = _PARAMS if kinds == {np.ndarray} else _PARAMS_OF_AFFINES if kinds == {Affine} else {}
    layer = known.get(frozenset(parts))
    return layer(**parts) if layer else parts
