"""The norms that a convolutional model may have after its convolutions, chosen by name."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jaxtyping import Array

from jaxnn.layers.batch_norm import batch_norm, init_batch_norm, train_batch_norm
from jaxnn.layers.group_norm import group_norm, init_group_norm
from jaxnn.layers.norms import init_layer_norm, layer_norm
from jaxnn.units import Size


class Norm(NamedTuple):
    """A norm as functions of its parameters, of x and of the number of channels, which may be a `Size`.

    Attributes:
        init: `init(channels) -> params`.
        apply: `apply(params, x, channels) -> outputs`.
        train_apply: `train_apply(params, x, where) -> (outputs, params)`, if training differs from evaluation.
    """

    init: Callable[[Any], Any]
    apply: Callable[[Any, Array, Any], Array]
    train_apply: Callable[[Any, Array, Any], tuple[Array, Any]] | None = None


# Functions with names, so that models can be pickled.
def _apply_batch_norm(params: Any, x: Array, channels: Any) -> Array:
    del channels  # every channel has statistics of its own
    return batch_norm(params, x)


def _train_batch_norm(params: Any, x: Array, where: Any) -> tuple[Array, Any]:
    return train_batch_norm(params, x, where=where)


def _apply_layer_norm(params: Any, x: Array, channels: Any) -> Array:
    return layer_norm(params, x, size=channels)


def _apply_group_norm(params: Any, x: Array, channels: Any) -> Array:
    del channels
    return group_norm(params, x, math.gcd(_MOST_GROUPS, len(params.scale)))


# 16, 32 and 64 channels are then 8 groups of 2, 4 and 8.
_MOST_GROUPS = 8

NORMS = {
    "batch": Norm(init_batch_norm, _apply_batch_norm, _train_batch_norm),
    "group": Norm(init_group_norm, _apply_group_norm),
    "layer": Norm(init_layer_norm, _apply_layer_norm),
}


def choose_norm(caller: str, name: Any, channels: Sequence[Any]) -> Norm | None:
    """Returns the norm of a name, or None for None.

    Raises:
        ValueError: a name that no norm has, or group norm with traced channels.
    """
    if name is None:
        return None
    if not isinstance(name, str) or name not in NORMS:
        raise ValueError(f"{caller}: norm must be one of {', '.join(map(repr, NORMS))} or None, not {name!r}")
    # How many groups there are would depend on the size, and so would shapes.
    if name == "group" and any(isinstance(size, Size) for size in channels):
        rule = "takes whole numbers of channels; make the sizes a choice, or take another norm"
        raise ValueError(f"{caller}: norm='group' {rule}")
    return NORMS[name]


def normalize(norm: Norm, params: Any, x: Array, channels: Any, train: tuple[Any] | None) -> tuple[Array, Any]:
    """Applies a norm; returns the outputs and the parameters with new running statistics.

    Args:
        norm: of `choose_norm`.
        params: of the norm.
        x: batch first.
        channels: what `make_recipe` gets for `sizes(...)`, else None.
        train: (where,) in training, None in evaluation.
    """
    if train is None or norm.train_apply is None:
        return norm.apply(params, x, channels), params
    return norm.train_apply(params, x, *train)
