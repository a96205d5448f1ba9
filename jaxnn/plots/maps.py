"""Feature maps with their values written in the cells."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import ArrayLike, Float

from jaxnn.plots.images import image

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def feature_map(
    axes: "Axes",
    cells: Float[ArrayLike, "height width"],
    *,
    title: str = "",
    signed: bool = False,
    scale: float | None = None,
    outline: tuple[int, int, int] | None = None,
) -> None:
    """Draws an image, a filter or a feature map, and writes every value in its cell.

    Args:
        axes: to draw on.
        cells: shape (height, width).
        title: above the cells.
        signed: whether values have both signs; selects the colours, see `image`.
        scale: the value with the darkest colour; by default the largest absolute value of the cells.
        outline: (row, column, size) of a square of cells to outline, such as the window of a filter.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> feature_map(axes, np.array([[1.0, -0.5], [0.0, 2.0]]), signed=True)
        >>> [text.get_text() for text in axes.texts]
        ['1', '−0.5', '0', '2']
    """
    from matplotlib.patches import Rectangle

    cells = np.asarray(cells)
    image(axes, cells, title=title, signed=signed)
    largest = max(float(np.abs(cells).max()), 1e-12) if scale is None else scale
    axes.images[-1].set_clim(-largest if signed else None, largest)
    for row, column in np.ndindex(*cells.shape):
        colour = "white" if abs(cells[row, column]) > 0.55 * largest else "black"
        text = f"{cells[row, column] + 0.0:.3g}".replace("-", "−")  # -0.0 + 0.0 is 0.0
        axes.text(column, row, text, color=colour, ha="center", va="center")
    axes.set_xticks(np.arange(cells.shape[1] + 1) - 0.5, labels=[], minor=True)
    axes.set_yticks(np.arange(cells.shape[0] + 1) - 0.5, labels=[], minor=True)
    axes.grid(which="minor", color="#999999", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    if outline is not None:
        row, column, size = outline
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), size, size, fill=False, edgecolor="#D55E00", linewidth=3))
