"""This library's convolution in the form in which Flax's layers take one."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from jaxnn.layers.convolution import conv
from jaxnn.layers.dense import Affine


def conv_general_dilated(
    lhs: Shaped[Array, "batch *space inputs"],
    rhs: Shaped[Array, "*window group_inputs outputs"],
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    **options: Any,
) -> Float[Array, "batch *positions outputs"]:
    """Stands in for `jax.lax.conv_general_dilated` in the convolutions of Flax, with which lanes are fast.

    XLA's convolution becomes a grouped one under `jax.vmap`, which takes many times as long on CPUs. This one is
    `nn.conv`, a matrix product. NNX takes it by `nnx.Conv(…, conv_general_dilated=conv_general_dilated)`, and linen by
    `linen.Conv(…, conv_general_dilated_cls=lambda: conv_general_dilated)`.

    Args:
        lhs: images.
        rhs: filters.
        window_strides: one for each spatial axis.
        padding: "SAME", "VALID", or the numbers of zeros (before, after) for each spatial axis.
        lhs_dilation: other than 1 is left to XLA, as in transposed convolutions.
        rhs_dilation: the distances between the cells of a window; None is 1.
        dimension_numbers: as Flax gives them; others are left to XLA.
        feature_group_count: the number of groups.
        options: a precision or an output type is left to XLA.

    Raises:
        TypeError, ValueError: as `nn.conv`.

    Example:
        >>> from flax import nnx
        >>> layer = nnx.Conv(1, 8, (3, 3), conv_general_dilated=conv_general_dilated, rngs=nnx.Rngs(0))
        >>> layer(jnp.zeros((5, 9, 9, 1))).shape
        (5, 9, 9, 8)
    """
    axes = lhs.ndim - 2
    is_plain = _is_channels_last(dimension_numbers, axes) and set(lhs_dilation or (1,)) == {1}
    if not is_plain or any(value is not None for value in options.values()):
        return jax.lax.conv_general_dilated(
            lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, feature_group_count,
            **options,
        )  # fmt: skip
    if not isinstance(padding, str):
        lhs, padding = jnp.pad(lhs, ((0, 0), *padding, (0, 0))), "valid"
    dilation = (1,) * axes if rhs_dilation is None else tuple(rhs_dilation)
    return conv(
        Affine(rhs, None),
        lhs,
        stride=tuple(window_strides),
        padding=padding.lower(),
        dilation=dilation,
        groups=feature_group_count,
    )


def _is_channels_last(numbers: Any, axes: int) -> bool:
    """Returns whether images are (batch, *space, channels) and filters (*window, inputs, outputs)."""
    space = tuple(range(1, axes + 1))
    images, filters = (0, axes + 1, *space), (axes + 1, axes, *range(axes))
    return isinstance(numbers, jax.lax.ConvDimensionNumbers) and tuple(numbers) == (images, filters, images)
