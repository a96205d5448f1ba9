"""Images, filters and feature maps."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import ArrayLike, Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def image(axes: "Axes", pixels: Float[ArrayLike, "height width"], *, title: str = "", signed: bool = False) -> None:
    """One image without ticks: ink in black, or for weights blue below zero, white at zero and red above."""
    pixels = np.asarray(pixels)
    largest = max(float(np.abs(pixels).max()), 1e-12)
    look = {"cmap": "RdBu_r", "vmin": -largest} if signed else {"cmap": "gray_r", "vmin": min(0.0, float(pixels.min()))}
    axes.imshow(pixels, vmax=largest, **look)
    axes.set_title(title, fontsize="small")
    axes.set(xticks=[], yticks=[])
