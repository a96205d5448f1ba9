"""Sweeps in pictures: the curves of all trials, their hypers beside one another, and the lanes at work."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxnn.plots.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

    from jaxnn.sweeps.results.columns import Column
    from jaxnn.sweeps.results.result import Sweep

_MAP = "viridis"
_DIVERGED = "0.75"


def sweep_curves(axes: "Axes", found: "Sweep", *, quantity: str = "scores", label: str | None = None) -> None:
    """Every trial's curve, coloured by its last score, the best one in red on top.

    Args:
        axes: to draw on.
        found: the sweep.
        quantity: "scores", "losses" or "validation_losses"; losses are on a logarithmic scale.
        label: of the vertical axis; by default the quantity.
    """
    curves, norm = found.curves(quantity), _colours(found.scores)
    epochs = np.arange(1, curves.shape[1] + 1)
    for trial in _worst_first(found.scores):
        known = ~np.isnan(curves[trial])  # all but where it was not judged
        style = {"color": _colour(found.scores[trial], norm), "linewidth": 0.8, "alpha": 0.7}
        # A curve of one epoch is a dot.
        axes.plot(epochs[known], curves[trial][known], marker=".", markersize=4, markevery=slice(-1, None), **style)
    if found.kept:
        best = found.best
        known = ~np.isnan(curves[best.trial])
        style = {"color": COLOURS[4], "linewidth": 2, "marker": ".", "markevery": slice(-1, None)}
        axes.plot(epochs[known], curves[best.trial][known], label=f"best: trial {best.trial}", **style)
        axes.legend(frameon=False)
    axes.set(xlabel="epoch", ylabel=label or quantity.replace("_", " "))
    if quantity != "scores":
        axes.set_yscale("log")
    _bar(axes, norm)


def parallel_coordinates(axes: "Axes", found: "Sweep") -> None:
    """One line for each trial across all hypers, coloured by its score, the best on top."""
    columns, norm = found.columns(), _colours(found.scores)
    heights = np.stack([_height(column) for column in columns], axis=1)
    for trial in _worst_first(found.scores):
        axes.plot(heights[trial], color=_colour(found.scores[trial], norm), linewidth=0.8, alpha=0.6)
    for place, column in enumerate(columns):
        axes.axvline(place, color="0.3", linewidth=0.8)
        _scale_beside(axes, place, column)
    axes.set_xticks(range(len(columns)), [column.path for column in columns])
    axes.set(yticks=[], xlim=(-0.15, len(columns) - 0.6), ylim=(-0.06, 1.06))
    axes.spines[:].set_visible(False)
    _bar(axes, norm)


def score_against(axes: "Axes", found: "Sweep", hyper: str, *, label: str = "score") -> None:
    """Each trial's score against one of its hypers; trials that diverged are marks on the lower edge.

    Args:
        axes: to draw on.
        found: the sweep.
        hyper: its path, names joined by dots.
        label: of the vertical axis.

    Raises:
        ValueError: a hyper that the space does not have.
    """
    columns = {column.path: column for column in found.columns()}
    if hyper not in columns:
        raise ValueError(f"score_against: the space has {', '.join(map(repr, columns))}, not {hyper!r}")
    column, diverged = columns[hyper], np.isnan(found.scores)
    shift = np.zeros(len(column.values))
    if column.options:  # so that the trials of one option do not hide one another
        shift = np.random.default_rng(0).uniform(-0.2, 0.2, len(column.values))
        axes.set_xticks(range(len(column.options)), column.options)
    places = column.values + shift
    axes.plot(places[~diverged], found.scores[~diverged], "o", color=COLOURS[0], markersize=3, alpha=0.6)
    if diverged.any():
        edge = axes.get_xaxis_transform()
        axes.plot(
            places[diverged], np.full(diverged.sum(), 0.01), "|", color=COLOURS[4], transform=edge, label="diverged"
        )
        axes.legend(frameon=False)
    axes.set(xlabel=hyper, ylabel=label)
    if column.logarithmic:
        axes.set_xscale("log")
    axes.grid(alpha=0.3)


def importance(axes: "Axes", found: "Sweep") -> None:
    """A bar for each hyper: its share in what decides the score."""
    shares = found.importance()
    names = list(shares)[::-1]
    axes.barh(names, [100 * shares[name] for name in names], color=COLOURS[0])
    axes.set(xlabel="importance for the score (%)", xlim=(0, 100))


def occupancy(axes: "Axes", found: "Sweep") -> None:
    """The share of lanes at work over the epochs that the program ran; shaded while trials waited for a lane."""
    ends = np.cumsum([call.epochs for call in found.calls])
    busy = 100 * np.array([call.busy for call in found.calls])
    waiting = np.array([call.waiting > 0 for call in found.calls])
    axes.stairs(busy, [0, *ends], color=COLOURS[0], linewidth=1.5)
    axes.stairs(105 * waiting, [0, *ends], fill=True, color=COLOURS[5], alpha=0.2, label="trials waiting for a lane")
    axes.legend(frameon=False, loc="lower left")
    axes.set(xlabel="epochs run by the lanes", ylabel="lanes at work (%)", ylim=(0, 105), xlim=(0, ends[-1]))


def _height(column: "Column") -> np.ndarray:
    """Values between 0 and 1 on their axis; the trials of one option lie a little apart."""
    low, high = _range(column)
    if column.options:
        noise = np.random.default_rng(0).uniform(-0.03, 0.03, len(column.values))
        return (column.values - low) / (high - low) + noise
    values = np.log(column.values) if column.logarithmic else column.values
    return (values - low) / (high - low if high > low else 1)


def _range(column: "Column") -> tuple[float, float]:
    if column.options:
        return 0.0, float(max(len(column.options) - 1, 1))
    values = np.log(column.values) if column.logarithmic else column.values
    return float(np.nanmin(values)), float(np.nanmax(values))


def _scale_beside(axes: "Axes", place: int, column: "Column") -> None:
    """The names of the options, or the ends of the range, beside an axis of the parallel coordinates."""
    low, high = _range(column)
    marks = [(option / max(len(column.options) - 1, 1), name) for option, name in enumerate(column.options)]
    if not marks:
        ends = np.exp([low, high]) if column.logarithmic else [low, high]
        marks = [(height, f"{end:.2g}") for height, end in zip((0, 1), ends, strict=True)]
    for height, name in marks:
        box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}
        axes.text(place + 0.02, height, name, va="center", fontsize=9, bbox=box)


def _colours(scores: np.ndarray) -> "Normalize":
    """From the tenth percentile to the best: the few that failed would take all the colours."""
    from matplotlib.colors import Normalize

    known = scores[np.isfinite(scores)] if np.isfinite(scores).any() else np.zeros(1)
    low, high = np.percentile(known, 10), known.max()
    return Normalize(low, high if high > low else low + 1, clip=True)


def _colour(score: Any, norm: "Normalize") -> Any:
    from matplotlib import colormaps

    return _DIVERGED if np.isnan(score) else colormaps[_MAP](norm(score))


def _worst_first(scores: np.ndarray) -> np.ndarray:
    return np.argsort(np.where(np.isnan(scores), -np.inf, scores), kind="stable")


def _bar(axes: "Axes", norm: "Normalize") -> None:
    from matplotlib.cm import ScalarMappable

    axes.figure.colorbar(ScalarMappable(norm, _MAP), ax=axes, label="last score", extend="min")
