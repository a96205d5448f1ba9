"""Convolution in groups: each group of outputs sees its own inputs.

`vmap` of the plain convolution makes one matrix product batched over the groups. With one input a group (a depthwise
convolution) such a product has few terms, and a sum of multiples of the shifts takes two thirds of the time, without
storing the windows. Measured on two x86 cores, forward and backward, 16 and 32 channels of 8×8 and 16×16, XLA's own
depthwise convolution takes ten times as long, and fifty times inside of a loop.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._kernels.matmul import split_rows
from jaxnn._kernels.windows import Windows, shift_all


def convolve_groups(convolve: Callable[[Array, Array], Array], weight: Array, x: Array, groups: int) -> Array:
    """Returns `convolve(weight, x)` of each group, joined.

    Args:
        convolve: a convolution of batch-last arrays.
        weight: shape (*window, inputs of a group, outputs).
        x: batch last, shape (inputs, *space, batch).
        groups: divides inputs and outputs.
    """
    weights = jnp.moveaxis(weight.reshape(*weight.shape[:-1], groups, -1), -2, 0)
    outputs = jax.vmap(convolve)(weights, x.reshape(groups, -1, *x.shape[1:]))
    return outputs.reshape(-1, *outputs.shape[2:])


def convolve_depthwise(weight: Array, x: Array, windows: Windows) -> Array:
    """Returns, for each channel of x, its own outputs / inputs filters, as a sum over the cells of the window.

    Args:
        weight: shape (*window, 1, outputs); those of a channel are neighbours.
        x: batch last, shape (inputs, *space, batch).
        windows: the geometry.
    """
    shifts = shift_all(x, windows)
    filters = weight.reshape(len(shifts), len(x), -1)
    rest = tuple(range(2, x.ndim + 1))
    terms = (
        jnp.expand_dims(cell, rest) * shift[:, None] for cell, shift in zip(split_rows(filters), shifts, strict=True)
    )
    outputs = functools.reduce(jnp.add, terms)
    return outputs.reshape(-1, *outputs.shape[2:])
