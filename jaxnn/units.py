"""Sizes that are traced: one compiled program then serves networks of many widths, depths and activations.

A `Size` is the width of a layer whose arrays have the largest size. Units beyond the network's own size are masked:
their parameters are exactly 0, they neither act nor learn, and the network computes what a narrow one would. A `Depth`
is a number of equal layers, of which those beyond it are bypassed. A `Switch` is one of several functions.

`sizes`, `depth` and `switch` in the space of a sweep make them. Outside of the compiled program a size and a depth are
whole numbers, and a switch is the function itself, so the functions here also take those.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Int, Shaped

from jaxnn._checks.arrays import check_whole
from jaxnn._kernels.batch_last import batch_last, swap_batch_axes


class _Traced:
    """A value that is known only while the compiled program runs; Python cannot compute with it."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError(self._way_out())

    def _way_out(self) -> str:
        raise NotImplementedError

    __index__ = __int__ = __float__ = __iter__ = __len__ = __neg__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __pow__ = __rpow__ = __mod__ = __rmod__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse

    # Comparing with a number would be False for every trial. Two objects are compared where models are.
    def __eq__(self, other: object) -> bool:
        return self._refuse() if isinstance(other, int | float) else self is other

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True, eq=False)
class Size(_Traced):
    """A traced number of units: arrays have `units` entries, and `mask()` tells which of them are real.

    A whole number times a size is a size too: the features of a flattened image are positions × channels.

    Attributes:
        value: the number of real units in each block, a traced int32.
        largest: the number of units in each block, real and masked.
        blocks: how often the pattern of real and masked units repeats.
        name: the name of the hyper, for messages.
        marks: whether initial parameters are 1 where they are real, instead of drawn; see `sweeps/engine/trim.py`.
    """

    value: Int[Array, ""]
    largest: int
    blocks: int = 1
    name: str = "size"
    marks: bool = False

    @property
    def units(self) -> int:
        """The number of entries of an array of this size."""
        return self.blocks * self.largest

    @property
    def count(self) -> Int[Array, ""]:
        """The number of real units."""
        return self.blocks * self.value

    def mask(self) -> Bool[Array, "units"]:
        """Returns True for each unit that is real."""
        return self._places() < self.value

    def ranks(self) -> Int[Array, "units"]:
        """Returns the place that each real unit has in the narrow network; that of a masked unit means nothing."""
        return jnp.arange(self.units) // self.largest * self.value + jnp.minimum(self._places(), self.value)

    def __repr__(self) -> str:
        # JAX writes it into its error about a shape that holds a size.
        return f"<size {self.name!r}: no shape; init_dense(...) makes weights and a bias of it, or make it a choice>"

    def _places(self) -> Array:
        places = jnp.arange(self.units)
        return places if self.blocks == 1 else places % self.largest

    def __mul__(self, other: Any) -> "Size":
        if isinstance(other, bool) or not isinstance(other, int) or other < 1:
            self._refuse()
        return Size(self.value, self.largest, other * self.blocks, self.name, self.marks)

    __rmul__ = __mul__

    def _way_out(self) -> str:
        return (
            f"sweep: {self.name!r} is a size, which is traced: Python cannot compute with it, and it is no shape. Pass "
            "it to mlp, cnn, resnet, init_dense, init_conv, init_gru, init_lstm, init_embedding or the init of a norm, "
            "and mask with mask_units; or make it a choice"
        )


@dataclass(frozen=True, eq=False)
class Depth(_Traced):
    """A traced number of equal layers: `[width] * depth` in the sizes of `mlp`.

    Attributes:
        value: the number of layers, a traced int32.
        most: the largest number of layers.
        least: the smallest number; these layers always exist.
        name: the name of the hyper, for messages.
    """

    value: Int[Array, ""]
    most: int
    least: int = 1
    name: str = "depth"

    def __rmul__(self, sizes: Any) -> list[Any]:
        if not isinstance(sizes, list | tuple) or len(sizes) != 1:
            self._refuse()
        return [sizes[0] if i < self.least else Optional(sizes[0], i < self.value) for i in range(self.most)]

    __mul__ = __rmul__

    def __bool__(self) -> bool:
        return self._refuse()

    def _way_out(self) -> str:
        return (
            f"sweep: {self.name!r} is a depth, which is traced: Python cannot compute with it. Repeat one width in the "
            "sizes of mlp or the hidden layers of cnn, [width] * depth; or make it a choice"
        )


@dataclass(frozen=True, eq=False)
class Switch:
    """A function picked by a traced number; it is called as the function itself.

    Attributes:
        functions: each must give the same shapes and types.
        index: the number of the function, a traced int32.
    """

    functions: tuple[Callable[..., Any], ...]
    index: Int[Array, ""]

    def __call__(self, *arrays: Any) -> Any:
        """Returns what the picked function gives for the arrays."""

        # Each branch takes and gives arrays batch last, so that its own swaps meet these, see `batch_last.py`.
        def branch(function: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *swapped: swap_batch_axes(function(*swap_batch_axes(swapped)))

        branches = [branch(function) for function in self.functions]
        return swap_batch_axes(jax.lax.switch(self.index, branches, *swap_batch_axes(arrays)))


@dataclass(frozen=True, eq=False)
class Optional:
    """The width of a layer that may be bypassed, an entry of `[width] * depth`.

    Attributes:
        size: the width, an int or a `Size`; that of the layer before it too.
        exists: whether the layer exists, a traced bool.
    """

    size: Any
    exists: Bool[Array, ""]


def mask_units(x: Shaped[ArrayLike, "batch *space features"], size: Any) -> Shaped[Array, "batch *space features"]:
    """Sets the units on the last axis to 0 that are beyond a traced size; does nothing for a whole number.

    Mask *after* the activation: softplus(0) is not 0.

    Args:
        x: shape (batch, ..., features).
        size: the number of real features: what `make_recipe` gets for `sizes(...)`.

    Raises:
        TypeError: a size that is neither traced nor a whole number.
        ValueError: x has another number of features than the arrays of this size.

    Example:
        >>> mask_units(jnp.ones((2, 3)), Size(jnp.array(2), largest=3))
        Array([[1., 1., 0.],
               [1., 1., 0.]], dtype=float32)
        >>> mask_units(jnp.ones((1, 2)), 2)
        Array([[1., 1.]], dtype=float32)
    """
    units, shape = count_units(check_size("mask_units", "size", size)), jnp.shape(x)
    if len(shape) < 2 or shape[-1] != units:
        raise ValueError(f"mask_units: x must have shape (batch, …, {units}), the units of the size, not {shape}")
    return _mask_units(x, size=size) if isinstance(size, Size) else jnp.asarray(x)


@batch_last
def _mask_units(x, *, size):
    return jnp.where(jnp.expand_dims(size.mask(), tuple(range(1, x.ndim))), x, jnp.zeros((), x.dtype))


def bypass(new: Array, old: ArrayLike, width: Any) -> Array:
    """Returns the outputs of a layer, or its inputs where the layer is optional and does not exist."""
    return _bypass(new, old, exists=width.exists) if isinstance(width, Optional) else new


@batch_last
def _bypass(new, old, *, exists):
    return jnp.where(exists, new, old)


def get_width(width: Any) -> Any:
    """Returns the size of a layer that may be optional."""
    return width.size if isinstance(width, Optional) else width


def count_units(size: Any) -> int:
    """Returns the number of entries that an array of this size has."""
    return size.units if isinstance(size, Size) else size


def check_size(caller: str, name: str, size: Any) -> Any:
    """Returns a `Size` unchanged, and anything else as an int of at least 1."""
    if isinstance(size, float):
        raise TypeError(
            f"{caller}: {name} must be a whole number, not {size!r}; in a sweep, sizes(low, high) gives some"
        )
    return size if isinstance(size, Size) else check_whole(caller, name, size, least=1)


def mask_weights(weight: Array, inputs: Any, outputs: Any) -> Array:
    """Sets the weights (*window, inputs, outputs) from and to masked units to 0."""
    masks = [size.mask()[..., *[None] * axis] for axis, size in ((1, inputs), (0, outputs)) if isinstance(size, Size)]
    real = functools.reduce(jnp.logical_and, [jnp.broadcast_to(mask, weight.shape[-2:]) for mask in masks])
    return jnp.where(jnp.broadcast_to(real, weight.shape), weight, jnp.zeros((), weight.dtype))
