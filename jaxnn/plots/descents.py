"""Gradient descent along one parameter, drawn with its tangents, and animations."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import ArrayLike, Float

from jaxnn.plots.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Frame = TypeVar("Frame")


def tangents(
    axes: "Axes",
    x: Float[ArrayLike, "steps"],
    y: Float[ArrayLike, "steps"],
    slopes: Float[ArrayLike, "steps"],
    *,
    reach: float,
    arrows: bool = True,
) -> None:
    """Draws points of a curve, the tangent at each of them, and arrows from each to the next.

    Args:
        axes: to draw on; the caller draws the curve itself.
        x: horizontal coordinates of the points, in the order in which they were visited, shape (steps,).
        y: vertical coordinates of the points, shape (steps,).
        slopes: derivatives of the curve at the points, shape (steps,).
        reach: length of a tangent on either side of its point, in units of x.
        arrows: whether to draw the arrows.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> x = np.array([2.0, 1.2, 0.7])
        >>> tangents(axes, x, x**2, 2 * x, reach=0.3)
        >>> axes.lines[-1].get_label()
        'tangents'
    """
    x, y, slopes = (np.asarray(values) for values in (x, y, slopes))
    ends = np.array([[-reach], [reach]])
    axes.plot(x + ends, y + slopes * ends, color=COLOURS[4], linewidth=1.5, zorder=2.5)
    axes.lines[-1].set_label("tangents")
    for step in range(len(x) - 1 if arrows else 0):
        style = {"arrowstyle": "->", "color": COLOURS[7], "shrinkA": 5, "shrinkB": 5, "linestyle": ":"}
        axes.annotate("", (x[step + 1], y[step + 1]), (x[step], y[step]), arrowprops=style)
    axes.scatter(x, y, color=COLOURS[7], s=30, zorder=3)


def animation(
    drawing: "Figure", show: Callable[[Frame], Any], frames: Sequence[Frame], path: str | Path, *, seconds: float = 6.0
) -> Path:
    """Writes a GIF that plays `frames` in `seconds`, pauses on the last one, and repeats.

    Args:
        drawing: the figure.
        show: changes the figure so that it shows a frame.
        frames: the arguments of `show`, in order.
        path: file name of the GIF; missing parent directories are created.
        seconds: duration of all frames but the last.

    Returns:
        The path of the GIF.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> animation(drawing, lambda width: axes.axvline(width), [0.1, 0.5, 0.9], "lines.gif", seconds=1.5)
        PosixPath('lines.gif')
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    # The layout is computed once: the axes do not move between frames, and drawing is faster.
    drawing.set_layout_engine("none")
    images = []
    for frame in frames:
        show(frame)
        canvas.draw()
        images.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).quantize(64, Image.Quantize.FASTOCTREE))
    milliseconds = [round(1000 * seconds / len(frames))] * (len(frames) - 1) + [2000]
    images[0].save(path, save_all=True, append_images=images[1:], duration=milliseconds, loop=0)
    return path
