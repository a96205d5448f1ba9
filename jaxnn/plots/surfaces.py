"""A function of two features as a surface in space."""

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
    """A surface over the plane, seen from above, with a dot on every `every`-th point of its grid.

    Args:
        axes: flat ones, whose place in the figure the axes in space take.
        x: the columns' values, shape (columns,).
        y: the rows' values, shape (rows,).
        heights: shape (rows, columns).
        names: of the three axes, with units.
        title: over the picture.
        colour: of the surface; its shading shows the bends.
        every: how many steps of the grid lie between two dots.

    Returns:
        The axes in space.
    """
    drawing, place = axes.figure, axes.get_subplotspec()
    if drawing is None or place is None:
        raise ValueError("surface: axes must be one of a figure's grid, as `figure` makes them")
    axes.remove()
    # matplotlib's stubs know nothing of axes in space.
    space: Any = drawing.add_subplot(place, projection="3d")
    columns, rows = np.meshgrid(np.asarray(x), np.asarray(y))
    heights = np.asarray(heights)
    space.plot_surface(columns, rows, heights, color=colour, alpha=0.65, rstride=1, cstride=1, linewidth=0)
    dots = (slice(None, None, every),) * 2
    space.scatter(columns[dots], rows[dots], heights[dots], color=COLOURS[7], s=7, depthshade=False)
    for axis, name in zip((space.xaxis, space.yaxis, space.zaxis), names, strict=True):
        axis.set_label_text(name, fontsize="small")
    space.set_title(title, y=0.98)
    space.view_init(elev=26, azim=-62)
    space.locator_params(nbins=4)
    space.tick_params(labelsize="small", pad=0)
    space.set_box_aspect((1, 1, 0.85), zoom=0.86)
    return space
