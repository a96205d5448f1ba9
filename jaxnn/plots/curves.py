"""Learning curves over epochs, and histograms over runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import ArrayLike, Float

from jaxnn.plots.figures import COLOURS, pick_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def learning_curves(
    axes: "Axes", curves: Mapping[str, Float[ArrayLike, "*runs epochs"]], *, quantity: str, logarithmic: bool = False
) -> None:
    """Draws one line per name against the epoch; several runs are drawn as their median and their range.

    Args:
        axes: to draw on.
        curves: values by name, shape (epochs,) or (runs, epochs); from the ninth on, lines are dashed.
        quantity: label of the vertical axis, with a unit if it has one.
        logarithmic: whether the vertical axis is logarithmic.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> learning_curves(axes, {"one run": np.array([3.0, 2.0, 1.5]), "five runs": np.ones((5, 3))}, quantity="loss")
        >>> [line.get_label() for line in axes.lines]
        ['one run', 'five runs']
    """
    for number, (name, values) in enumerate(curves.items()):
        colour, _, line = pick_style(number)
        runs = np.atleast_2d(np.asarray(values))
        epochs = np.arange(1, runs.shape[1] + 1)
        axes.plot(epochs, np.median(runs, axis=0), color=colour, linestyle=line, label=name)
        if len(runs) > 1:
            axes.fill_between(epochs, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel="epoch", ylabel=quantity, yscale="log" if logarithmic else "linear")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def histogram(axes: "Axes", values: ArrayLike, *, quantity: str, bins: int = 30) -> None:
    """Draws a histogram of the values, with the median as a line.

    Args:
        axes: to draw on.
        values: one value per run, any shape.
        quantity: label of the horizontal axis, with a unit if it has one.
        bins: number of bins.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> histogram(axes, np.array([0.91, 0.95, 0.96]), quantity="accuracy", bins=5)
        >>> axes.get_xlabel()
        'accuracy'
    """
    values = np.asarray(values).ravel()
    axes.hist(values, bins=bins, color=COLOURS[0])
    axes.axvline(float(np.median(values)), color=COLOURS[4], label=f"median {np.median(values):.3f}")
    axes.set(xlabel=quantity, ylabel="number of runs")
    axes.legend(frameon=False)
