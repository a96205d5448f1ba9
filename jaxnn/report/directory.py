"""The document of a run from its directory, without the code that made the run."""

from pathlib import Path
from typing import Any

import numpy as np

from jaxnn.io.runs.named import name_described
from jaxnn.io.runs.stored import StoredRun, list_runs, read_run
from jaxnn.report.about import About
from jaxnn.report.outputs import OUTPUTS_FILE, read_outputs
from jaxnn.report.sweeps import describe_sweep
from jaxnn.report.trainings import describe_curves
from jaxnn.sweeps.results.load import load

_CURVES = {"losses": "loss", "validation_losses": "validation_loss", "scores": "score"}


def describe_directory(directory: Path, title: str | None = None) -> dict[str, Any]:
    """Returns everything that the page of a run shows, as JSON.

    Args:
        directory: as given to `sweep` or `train`.
        title: the heading; None is the name of the directory.

    Raises:
        ValueError: a directory without a run, or with one of another version of jaxnn.
        CheckpointError: damaged files.
    """
    run = read_run("report", directory)
    if run.configuration.get("kind") not in ("sweep", "train"):
        raise ValueError(f"report: directory={str(directory)!r} holds no run of sweep or train")
    about = _describe(run, directory, title or directory.resolve().name)
    if run.configuration["kind"] == "train":
        return _describe_training(run, about)
    result = load(directory)
    runs = list_runs("report", directory) or [run]
    waits = any(trial.status == "unfinished" for trial in result.trials)
    outputs = read_outputs(runs[-1].path / OUTPUTS_FILE, result.best.trial if result.kept else None)
    about = about._replace(
        configuration=runs[-1].configuration,
        state="unfinished" if waits else "ended",
        seconds=_sum_seconds(runs),
        outputs=outputs,
    )
    document = describe_sweep(result, about)
    for hyper in document["hypers"]:
        hyper["options"] = _name_options(hyper["options"])
    return document


def _name_options(options: list[str]) -> list[str]:
    """Returns options without the modules that a directory gives functions, unless they are texts that end alike."""
    names = [name_described(option) for option in options]
    return names if len(set(names)) == len(names) else options


def _sum_seconds(runs: list[StoredRun]) -> float | None:
    """Returns the seconds of runs up to their last checkpoints; None if they do not tell."""
    seconds = [run.checkpoint.get("seconds") for run in runs if run.checkpoint is not None]
    known = [each for each in seconds if each is not None]
    return sum(known) if known and len(known) == len(runs) else None


def _describe(run: StoredRun, directory: Path, title: str) -> About:
    """Returns what a directory says of its run; the journal was written last when the run ended."""
    journal = run.path / "journal.jsonl"
    written = journal.stat().st_mtime if journal.exists() else 0.0
    is_done = run.checkpoint is not None and bool(run.checkpoint.get("done"))
    state = "ended" if is_done else "unfinished"
    return About(title, str(directory), run.configuration, state=state, written=written)


def _describe_training(run: StoredRun, about: About) -> dict[str, Any]:
    epochs = [event for event in run.events if event["event"] == "epoch"]
    curves = {
        name: _read_curve(epochs, column)
        for name, column in _CURVES.items()
        if column == "loss" or (epochs and column in epochs[0])
    }
    # Without a finite score, the parameters are those of the last epoch.
    scores, best = curves.get("scores", np.zeros(0)), len(curves["losses"])
    if np.isfinite(scores).any():
        best = int(np.where(np.isfinite(scores), scores, -np.inf).argmax()) + 1
    about = about._replace(seconds=_sum_seconds([run]), outputs=read_outputs(run.path / OUTPUTS_FILE, best))
    return describe_curves(dict(curves), about) | {"best_epoch": best or None, "diverged": None, "params": None}


def _read_curve(epochs: list[dict[str, Any]], column: str) -> np.ndarray:
    """Returns a curve from the events of epochs; NaN before a given state, of which the journal has none."""
    curve = np.full(epochs[-1]["epoch"] if epochs else 0, np.nan)
    for event in epochs:
        curve[event["epoch"] - 1] = float(event[column])
    return curve
