"""What the models share: checks of images, names of layers, masks of traced sizes, dropout, hashable functions."""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from jaxnn._checks.arrays import check_each_whole, is_traced
from jaxnn._kernels.batch_last import batch_last
from jaxnn.layers.dropout import dropout
from jaxnn.units import Size, mask_units


def check_image(caller: str, image: Any) -> tuple[int, ...]:
    """Returns the size of images, (*space, channels), which must have one to three spatial axes."""
    image = check_each_whole(caller, "image", image, least=1)
    if not 2 <= len(image) <= 4:
        raise ValueError(
            f"{caller}: image must be (height, width, channels), or with one or three spatial axes, not {image}"
        )
    return image


def check_image_size(caller: str, x: Any, image: tuple[int, ...]) -> None:
    """Checks that x holds images of the size for which a model was made."""
    if jnp.shape(x)[1:] != image:
        raise ValueError(f"{caller}: x must have shape (batch, {', '.join(map(str, image))}), not {jnp.shape(x)}")


def number_names(kind: str, count: int) -> list[str]:
    """Returns the names of layers of one kind, such as "conv_1", "conv_2"."""
    return [f"{kind}_{i + 1}" for i in range(count)]


def mask_size(x: Array, size: Any) -> Array:
    """Masks the units of a `Size`; any other size changes nothing, also not the trace."""
    return mask_units(x, size) if isinstance(size, Size) else x


def drop_inputs(key: Array | None, x: Array, rate: ArrayLike, size: Size | None = None) -> Array:
    """Applies dropout if there is a key; a concrete rate of 0 draws nothing."""
    if key is None or (not is_traced(rate) and rate == 0):
        return x
    return dropout(key, x, rate, size=size)


# Written batch last, so that its swaps meet those of the layers around it.
@batch_last
def add(x: Array, y: Array) -> Array:
    """Returns the sum of two arrays of one shape, batch first."""
    return x + y


def find_norms_after(apply: Callable[..., Any]) -> dict[str, str]:
    """Returns the norm that alone takes the outputs of each convolution of a model, by name, where the model tells it.

    Weights of other tools have biases there, which a batch norm takes away.
    """
    while isinstance(apply, functools.partial):
        apply = apply.func
    find = getattr(apply, "find_norms_after", None)
    return {} if find is None else find()


def make_hashable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function of a model; one with a part that has no hash is compared by identity."""
    try:
        hash(function)
    except TypeError:
        return functools.partial(function)
    return function
