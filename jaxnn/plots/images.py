"""Images, filters and feature maps, without axis ticks."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import ArrayLike, Float, Shaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def image(
    axes: "Axes",
    pixels: Float[ArrayLike, "height width"] | Shaped[ArrayLike, "height width 3"],
    *,
    title: str = "",
    signed: bool = False,
) -> None:
    """Draws one image: large values are black, or, if signed, negative ones blue, zero white and positive ones red.

    Args:
        axes: to draw on.
        pixels: shape (height, width); or (height, width, 3) in red, green and blue, floats from 0 to 1 or bytes.
        title: above the image.
        signed: whether values have both signs, as weights do.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> image(axes, nn.datasets.digits().x[0, :, :, 0], title="a zero")
        >>> axes.get_title()
        'a zero'
    """
    pixels = np.asarray(pixels)
    axes.set_title(title, fontsize="small")
    axes.set(xticks=[], yticks=[])
    if pixels.ndim == 3:
        axes.imshow(pixels)
        return
    largest = max(float(np.abs(pixels).max()), 1e-12)
    if signed:
        axes.imshow(pixels, cmap="RdBu_r", vmin=-largest, vmax=largest)
    else:
        axes.imshow(pixels, cmap="gray_r", vmin=min(0.0, float(pixels.min())), vmax=largest)
