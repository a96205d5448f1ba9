"""The norms that a convolutional model may have after its convolutions, chosen by name."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxtyping import Array

from jaxnn._checks.arrays import check_scalar, check_whole
from jaxnn.layers.batch_norm import batch_norm, init_batch_norm, train_batch_norm
from jaxnn.layers.group_norm import group_norm, init_group_norm
from jaxnn.layers.norms import init_layer_norm, init_rms_norm, layer_norm, rms_norm
from jaxnn.units import Size


class Norm(NamedTuple):
    """A norm as functions of its parameters, of x and of the number of channels, which may be a `Size`.

    Attributes:
        init: `init(channels) -> params`.
        apply: `apply(params, x, channels, **options) -> outputs`.
        train_apply: `train_apply(params, x, where, **options) -> (outputs, params)`, if training differs from
            evaluation.
        allowed: the names of the options.
        options: the pairs (name, value) that differ from the defaults; a tuple, so that equal models are equal.
    """

    init: Callable[[Any], Any]
    apply: Callable[..., Array]
    train_apply: Callable[..., tuple[Array, Any]] | None = None
    allowed: tuple[str, ...] = ("epsilon",)
    options: tuple[tuple[str, Any], ...] = ()


# Functions with names, so that models can be pickled.
def _apply_batch_norm(params: Any, x: Array, channels: Any, **options: Any) -> Array:
    del channels  # every channel has statistics of its own
    return batch_norm(params, x, **{name: value for name, value in options.items() if name == "epsilon"})


def _train_batch_norm(params: Any, x: Array, where: Any, **options: Any) -> tuple[Array, Any]:
    return train_batch_norm(params, x, where=where, **options)


def _apply_layer_norm(params: Any, x: Array, channels: Any, **options: Any) -> Array:
    return layer_norm(params, x, size=channels, **options)


def _apply_rms_norm(params: Any, x: Array, channels: Any, **options: Any) -> Array:
    return rms_norm(params, x, size=channels, **options)


def _apply_group_norm(params: Any, x: Array, channels: Any, *, groups: int | None = None, **options: Any) -> Array:
    del channels
    return group_norm(params, x, groups or math.gcd(_MOST_GROUPS, len(params.scale)), **options)


# 16, 32 and 64 channels are then 8 groups of 2, 4 and 8.
_MOST_GROUPS = 8

NORMS = {
    "batch": Norm(init_batch_norm, _apply_batch_norm, _train_batch_norm, ("epsilon", "momentum", "unbiased")),
    "group": Norm(init_group_norm, _apply_group_norm, allowed=("epsilon", "groups")),
    "layer": Norm(init_layer_norm, _apply_layer_norm),
    "rms": Norm(init_rms_norm, _apply_rms_norm),
}


def choose_norm(caller: str, name: Any, channels: Sequence[Any], options: Mapping[str, Any] | None) -> Norm | None:
    """Returns the norm of a name with its options, or None for None.

    Raises:
        TypeError: options that are not a dict, or an option of another type.
        ValueError: a name that no norm has, an option that it does not have, or group norm with traced channels.
    """
    if name is not None and (not isinstance(name, str) or name not in NORMS):
        raise ValueError(f"{caller}: norm must be one of {', '.join(map(repr, NORMS))} or None, not {name!r}")
    # How many groups there are would depend on the size, and so would shapes.
    if name == "group" and any(isinstance(size, Size) for size in channels):
        rule = "takes whole numbers of channels; make the sizes a choice, or take another norm"
        raise ValueError(f"{caller}: norm='group' {rule}")
    chosen = None if name is None else NORMS[name]
    pairs = _check_options(caller, f"norm={name!r}", chosen.allowed if chosen else (), options, channels)
    return chosen._replace(options=pairs) if chosen else None


def _check_options(
    caller: str, norm: str, allowed: Sequence[str], options: Any, channels: Sequence[Any]
) -> tuple[tuple[str, Any], ...]:
    """Returns the options in the order of their names."""
    if options is None:
        return ()
    if not isinstance(options, Mapping):
        raise TypeError(f'{caller}: norm_options must be a dict such as {{"epsilon": 1e-3}}, not {options!r}')
    if unknown := [name for name in options if name not in allowed]:
        takes = f"takes {', '.join(map(repr, allowed))}" if allowed else "takes no norm_options"
        raise ValueError(f"{caller}: {norm} {takes}, not {unknown[0]!r}")
    for name, value in options.items():
        _check_option(caller, name, value, channels)
    return tuple(sorted(options.items()))


def _check_option(caller: str, name: str, value: Any, channels: Sequence[Any]) -> None:
    label = f'norm_options["{name}"]'
    if name == "unbiased":
        if not isinstance(value, bool):
            raise TypeError(f"{caller}: {label} must be True or False, not {value!r}")
    elif name == "groups":
        groups = check_whole(caller, label, value, least=1)
        if odd := [size for size in channels if size % groups]:
            raise ValueError(f"{caller}: {label} must divide the {odd[0]} channels, not {groups}")
    elif (number := check_scalar(caller, label, value)) is not None:
        if name == "epsilon" and not number >= 0:
            raise ValueError(f"{caller}: {label} must be at least 0, not {number}")
        if name == "momentum" and not 0 <= number <= 1:
            raise ValueError(f"{caller}: {label} must lie in [0, 1], not {number}")


def normalize(norm: Norm, params: Any, x: Array, channels: Any, train: tuple[Any] | None) -> tuple[Array, Any]:
    """Applies a norm; returns the outputs and the parameters with new running statistics.

    Args:
        norm: of `choose_norm`.
        params: of the norm.
        x: batch first.
        channels: what `make_recipe` gets for `sizes(...)`, else None.
        train: (where,) in training, None in evaluation.
    """
    options = dict(norm.options)
    if train is None or norm.train_apply is None:
        return norm.apply(params, x, channels, **options), params
    return norm.train_apply(params, x, *train, **options)
