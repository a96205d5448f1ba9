"""Figures and axes to draw on, and the colours and markers of all plots."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The palette of Okabe and Ito (2008), which colour-blind readers can distinguish.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")
# One for each colour.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINES = ("-", "--", ":", "-.")


class Style(NamedTuple):
    """How one of many things looks: from the ninth on, colours come again with other markers and lines."""

    colour: str
    marker: str
    line: str


def pick_style(number: int) -> Style:
    """Returns the style of a curve or a class by its number, from 0.

    Example:
        >>> [pick_style(number).line for number in (0, 7, 8)], pick_style(0).marker, pick_style(8).marker
        (['-', '-', '--'], 'o', 's')
    """
    again, place = divmod(number, len(COLOURS))
    return Style(COLOURS[place], MARKERS[(place + again) % len(MARKERS)], _LINES[again % len(_LINES)])


def figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (6.0, 4.0)) -> "tuple[Figure, np.ndarray]":
    """Makes a figure with a grid of axes.

    Args:
        rows: number of rows of the grid.
        columns: number of columns of the grid.
        size: width and height of each axes, in inches.

    Returns:
        The figure, and its axes as an array of shape (rows, columns).

    Raises:
        ImportError: matplotlib is not installed.

    Example:
        >>> drawing, axes = figure(1, 2)
        >>> axes.shape
        (1, 2)
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots are drawn with matplotlib: pip install 'jaxnn[plots]'") from error
    drawing = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    return drawing, drawing.subplots(rows, columns, squeeze=False)


def save(drawing: "Figure", path: str | Path) -> Path:
    """Writes a figure at 120 dots per inch, in the format of the file name, and returns its path.

    Missing parent directories are created.

    Example:
        >>> drawing, axes = figure()
        >>> save(drawing, "pictures/empty.png")
        PosixPath('pictures/empty.png')
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=120)
    return path
