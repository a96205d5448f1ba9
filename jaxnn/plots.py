"""Pictures of data, training and networks with matplotlib (extra `plots`), which is imported when one is drawn.

Every function draws on axes it is given, so that pictures can be put together: `figure` makes them, without pyplot and
its global state. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import ArrayLike, Float, Integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (6.0, 4.0)) -> "tuple[Figure, np.ndarray]":
    """A figure of rows × columns axes, each `size` inches wide and high: (figure, axes of shape (rows, columns)).

    Raises:
        ImportError: without matplotlib.

    Example:
        >>> drawing, axes = figure(1, 2)
        >>> axes.shape
        (1, 2)
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures are drawn with matplotlib: pip install 'jaxnn[plots]'") from error
    drawing = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    return drawing, drawing.subplots(rows, columns, squeeze=False)


def save(drawing: "Figure", path: str | Path) -> Path:
    """Write a figure as PNG, 120 dots an inch, and make its directory where there is none yet."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=120)
    return path


def learning_curves(
    axes: "Axes", curves: Mapping[str, Float[ArrayLike, "*runs epochs"]], *, quantity: str, logarithmic: bool = False
) -> None:
    """A quantity against epochs: one line a name; of several runs the median, with the range of all behind it.

    Args:
        axes: to draw on.
        curves: a name and its values, shape (epochs,) or (runs, epochs).
        quantity: what they are, with a unit where there is one.
        logarithmic: whether the quantity has a logarithmic axis.
    """
    for colour, (name, values) in zip(COLOURS, curves.items(), strict=False):
        runs = np.atleast_2d(np.asarray(values))
        epochs = np.arange(1, runs.shape[1] + 1)
        axes.plot(epochs, np.median(runs, axis=0), color=colour, label=name)
        if len(runs) > 1:
            axes.fill_between(epochs, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel="epoch", ylabel=quantity, yscale="log" if logarithmic else "linear")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def confusion(axes: "Axes", matrix: Integer[ArrayLike, "classes classes"], classes: Sequence[str]) -> None:
    """A confusion matrix as a table of counts, shaded by the share of its row; errors stand out from the zeros."""
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1.15)
    for row, column in np.ndindex(*counts.shape):
        dark, zero = shares[row, column] > 0.5, counts[row, column] == 0
        colour = "white" if dark else "#BBBBBB" if zero else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    names = {"labels": classes, "ticks": range(len(classes))}
    axes.set_xticks(**names, rotation=45 if max(map(len, classes)) > 3 else 0)
    axes.set_yticks(**names)
    axes.set(xlabel="predicted class", ylabel="observed class")


def decision_regions(
    axes: "Axes",
    classify: Callable[[np.ndarray], Any],
    x: Float[ArrayLike, "batch 2"],
    labels: Integer[ArrayLike, "batch"],
    *,
    features: Sequence[str],
    classes: Sequence[str],
    resolution: int = 200,
) -> None:
    """Where in the plane a classifier says which class, with the examples on top; wrong ones have a black rim.

    Args:
        axes: to draw on.
        classify: points of shape (points, 2) to class numbers of shape (points,).
        x: the examples, shape (batch, 2).
        labels: their class numbers, shape (batch,).
        features: names of the two axes, with units.
        classes: names of the classes, at most eight.
        resolution: points along each axis.
    """
    x, labels = np.asarray(x), np.asarray(labels)
    margin = 0.08 * np.ptp(x, axis=0)
    ticks = [
        np.linspace(*ends, resolution) for ends in zip(x.min(axis=0) - margin, x.max(axis=0) + margin, strict=True)
    ]
    grid = np.stack(np.meshgrid(*ticks), axis=-1)
    regions = np.asarray(classify(grid.reshape(-1, 2))).reshape(grid.shape[:2])
    levels = np.arange(len(classes) + 1) - 0.5
    axes.contourf(*ticks, regions, levels=levels, colors=COLOURS[: len(classes)], alpha=0.25)
    right = np.asarray(classify(x)) == labels
    for number, name in enumerate(classes):
        look = {"c": COLOURS[number], "marker": MARKERS[number], "s": 28}
        axes.scatter(*x[right & (labels == number)].T, edgecolors="white", linewidths=0.5, label=name, **look)
        axes.scatter(*x[~right & (labels == number)].T, edgecolors="black", linewidths=1.5, **look)
    axes.set(xlabel=features[0], ylabel=features[1])
    axes.legend(loc="best", framealpha=0.9)


def image(axes: "Axes", pixels: Float[ArrayLike, "height width"], *, title: str = "", signed: bool = False) -> None:
    """One image without ticks: ink in black, or for weights blue below zero, white at zero and red above."""
    pixels = np.asarray(pixels)
    largest = max(float(np.abs(pixels).max()), 1e-12)
    look = {"cmap": "RdBu_r", "vmin": -largest} if signed else {"cmap": "gray_r", "vmin": min(0.0, float(pixels.min()))}
    axes.imshow(pixels, vmax=largest, **look)
    axes.set_title(title, fontsize="small")
    axes.set(xticks=[], yticks=[])


def histogram(axes: "Axes", values: ArrayLike, *, quantity: str, bins: int = 30) -> None:
    """How often each value came, with the median as a line."""
    values = np.asarray(values).ravel()
    axes.hist(values, bins=bins, color=COLOURS[0])
    axes.axvline(float(np.median(values)), color=COLOURS[4], label=f"median {np.median(values):.3f}")
    axes.set(xlabel=quantity, ylabel="number of runs")
    axes.legend(frameon=False)
