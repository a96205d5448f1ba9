"""Plots of a sweep: the curves of all trials, their hypers and scores, and the use of the lanes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxnn.plots.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

    from jaxnn.sweeps.results.result import SweepResult
    from jaxnn.sweeps.results.tables import Column

# The colours of scores.
_COLOUR_MAP = "viridis"
# Light grey, for the curves of trials without a score.
_DIVERGED = "0.75"


def sweep_curves(axes: "Axes", result: "SweepResult", *, quantity: str = "scores", label: str | None = None) -> None:
    """Draws every trial's curve, coloured by its score, with the best one in red on top.

    Args:
        axes: to draw on.
        result: of the sweep.
        quantity: "scores", "losses", "validation_losses" or the name of a metric; losses have a logarithmic axis.
        label: of the vertical axis; by default the quantity.
    """
    curves, norm = result.curves(quantity), _make_norm(result.scores)
    epochs = np.arange(1, curves.shape[1] + 1)
    for trial in _sort_worst_first(result.scores):
        known = ~np.isnan(curves[trial])  # NaN: not evaluated after this epoch, or stopped before it
        style = {"color": _pick_colour(result.scores[trial], norm), "linewidth": 0.8, "alpha": 0.7}
        # The marker on the last epoch makes a curve of one epoch visible.
        axes.plot(epochs[known], curves[trial][known], marker=".", markersize=4, markevery=slice(-1, None), **style)
    if result.kept:
        best = result.best
        known = ~np.isnan(curves[best.trial])
        style = {"color": COLOURS[4], "linewidth": 2, "marker": ".", "markevery": slice(-1, None)}
        axes.plot(epochs[known], curves[best.trial][known], label=f"best: trial {best.trial}", **style)
        axes.legend(frameon=False)
    axes.set(xlabel="epoch", ylabel=label or quantity.replace("_", " "))
    if quantity in ("losses", "validation_losses"):
        axes.set_yscale("log")
    _draw_colour_bar(axes, norm)


def parallel_coordinates(axes: "Axes", result: "SweepResult") -> None:
    """Draws one line per trial across all hypers, coloured by its score, the best on top.

    Args:
        axes: to draw on.
        result: of the sweep.
    """
    columns, norm = result.columns(), _make_norm(result.scores)
    heights = np.stack([_scale_to_unit(column) for column in columns], axis=1)
    for trial in _sort_worst_first(result.scores):
        axes.plot(heights[trial], color=_pick_colour(result.scores[trial], norm), linewidth=0.8, alpha=0.6)
    for index, column in enumerate(columns):
        axes.axvline(index, color="0.3", linewidth=0.8)
        _label_scale(axes, index, column)
    axes.set_xticks(range(len(columns)), [column.path for column in columns])
    axes.set(yticks=[], xlim=(-0.15, len(columns) - 0.6), ylim=(-0.06, 1.06))
    axes.spines[:].set_visible(False)
    _draw_colour_bar(axes, norm)


def score_against(axes: "Axes", result: "SweepResult", hyper: str, *, label: str = "score") -> None:
    """Draws each trial's score against one of its hypers; trials without a score are marks on the lower edge.

    Args:
        axes: to draw on.
        result: of the sweep.
        hyper: path of the hyper, its names joined by dots.
        label: of the vertical axis.

    Raises:
        ValueError: the space has no such hyper.
    """
    columns = {column.path: column for column in result.columns()}
    if hyper not in columns:
        raise ValueError(f"score_against: the space has {', '.join(map(repr, columns))}, not {hyper!r}")
    column, missing = columns[hyper], np.isnan(result.scores)
    x = column.values
    if column.options:  # random shifts keep the trials of one option apart
        x = x + np.random.default_rng(0).uniform(-0.2, 0.2, len(x))
        axes.set_xticks(range(len(column.options)), column.options)
    axes.plot(x[~missing], result.scores[~missing], "o", color=COLOURS[0], markersize=3, alpha=0.6)
    if missing.any():
        y = np.full(missing.sum(), 0.01)
        edge = axes.get_xaxis_transform()
        statuses = sorted({result.trials[trial].status for trial in np.flatnonzero(missing)})
        axes.plot(x[missing], y, "|", color=COLOURS[4], transform=edge, label=", ".join(statuses))
        axes.legend(frameon=False)
    axes.set(xlabel=hyper, ylabel=label)
    if column.logarithmic:
        axes.set_xscale("log")
    axes.grid(alpha=0.3)


def importance(axes: "Axes", result: "SweepResult") -> None:
    """Draws a bar for each hyper: its importance for the score, in percent.

    Args:
        axes: to draw on.
        result: of the sweep.
    """
    shares = result.importance()
    names = list(shares)[::-1]
    axes.barh(names, [100 * shares[name] for name in names], color=COLOURS[0])
    axes.set(xlabel="importance for the score (%)", xlim=(0, 100))


def occupancy(axes: "Axes", result: "SweepResult") -> None:
    """Draws the percentage of busy lanes over the epochs of the programs, shaded while trials waited for a lane.

    Args:
        axes: to draw on.
        result: of the sweep.
    """
    ends = np.cumsum([chunk.epochs for chunk in result.chunks])
    busy = 100 * np.array([chunk.busy for chunk in result.chunks])
    waiting = np.array([chunk.waiting > 0 for chunk in result.chunks])
    axes.stairs(busy, [0, *ends], color=COLOURS[0], linewidth=1.5)
    axes.stairs(105 * waiting, [0, *ends], fill=True, color=COLOURS[5], alpha=0.2, label="trials waiting for a lane")
    axes.legend(frameon=False, loc="lower left")
    axes.set(xlabel="epochs run by the lanes", ylabel="lanes at work (%)", ylim=(0, 105), xlim=(0, ends[-1]))


def _scale_to_unit(column: "Column") -> np.ndarray:
    """Scales the values of a hyper to 0 … 1, with random shifts between the trials of one option."""
    low, high = _compute_range(column)
    if column.options:
        noise = np.random.default_rng(0).uniform(-0.03, 0.03, len(column.values))
        return (column.values - low) / (high - low) + noise
    values = np.log(column.values) if column.logarithmic else column.values
    return (values - low) / (high - low if high > low else 1)


def _compute_range(column: "Column") -> tuple[float, float]:
    if column.options:
        return 0.0, float(max(len(column.options) - 1, 1))
    values = np.log(column.values) if column.logarithmic else column.values
    return float(np.nanmin(values)), float(np.nanmax(values))


def _label_scale(axes: "Axes", index: int, column: "Column") -> None:
    """Writes the names of the options, or the ends of the range, beside an axis of the parallel coordinates."""
    low, high = _compute_range(column)
    marks = [(option / max(len(column.options) - 1, 1), name) for option, name in enumerate(column.options)]
    if not marks:
        ends = np.exp([low, high]) if column.logarithmic else [low, high]
        marks = [(height, f"{end:.2g}") for height, end in zip((0, 1), ends, strict=True)]
    for height, name in marks:
        box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}
        axes.text(index + 0.02, height, name, va="center", fontsize=9, bbox=box)


def _make_norm(scores: np.ndarray) -> "Normalize":
    """Maps the range from the tenth percentile to the best score to 0 … 1.

    With the lowest scores in the range, all others might get one colour.
    """
    from matplotlib.colors import Normalize

    known = scores[np.isfinite(scores)] if np.isfinite(scores).any() else np.zeros(1)
    low, high = np.percentile(known, 10), known.max()
    return Normalize(low, high if high > low else low + 1, clip=True)


def _pick_colour(score: Any, norm: "Normalize") -> Any:
    from matplotlib import colormaps

    return _DIVERGED if np.isnan(score) else colormaps[_COLOUR_MAP](norm(score))


def _sort_worst_first(scores: np.ndarray) -> np.ndarray:
    """Returns the trials in the order of their scores, diverged ones first."""
    return np.argsort(np.where(np.isnan(scores), -np.inf, scores), kind="stable")


def _draw_colour_bar(axes: "Axes", norm: "Normalize") -> None:
    from matplotlib.cm import ScalarMappable

    axes.figure.colorbar(ScalarMappable(norm, _COLOUR_MAP), ax=axes, label="score", extend="min")
