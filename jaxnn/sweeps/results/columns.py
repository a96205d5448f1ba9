"""The hypers of all trials as columns of numbers, for pictures and for the importance of each."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxnn.sweeps.space.distributions import LogNormal, LogUniform
from jaxnn.sweeps.space.space import Choice, Setting, dimensions


class Column(NamedTuple):
    """One hyper of all trials.

    Attributes:
        path: its names joined by dots.
        values: of each trial; of a choice, the number of the option; NaN where the trial does not have it.
        options: what a choice's options are called; empty for a number.
        logarithmic: whether it is spread evenly over its logarithm.
    """

    path: str
    values: Float[np.ndarray, "trials"]
    options: tuple[str, ...]
    logarithmic: bool


def columns(space: dict[str, Any], settings: list[Setting]) -> tuple[Column, ...]:
    """A column for each path of a space.

    Example:
        >>> from jaxnn import choice, log_uniform
        >>> space = {"rate": log_uniform(1e-3, 1), "width": choice(8, 16)}
        >>> rate, width = columns(space, [Setting((("width", 1),), {"rate": 0.1})])
        >>> rate.values, width.values, width.options
        (array([0.1]), array([1.]), ('8', '16'))
    """
    found: dict[str, Column] = {}
    for path, node, _ in dimensions(space):
        if path not in found:
            values = [dict(setting.bucket).get(path, setting.values.get(path, np.nan)) for setting in settings]
            options = tuple(map(_name, node.values)) if isinstance(node, Choice) else ()
            found[path] = Column(path, np.array(values, float), options, isinstance(node, LogUniform | LogNormal))
    return tuple(found.values())


def _name(value: Any) -> str:
    """What a reader calls an option: a function by its name, a nested space by its constants."""
    if isinstance(value, dict):
        constants = [str(part) for part in value.values() if isinstance(part, str | int | float | bool)]
        return ", ".join(constants) or "{" + ", ".join(value) + "}"
    return getattr(value, "__name__", None) or str(value)
