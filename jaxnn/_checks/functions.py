"""Functions that compute the same in every call, so that what was traced once stays true."""

import dataclasses
from typing import Any


class NeedsValueError(ValueError):
    """A number that Python needs was traced; the message says what to do instead."""


def check_activation(caller: str, activation: Any) -> None:
    """Checks that an activation is a function, and not its name."""
    if not callable(activation):
        raise TypeError(f"{caller}: activation must be a function, such as nn.relu, not {activation!r}")


def never_changes(function: Any) -> bool:
    """Returns whether a function of a model is one of this library's, with activations of this library or of JAX.

    A function of the user's may read variables that change between two calls.

    Example:
        >>> import jaxnn as nn
        >>> never_changes(nn.mlp([4, 3]).apply), never_changes(nn.mlp([4, 3], activation=abs).apply)
        (True, False)
    """
    if dataclasses.is_dataclass(function):
        parts = [getattr(function, part.name) for part in dataclasses.fields(function)]
        return _is_ours(type(function)) and all(map(_is_constant, parts))
    return _is_ours(function)


def _is_constant(part: Any) -> bool:
    """Returns whether a part of a function never changes; models of models hold their functions in tuples."""
    if isinstance(part, tuple):
        return all(map(_is_constant, part))
    return never_changes(part) if callable(part) else True


def _is_ours(value: Any) -> bool:
    return (getattr(value, "__module__", None) or "").split(".")[0] in ("jaxnn", "jax")
