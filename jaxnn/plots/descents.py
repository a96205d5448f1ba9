"""Going downhill: a loss along one parameter with its tangents, and a picture that moves."""

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
    """Points on a curve, the tangent through each of them, and arrows from one to the next.

    Args:
        axes: to draw on; the curve itself is drawn by who knows it.
        x, y: the points, in the order in which they were visited.
        slopes: of the curve at the points.
        reach: how far a tangent goes to either side, in units of x.
        arrows: whether the points were visited one after the other.
    """
    x, y, slopes = (np.asarray(values) for values in (x, y, slopes))
    ends = np.array([[-reach], [reach]])
    axes.plot(x + ends, y + slopes * ends, color=COLOURS[4], linewidth=1.5, zorder=2.5)
    axes.lines[-1].set_label("tangents")
    for number in range(len(x) - 1 if arrows else 0):
        look = {"arrowstyle": "->", "color": COLOURS[7], "shrinkA": 5, "shrinkB": 5, "linestyle": ":"}
        axes.annotate("", (x[number + 1], y[number + 1]), (x[number], y[number]), arrowprops=look)
    axes.scatter(x, y, color=COLOURS[7], s=30, zorder=3)


def animation(
    drawing: "Figure", show: Callable[[Frame], Any], frames: Sequence[Frame], path: str | Path, *, seconds: float = 6.0
) -> Path:
    """Write a GIF that plays once through `frames` in `seconds` and starts again after a pause on the last.

    Args:
        drawing: the figure, drawn once.
        show: changes it to a frame.
        frames: what `show` takes, one after the other.
        path: of the GIF; its directory is made where there is none yet.
        seconds: how long the frames before the last take together.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    drawing.set_layout_engine("none")  # one layout for all frames: nothing jumps, and it is faster
    pages = []
    for frame in frames:
        show(frame)
        canvas.draw()
        pages.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).quantize(64, Image.Quantize.FASTOCTREE))
    times = [round(1000 * seconds / len(frames))] * (len(frames) - 1) + [2000]
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=times, loop=0)
    return path
