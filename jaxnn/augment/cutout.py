"""Random squares of zeros."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Int, Shaped

from jaxnn.augment.images import check_images, check_pixels, find_box


def cutout(size: int | Int[Array, ""]) -> "_Cutout":
    """Sets a square of every image to 0; its centre is a random pixel, and it may reach beyond the image.

    Scale images to mean 0 for it, so that 0 tells the network nothing.

    Args:
        size: pixels of a side of the square; it may be a traced hyper. 0 changes nothing.

    Returns:
        A function of (key, x), with x of shape (batch, *space, channels), any type, which it keeps.

    Raises:
        TypeError: `size` is not a whole number.
        ValueError: a negative size.

    Example:
        >>> cutout(2)(jax.random.key(3), jnp.ones((1, 6, 1))).ravel()
        Array([1., 1., 1., 0., 0., 1.], dtype=float32)

    References:
        DeVries, Taylor (2017), Improved regularization of convolutional neural networks with cutout.
    """
    check_pixels("augment.cutout", "size", size, least=0)
    return _Cutout(size)


@dataclass(frozen=True)
class _Cutout:
    size: Any

    def __call__(self, key: Array, x: Shaped[ArrayLike, "batch *image"]) -> Shaped[Array, "batch *image"]:
        x = check_images("augment.cutout", x)
        space, size = x.shape[1:-1], jnp.asarray(self.size, jnp.int32)
        starts = draw_centres(key, len(x), space) - size // 2
        return jnp.where(find_box(space, starts, starts + size), jnp.zeros_like(x), x)


def draw_centres(key: Array, count: int, space: tuple[int, ...]) -> Array:
    """Draws `count` pixels of an image, shape (count, axes); all are equally likely."""
    drawn = [
        jax.random.randint(own_key, (count,), 0, pixels, jnp.int32)
        for own_key, pixels in zip(jax.random.split(key, len(space)), space, strict=True)
    ]
    return jnp.stack(drawn, axis=1)
