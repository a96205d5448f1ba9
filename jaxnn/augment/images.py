"""What augmentations of images share: checks of x and of numbers, and boxes of pixels."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from jaxnn._checks.arrays import check_scalar, check_whole, is_traced
from jaxnn._kernels.dtypes import as_arrays


def check_images(caller: str, x: Any) -> Array:
    """Returns x as an array, after a check that it has axes of space: (batch, *space, channels)."""
    x = as_arrays(x)
    if not isinstance(x, jnp.ndarray) or x.ndim < 3:
        held = f"of shape {x.shape}" if isinstance(x, jnp.ndarray) else type(x).__name__
        raise ValueError(
            f"{caller}: x must be images (batch, height, width, channels) or series (batch, length, channels), "
            f"not {held}"
        )
    return x


def check_pixels(caller: str, name: str, value: Any, *, least: int) -> None:
    """Checks that a number of pixels is whole; a traced one by its type."""
    if not is_traced(value):
        check_whole(caller, name, value, least=least)
    elif not jnp.issubdtype(value.dtype, jnp.integer):
        raise TypeError(f"{caller}: {name} must be a whole number, such as those of nn.integers, not {value.dtype}")


def check_probability(caller: str, rate: Any) -> None:
    """Checks that a probability lies in [0, 1], unless it is traced."""
    number = check_scalar(caller, "rate", rate)
    if number is not None and not 0 <= number <= 1:
        raise ValueError(f"{caller}: rate, the probability, must lie in [0, 1], not {number}")


def find_box(space: tuple[int, ...], starts: Int[Array, "n axes"], ends: Int[Array, "n axes"]) -> Bool[Array, "n ..."]:
    """Returns where n boxes lie: True from `starts` up to, not including, `ends` along every axis of space.

    Args:
        space: the pixels along each axis.
        starts: the first pixel of each box; it may lie outside.
        ends: one more than the last pixel of each box.

    Returns:
        Shape (n, *space, 1).
    """
    inside = jnp.ones((len(starts), *(1,) * len(space), 1), bool)
    for axis, pixels in enumerate(space):
        along = [1] * (len(space) + 2)
        along[axis + 1] = pixels
        place = jnp.arange(pixels, dtype=jnp.int32).reshape(along)
        start, end = (bound[:, axis].reshape(-1, *[1] * (len(space) + 1)) for bound in (starts, ends))
        inside &= (place >= start) & (place < end)
    return inside
