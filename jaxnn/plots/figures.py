"""Figures and axes to draw on, and the colours of all pictures.

They are Okabe and Ito's, which colour-blind readers can tell apart, with a marker for each.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
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
