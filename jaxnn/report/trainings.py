"""The document of a training: its curves, and the epoch of its parameters."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxnn.io.runs.named import name_described
from jaxnn.report.about import About, describe_about
from jaxnn.report.classes import describe_classes
from jaxnn.report.numbers import shorten, shorten_all
from jaxnn.training.epoch import judged_params
from jaxnn.training.run_files import cut_curves
from jaxnn.training.summary import count_numbers

if TYPE_CHECKING:
    from jaxnn.training.loop import LoopState
    from jaxnn.training.train import TrainResult

# The most points of a curve that a page shows.
_MAX_POINTS = 2000


def describe_training(result: "TrainResult", about: About) -> dict[str, Any]:
    """Returns everything that the page of a training shows, as JSON."""
    curves = {"losses": result.losses, "validation_losses": result.validation_losses, "scores": result.scores}
    return describe_curves(curves, about) | {
        "best_epoch": result.best_epoch,
        "diverged": result.diverged,
        "params": count_numbers(result.params),
    }


def describe_loop(loop: "LoopState", first: int, about: About) -> dict[str, Any]:
    """Returns everything that the page of a training shows while it goes on, after `first` epochs of another one."""
    (params, best), (losses, validation_losses, scores, _) = best_of_loop(loop), cut_curves(loop, first)
    curves = {"losses": losses, "validation_losses": validation_losses, "scores": scores}
    return describe_curves(curves, about) | {
        "best_epoch": best or None,
        "diverged": int(loop.diverged) or None,
        "params": count_numbers(params),
    }


def best_of_loop(loop: "LoopState") -> tuple[Any, int]:
    """Returns the parameters that a training would end with now, and the epochs after which it had them."""
    if loop.curves.scores is not None and int(loop.best.epoch):
        return loop.best.params, int(loop.best.epoch)
    return judged_params(loop.state), int(loop.state.epoch)


def describe_curves(curves: dict[str, np.ndarray | None], about: About) -> dict[str, Any]:
    """Returns the part of the document that the curves of a training make."""
    known = {name: np.asarray(curve) for name, curve in curves.items() if curve is not None}
    epochs = len(known["losses"])
    grid = np.unique(np.linspace(1, max(epochs, 1), _MAX_POINTS).round().astype(int))[: max(epochs, 0)]
    best = {}
    if "scores" in known and np.isfinite(known["scores"]).any():
        best = {"best_score": shorten(np.nanmax(known["scores"][np.isfinite(known["scores"])]))}
    return describe_about(about) | {
        "kind": "train",
        "epochs": epochs,
        "grid": grid.tolist(),
        "series": {name: shorten_all(curve[grid - 1]) for name, curve in known.items()},
        "score": _name_score(known, about),
        "classes": describe_classes(about.outputs, pictures=about.pictures),
        "last": {name: shorten(curve[-1]) for name, curve in known.items() if epochs},
        **best,
    }


def _name_score(curves: dict[str, np.ndarray], about: About) -> str:
    """Returns what the score is; empty if nothing tells."""
    if about.configuration.get("score") is not None:
        return name_described(about.configuration["score"])
    is_loss = "scores" in curves and np.array_equal(curves["scores"], -curves["validation_losses"], equal_nan=True)
    return "minus the validation loss" if is_loss else ""
