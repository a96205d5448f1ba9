"""The predictions of a classifier: confusion matrix and decision regions."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import ArrayLike, Float, Integer

from jaxnn.plots.figures import pick_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def confusion(axes: "Axes", matrix: Integer[ArrayLike, "classes classes"], classes: Sequence[str]) -> None:
    """Draws a confusion matrix as a table of counts, each cell shaded by its fraction of the row.

    Args:
        axes: to draw on.
        matrix: counts, shape (classes, classes): observed classes in rows, predicted classes in columns.
        classes: names of the classes.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> confusion(axes, np.array([[9, 1], [0, 8]]), ["cat", "dog"])
        >>> [text.get_text() for text in axes.texts]
        ['9', '1', '0', '8']
    """
    counts = np.asarray(matrix)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The square root makes a few errors visible beside zeros.
    axes.imshow(np.sqrt(fractions), cmap="Blues", vmin=0, vmax=1.15)
    for row, column in np.ndindex(*counts.shape):
        dark, zero = fractions[row, column] > 0.5, counts[row, column] == 0
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
    """Draws the class predicted at each point of the plane, with the examples on top; wrong ones have a black edge.

    Args:
        axes: to draw on.
        classify: a function from points of shape (points, 2) to class numbers of shape (points,).
        x: the examples, shape (batch, 2).
        labels: their class numbers, shape (batch,).
        features: names of the two features, with units.
        classes: names of the classes; from the ninth on, colours come again with other markers.
        resolution: number of grid points along each axis.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> x, labels = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.5]]), np.array([0, 1, 1])
        >>> names = {"features": ["width (cm)", "length (cm)"], "classes": ["small", "large"]}
        >>> decision_regions(axes, lambda points: (points.sum(axis=1) > 1).astype(int), x, labels, **names)
        >>> axes.get_ylabel()
        'length (cm)'
    """
    x, labels = np.asarray(x), np.asarray(labels)
    margin = 0.08 * np.ptp(x, axis=0)
    ranges = zip(x.min(axis=0) - margin, x.max(axis=0) + margin, strict=True)
    ticks = [np.linspace(low, high, resolution) for low, high in ranges]
    grid = np.stack(np.meshgrid(*ticks), axis=-1)
    regions = np.asarray(classify(grid.reshape(-1, 2))).reshape(grid.shape[:2])
    levels, styles = np.arange(len(classes) + 1) - 0.5, [pick_style(number) for number in range(len(classes))]
    axes.contourf(*ticks, regions, levels=levels, colors=[style.colour for style in styles], alpha=0.25)
    correct = np.asarray(classify(x)) == labels
    for number, name in enumerate(classes):
        style = {"c": styles[number].colour, "marker": styles[number].marker, "s": 28}
        axes.scatter(*x[correct & (labels == number)].T, edgecolors="white", linewidths=0.5, label=name, **style)
        axes.scatter(*x[~correct & (labels == number)].T, edgecolors="black", linewidths=1.5, **style)
    axes.set(xlabel=features[0], ylabel=features[1])
    axes.legend(loc="best", framealpha=0.9)
