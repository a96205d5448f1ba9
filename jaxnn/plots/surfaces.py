"""A function of two features as a surface in three dimensions."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import ArrayLike, Float

from jaxnn.plots.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def surface(
    axes: "Axes",
    x: Float[ArrayLike, "columns"],
    y: Float[ArrayLike, "rows"],
    heights: Float[ArrayLike, "rows columns"],
    *,
    names: tuple[str, str, str],
    title: str = "",
    colour: str = COLOURS[5],
    every: int = 1,
) -> Any:
    """Draws a surface over the plane, seen from above, with a dot on every `every`-th grid point.

    Args:
        axes: two-dimensional axes, which are replaced by three-dimensional ones.
        x: values of the columns, shape (columns,).
        y: values of the rows, shape (rows,).
        heights: shape (rows, columns).
        names: labels of the three axes, with units.
        title: above the surface.
        colour: of the surface; shading shows its slope.
        every: number of grid steps between two dots.

    Returns:
        The three-dimensional axes.

    Raises:
        ValueError: the axes do not belong to a grid.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> x, y = np.linspace(0, 1, 4), np.linspace(0, 2, 5)
        >>> surface(axes, x, y, np.outer(y, x), names=("width (cm)", "length (cm)", "area (cm²)"))
        <Axes3D: xlabel='width (cm)', ylabel='length (cm)', zlabel='area (cm²)'>
    """
    drawing, cell = axes.figure, axes.get_subplotspec()
    if drawing is None or cell is None:
        raise ValueError("surface: axes must be one of a figure's grid, as `figure` makes them")
    axes.remove()
    # matplotlib's stubs lack three-dimensional axes.
    axes_3d: Any = drawing.add_subplot(cell, projection="3d")
    columns, rows = np.meshgrid(np.asarray(x), np.asarray(y))
    heights = np.asarray(heights)
    axes_3d.plot_surface(columns, rows, heights, color=colour, alpha=0.65, rstride=1, cstride=1, linewidth=0)
    dots = (slice(None, None, every),) * 2
    axes_3d.scatter(columns[dots], rows[dots], heights[dots], color=COLOURS[7], s=7, depthshade=False)
    for axis, name in zip((axes_3d.xaxis, axes_3d.yaxis, axes_3d.zaxis), names, strict=True):
        axis.set_label_text(name, fontsize="small")
    axes_3d.set_title(title, y=0.98)
    axes_3d.view_init(elev=26, azim=-62)
    axes_3d.locator_params(nbins=4)
    axes_3d.tick_params(labelsize="small", pad=0)
    axes_3d.set_box_aspect((1, 1, 0.85), zoom=0.86)
    return axes_3d
