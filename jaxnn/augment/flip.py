"""Random mirror images."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Shaped

from jaxnn._checks.arrays import check_whole
from jaxnn._kernels.dtypes import as_float
from jaxnn.augment.images import check_images, check_probability


def flip(rate: ArrayLike = 0.5, *, axis: int = -2) -> "_Flip":
    """Mirrors every image with probability `rate` along one axis, by default the width: left becomes right.

    Args:
        rate: the probability, in [0, 1]; it may be a traced hyper.
        axis: an axis of space of x; -3 turns images upside down.

    Returns:
        A function of (key, x), with x of shape (batch, *space, channels), any type, which it keeps.

    Raises:
        TypeError: `rate` is not a number, or `axis` not a whole number.
        ValueError: a rate outside [0, 1], or in a call, an axis that x does not have, its first or its last.

    Example:
        >>> flip(1.0)(jax.random.key(0), jnp.arange(3).reshape(1, 3, 1)).ravel()
        Array([2, 1, 0], dtype=int32)
    """
    check_probability("augment.flip", rate)
    return _Flip(rate, check_whole("augment.flip", "axis", axis, least=-1000))


@dataclass(frozen=True)
class _Flip:
    rate: Any
    axis: int

    def __call__(self, key: Array, x: Shaped[ArrayLike, "batch *image"]) -> Shaped[Array, "batch *image"]:
        x = check_images("augment.flip", x)
        axis = self.axis + x.ndim if self.axis < 0 else self.axis
        if not 0 < axis < x.ndim - 1:
            raise ValueError(
                f"augment.flip: axis must be an axis of space of x {x.shape}, from 1 to {x.ndim - 2}, not {self.axis}"
            )
        flipped = jax.random.bernoulli(key, as_float(self.rate), (len(x),)).reshape(-1, *[1] * (x.ndim - 1))
        return jnp.where(flipped, jnp.flip(x, axis), x)
