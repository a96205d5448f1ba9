"""What a classifier takes for what."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import ArrayLike, Float, Integer

from jaxnn.plots.figures import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    axes.set_xticks(**names, rotation=45 if sum(map(len, classes)) > 40 else 0)
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
