"""Settings from plain dicts of hypers, such as those of an earlier search: the inverse of `fill_space`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxnn._checks.names import name_value
from jaxnn.sweeps.space.bounds import finite_number
from jaxnn.sweeps.space.distributions import Distribution, Quantized
from jaxnn.sweeps.space.segments import divide_widths
from jaxnn.sweeps.space.space import NO_LABEL, Choice, Setting, dimensions, split_row
from jaxnn.sweeps.space.whole import Sizes, Switches

# How far a quantized value may be from its step, in steps: 0.1 + 0.2 is a value of quantized(0, 1, 0.1).
_ROUNDING = 1e-6


def make_setting(space: dict[str, Any], hypers: Mapping[str, Any], caller: str = "make_setting") -> Setting:
    """Returns the setting of a space with these hypers.

    Args:
        space: a valid space.
        hypers: a value for each hyper, nested as in the space: what `SweepResult.hypers_of` returns. Constants of the
            space may be left out.
        caller: what the messages begin with.

    Raises:
        TypeError: hypers that are not a dict, or a value of another type.
        ValueError: a name that is missing or that the space lacks, or a value that its distribution or choice does not
            have.

    Example:
        >>> from jaxnn import choice, log_uniform
        >>> space = {"rate": log_uniform(1e-4, 1), "width": choice(8, 16)}
        >>> make_setting(space, {"rate": 0.01, "width": 16})
        Setting(choices=(('width', 1),), values={'rate': 0.01})
    """
    picked: dict[str, Any] = {}
    _pick(space, hypers, "", caller, picked)
    columns, labels = dimensions(space), []
    tops = divide_widths(columns)
    for path, node, conditions in columns:
        active = all(labels[column] == option for column, option in conditions)
        segments = tops[path, node] if isinstance(node, Sizes) else ()
        if active and isinstance(node, Choice):
            labels.append(picked[path])
        elif active and len(segments) > 1:
            labels.append(int(np.searchsorted(segments, picked[path])))
        else:
            labels.append(NO_LABEL)
    choices, traced = split_row(columns, tuple(labels))
    return Setting(choices, {path: picked[path] for path, _ in traced})


def _pick(space: dict[str, Any], hypers: Any, prefix: str, caller: str, picked: dict[str, Any]) -> None:
    """Collects the value of each distribution and the option of each choice, by path."""
    if not isinstance(hypers, Mapping):
        raise TypeError(f"{caller}: {prefix[:-1] or 'a setting'} must be a dict of hypers, not {hypers!r}")
    unknown = [prefix + str(name) for name in hypers if name not in space]
    if unknown:
        raise ValueError(f"{caller}: the space has no {', '.join(unknown)}, but {', '.join(space)}")
    for name, node in space.items():
        path = prefix + name
        if isinstance(node, Distribution | Choice | dict) and name not in hypers:
            raise ValueError(f"{caller}: {path} is missing; a setting has a value for each hyper")
        if isinstance(node, Distribution):
            picked[path] = _check_value(node, hypers[name], path, caller)
        elif isinstance(node, Choice):
            picked[path] = _pick_option(node, hypers[name], path, caller, picked)
        elif isinstance(node, dict):
            _pick(node, hypers[name], path + ".", caller, picked)
        elif name in hypers and not _equal(node, hypers[name]):
            raise ValueError(f"{caller}: {path} is {node!r} in the space, not {hypers[name]!r}")


def _check_value(node: Any, value: Any, path: str, caller: str) -> float:
    """Returns a value as a float, after a check that the distribution has it."""
    if isinstance(node, Switches):
        number = next((i for i, function in enumerate(node.functions) if function is value), None)
        if number is None:
            names = ", ".join(str(name_value(function)) for function in node.functions)
            raise ValueError(f"{caller}: {path} must be one of the functions {names}, not {name_value(value)}")
        return float(number)
    number = finite_number(caller, path, value)
    nearest = float(node.clip(number))
    allowed = _ROUNDING * node.step if isinstance(node, Quantized) else 0.0
    if abs(nearest - number) > allowed:
        raise ValueError(f"{caller}: {path} must be a value of {node}, not {value!r}")
    return nearest


def _pick_option(node: Choice, value: Any, path: str, caller: str, picked: dict[str, Any]) -> int:
    """Returns the number of the option with a value; of a nested space, the first that the value fits."""
    reason = ""
    for number, option in enumerate(node.values):
        if not isinstance(option, dict):
            if _equal(option, value):
                return number
            continue
        nested: dict[str, Any] = {}
        try:
            _pick(option, value, path + ".", caller, nested)
        except (TypeError, ValueError) as error:
            reason = reason or f" ({error})"
            continue
        picked |= nested
        return number
    options = ", ".join(str(name_value(option)) for option in node.values)
    raise ValueError(f"{caller}: {path} must be one of {options}, not {name_value(value)}{reason}")


def _equal(option: Any, value: Any) -> bool:
    """Returns whether a value is the option; arrays and other objects are compared by identity alone."""
    if option is value:
        return True
    # A row of a table holds NumPy's numbers.
    value = value.item() if isinstance(value, np.generic) else value
    plain = bool | int | float | str | tuple | None
    # True equals 1, but is another option.
    same_kind = isinstance(option, bool) == isinstance(value, bool)
    return isinstance(option, plain) and isinstance(value, plain) and same_kind and option == value
