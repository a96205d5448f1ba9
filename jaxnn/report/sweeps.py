"""The document of a sweep: its trials as columns, their curves, and what they say."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxnn.io.runs.named import name_described
from jaxnn.report.about import About, describe_about
from jaxnn.report.classes import describe_classes
from jaxnn.report.lanes import describe_lanes, describe_time
from jaxnn.report.notes import list_notes
from jaxnn.report.numbers import choose_grid, pack_curves, shorten, shorten_all
from jaxnn.report.ranges import find_range
from jaxnn.sweeps.results.tables import Column, mean_curve

if TYPE_CHECKING:
    from jaxnn.sweeps.results.result import SweepResult

STATUSES = "finished", "stopped", "diverged", "failed", "unfinished"
_CURVES = {"losses": "training loss", "validation_losses": "validation loss", "scores": "score"}


def describe_sweep(result: "SweepResult", about: About) -> dict[str, Any]:
    """Returns everything that the page of a sweep shows, as JSON.

    Args:
        result: of the sweep, also of one that goes on.
        about: what the result does not tell.
    """
    repeats, folds, epochs, _, metrics = result.plan.layout
    score = about.configuration.get("score")
    return describe_about(about) | {
        "kind": "sweep",
        "epochs": epochs,
        "repeats": repeats,
        "folds": folds,
        "score": "minus the validation loss" if score is None else name_described(score),
        "best": _find_best(result),
        "kept": sorted(result.kept),
        "statuses": STATUSES,
        "trials": _describe_trials(result),
        "hypers": [_describe_hyper(column, result.space) for column in result.columns()],
        "metrics": [{"name": name, "values": _list_metric(result, name)} for name in metrics],
        "curves": _describe_curves(result, is_loss=score is None),
        "notes": list_notes(result),
        "thorough": about.thorough,
        "importance": _list_importance(result) if about.thorough else None,
        "classes": describe_classes(about.outputs, pictures=about.pictures),
        "lanes": describe_lanes(result),
        "time": describe_time(result, about.seconds),
    }


def _find_best(result: "SweepResult") -> int | None:
    """Returns the number of the best trial, or None."""
    return result.best.trial if any(trial.has_params for trial in result.trials) else None


def _describe_trials(result: "SweepResult") -> dict[str, Any]:
    trials = result.trials
    return {
        "status": [STATUSES.index(trial.status) for trial in trials],
        "score": shorten_all(trial.score for trial in trials),
        "std": shorten_all(trial.score_std for trial in trials),
        "epochs": [trial.epochs for trial in trials],
        "score_epoch": [trial.score_epoch for trial in trials],
        "seconds": shorten_all(round(trial.seconds, 3) for trial in trials),
        "copies": {trial.trial: list(map(_describe_copy, trial.copies)) for trial in trials if trial.copies},
        "reasons": {trial.trial: trial.reason for trial in trials if trial.reason and trial.status != "unfinished"},
    }


def _describe_copy(copy: tuple[int, int, dict[str, float]]) -> tuple[int, int, dict[str, Any]]:
    """Returns the epoch after which a trial went on from another, that one, and the hypers it then had."""
    epoch, parent, values = copy
    return epoch, parent, {name: shorten(value) for name, value in values.items()}


def _describe_hyper(column: Column, space: dict[str, Any]) -> dict[str, Any]:
    low, high = find_range(space, column.path) or (np.nan, np.nan)
    return {
        "name": column.path,
        "values": shorten_all(column.values),
        "options": list(column.options),
        "log": column.logarithmic,
        "low": shorten(low),
        "high": shorten(high),
    }


def _list_metric(result: "SweepResult", name: str) -> list[float | int | None]:
    return shorten_all(trial.metrics[name] for trial in result.trials)


def _list_importance(result: "SweepResult") -> list[tuple[str, float | int | None]] | None:
    """Returns the importance of each hyper; None for few trials or without scikit-learn."""
    try:
        return [(name, shorten(share)) for name, share in result.importance().items()]
    except (ImportError, ValueError):
        return None


def _describe_curves(result: "SweepResult", *, is_loss: bool) -> dict[str, Any]:
    """Returns the curves of all trials at the epochs of a grid, the most telling first.

    A score that is minus the validation loss needs no curves of its own.
    """
    names = ["validation_losses", "losses"] if is_loss else ["scores", "validation_losses", "losses"]
    names = names[:1] + list(result.plan.layout.metrics) + names[1:]
    ends = np.array([trial.epochs for trial in result.trials], int)

    def iterate(name: str) -> Iterator[np.ndarray]:
        # A table of all would take more memory than the result.
        return (mean_curve(trial, name) for trial in result.trials)

    grid = choose_grid(iterate(names[0]), ends, len(names))
    return {
        "grid": grid,
        "quantities": [
            {
                "name": _CURVES.get(name, name),
                "score": name == "scores",
                "loss": name.endswith("losses"),
                "values": pack_curves(iterate(name), ends, grid),
            }
            for name in names
        ],
    }
