"""A search space: a dict from names to distributions, choices and constants.

A distribution is a number that the compiled program takes as an argument. A choice is made before the program is
traced, so its options may be any Python values. Each combination of choices has a program of its own. A dict among the
options is a nested space: its hypers exist only where that option is chosen. The range of a width (`sizes`) may be
divided into segments, each with a program of its own; the segment of a setting's width is among its choices.

The path of a hyper is its names joined by dots. Two options of one choice may use the same path: they are two
dimensions with their own distributions, and no setting holds both.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxnn._kernels.garbage import pause_collection
from jaxnn.sweeps.space.distributions import Distribution
from jaxnn.sweeps.space.segments import divide_widths

# The option taken at each choice, in the space's order: (path, number of the option); also the segment of a width.
Choices = tuple[tuple[str, int], ...]

# In a table of options and segments: neither of both.
NO_LABEL = -1

# Distributions that would pass as constants.
_OTHER_DISTRIBUTIONS = ("optuna.distributions", "ray.tune", "scipy.stats")


class Choice(NamedTuple):
    """See `choice`."""

    values: tuple[Any, ...]


class Setting(NamedTuple):
    """One point of a space; `settings_at` makes settings from quantiles.

    Attributes:
        choices: the option taken at each choice, as (path, number of the option), in the order of the space, and the
            number of the segment of each width whose range is divided. Settings with equal choices share a compiled
            program.
        values: the traced hypers by path, as floats; that of a `switch` is the number of the function.

    Example:
        >>> Setting(choices=(("width", 1),), values={"learning_rate": 0.1}).values
        {'learning_rate': 0.1}
    """

    choices: Choices
    values: dict[str, float]


class Dimension(NamedTuple):
    """One axis of a space.

    Attributes:
        path: names joined by dots.
        node: the distribution or choice.
        conditions: the options under which it exists, as (dimension of the choice, number of the option).
    """

    path: str
    node: Any
    conditions: tuple[tuple[int, int], ...]


def choice(*values: Any) -> Choice:
    """One of the values, each with the same probability, known while the program is traced.

    Args:
        values: at least one, of any type: sizes, functions, optimizers. `choice(8, 16)` has two options, and
            `choice([8, 16])` has one, the list. A dict is a nested space, whose hypers exist only where it is chosen;
            a constant in it can name the option.

    Raises:
        ValueError: no value.
        TypeError: a distribution or a choice as a value; put it in a dict, which gives it a name.

    Example:
        >>> from jaxnn import uniform
        >>> optimizer = choice({"kind": "adam"}, {"kind": "sgd", "momentum": uniform(0, 0.99)})
        >>> paths({"width": choice(8, 16), "optimizer": optimizer})
        ('width', 'optimizer', 'optimizer.momentum')
    """
    if not values:
        raise ValueError("choice: there must be at least one value to choose from")
    for i, value in enumerate(values):
        if isinstance(value, Distribution | Choice):
            raise TypeError(f"choice: value {i} needs a name: put it in a dict, {{'name': {value!r}}}")
    return Choice(values)


def check_space(space: Any) -> None:
    """Checks that a space is a dict with at least one name, of distributions, choices, constants and nested dicts.

    Raises:
        TypeError: not a dict, a name that is not a string, or a list, set, range or distribution of another package.
        ValueError: an empty space, or a name that is not an identifier (names become attributes and columns).
    """
    if not isinstance(space, dict):
        raise TypeError(f"space: must be a dict from names to distributions and choices, not {space!r}")
    if not space:
        raise ValueError("space: must name at least one hyper, but is empty")
    _check_names(space, "")


def _check_names(space: dict[Any, Any], prefix: str) -> None:
    for name, value in space.items():
        if not isinstance(name, str):
            raise TypeError(f"space: a name must be a string, not {name!r}" + (f" in {prefix[:-1]}" if prefix else ""))
        path = prefix + name
        if not name.isidentifier():
            raise ValueError(f"space: a name must be an identifier, like learning_rate, not {path!r}")
        if isinstance(value, list | set | range):
            raise TypeError(f"space: {path} must be choice(*values), or choice(value) for a constant, not {value!r}")
        if type(value).__module__.startswith(_OTHER_DISTRIBUTIONS):
            other = f"{type(value).__name__} of {type(value).__module__.split('.')[0]}"
            raise TypeError(
                f"space: {path} must be a distribution of jaxnn, such as log_uniform(low, high), not a {other}"
            )
        # `Choice(...)` called directly has skipped the checks of `choice`.
        for nested in choice(*value.values).values if isinstance(value, Choice) else (value,):
            if isinstance(nested, dict):
                _check_names(nested, path + ".")


def dimensions(space: dict[str, Any]) -> tuple[Dimension, ...]:
    """Lists every distribution and choice in the order of the space, a choice before the dimensions under it."""
    collected: list[Dimension] = []
    _collect(space, "", (), collected)
    return tuple(collected)


def _collect(space: dict[str, Any], prefix: str, conditions: tuple, collected: list[Dimension]) -> None:
    for name, value in space.items():
        path = prefix + name
        if isinstance(value, Distribution):
            collected.append(Dimension(path, value, conditions))
        elif isinstance(value, Choice):
            column = len(collected)
            collected.append(Dimension(path, value, conditions))
            for option, nested in enumerate(value.values):
                if isinstance(nested, dict):
                    _collect(nested, path + ".", (*conditions, (column, option)), collected)
        elif isinstance(value, dict):
            _collect(value, path + ".", conditions, collected)


def paths(space: dict[str, Any]) -> tuple[str, ...]:
    """Lists the path of every dimension; a path that several options share appears once for each of them."""
    return tuple(dimension.path for dimension in dimensions(space))


def count_combinations(space: dict[str, Any]) -> int:
    """Counts the combinations of choices; each is a program to compile.

    Example:
        >>> count_combinations({"width": choice(8, 16), "optimizer": choice("adam", {"nesterov": choice(False, True)})})
        6
    """
    count = 1
    for value in space.values():
        options = value.values if isinstance(value, Choice) else (value,)
        count *= sum(count_combinations(option) if isinstance(option, dict) else 1 for option in options)
    return count


@pause_collection()
def settings_at(space: dict[str, Any], quantiles: Float[np.ndarray, "trials dimensions"]) -> list[Setting]:
    """Returns the settings at the given quantiles of the dimensions.

    Args:
        space: a valid space.
        quantiles: in [0, 1), a column for each distribution and choice in the order of the space, those of nested
            spaces included. Columns that a setting does not have are ignored.

    Raises:
        ValueError: another number of columns.

    Example:
        >>> from jaxnn import uniform
        >>> settings_at({"rate": uniform(0, 1), "width": choice(8, 16)}, np.array([[0.5, 0.9]]))
        [Setting(choices=(('width', 1),), values={'rate': 0.5})]
    """
    columns = dimensions(space)
    if quantiles.shape[1] != len(columns):
        raise ValueError(f"settings_at: quantiles {quantiles.shape} need a column for each of {paths(space)}")
    table, labels, tops = np.empty(quantiles.shape), np.full(quantiles.shape, NO_LABEL), divide_widths(columns)
    for i, (path, node, _) in enumerate(columns):
        if isinstance(node, Choice):
            # A quantile just below 1, times the length of a long choice, may round up to that length.
            labels[:, i] = np.minimum(np.floor(quantiles[:, i] * len(node.values)), len(node.values) - 1)
            continue
        table[:, i] = node.at(quantiles[:, i])
        segments = tops.get((path, node), ())
        if len(segments) > 1:
            labels[:, i] = np.searchsorted(segments, table[:, i])
    rows: Any = table.tolist()
    # The active dimensions are computed once for each combination of options, not for each trial.
    layouts: dict[tuple, tuple[Choices, list[tuple[str, int]]]] = {}
    settings = []
    for row, options in zip(rows, map(tuple, labels.tolist()), strict=True):
        if options not in layouts:
            layouts[options] = split_row(columns, options)
        choices, traced = layouts[options]
        settings.append(Setting(choices, {path: row[i] for path, i in traced}))
    return settings


def split_row(columns: tuple[Dimension, ...], options: tuple[int, ...]) -> tuple[Choices, list[tuple[str, int]]]:
    """Returns the choices of a row of options and segments, and (path, column) of its traced hypers."""
    active = [
        (path, i, node)
        for i, (path, node, conditions) in enumerate(columns)
        if all(options[column] == option for column, option in conditions)
    ]
    choices = tuple((path, options[i]) for path, i, _ in active if options[i] != NO_LABEL)
    return choices, [(path, i) for path, i, node in active if not isinstance(node, Choice)]
