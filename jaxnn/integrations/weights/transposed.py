"""Transposed convolutions among the weights of other tools, which give them the names of convolutions.

Ours are therefore written as convolutions first, in the layout of the tool, and are paired in one order with them.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxnn.layers.dense import Affine
from jaxnn.layers.transposed_convolution import ConvTransposeParams

# Changes the kernel of a transposed convolution between the layout of this library and that of another tool.
Turn = Callable[[Any], Any]


def keep_kernel(kernel: Any) -> Any:
    """Returns the kernel of a transposed convolution as it is, for tools with the layout of this library."""
    return kernel


def turn_kernel(kernel: Any) -> Any:
    """Returns the kernel of a transposed convolution as that of the convolution whose gradient it is, and back.

    Its window is turned around, and inputs and outputs change places.

    Example:
        >>> kernel = np.arange(6.0).reshape(3, 2, 1)
        >>> turned = turn_kernel(kernel)
        >>> turned.shape, turned[0].tolist(), bool((turn_kernel(turned) == kernel).all())
        ((3, 1, 2), [[4.0, 5.0]], True)
    """
    if isinstance(kernel, jax.ShapeDtypeStruct):
        return kernel.update(shape=(*kernel.shape[:-2], kernel.shape[-1], kernel.shape[-2]))
    return np.flip(np.asarray(kernel), tuple(range(kernel.ndim - 2))).swapaxes(-1, -2)


def as_convolution(params: Any, turn: Turn) -> Any:
    """Returns the parameters of a transposed convolution as those of a convolution in the layout of another tool."""
    return Affine(turn(params.weight), params.bias) if isinstance(params, ConvTransposeParams) else params
