"""What a sweep searches: a dict from names to distributions, choices and constants.

A distribution is a number that the compiled program takes as an argument. A choice is settled before the program is
traced, so it may hold any Python value, and each combination of choices, a *bucket*, is a program of its own. A dict
among a choice's values is a space again, whose hypers exist only where that value is chosen.

The path of a hyper is its names joined by dots. Two options of one choice may name the same hyper: they are two
dimensions, each with its own distribution, that share the path, since no setting ever holds both.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxnn.sweeps.space.distributions import Distribution

Bucket = tuple[tuple[str, int], ...]


class Choice(NamedTuple):
    """See `choice`."""

    values: tuple[Any, ...]


class Setting(NamedTuple):
    """One point of a space.

    Attributes:
        bucket: at each choice met, in the space's order, its path and the number of the option taken. Hashable:
            settings with equal buckets share a compiled program.
        values: the traced hypers that this bucket has, by path.
    """

    bucket: Bucket
    values: dict[str, float]


class Dimension(NamedTuple):
    """One axis of a space.

    Attributes:
        path: names joined by dots.
        node: the distribution or choice.
        conditions: the options that must have been taken for it to exist, as (dimension of the choice, option).
    """

    path: str
    node: Any
    conditions: tuple[tuple[int, int], ...]


def choice(*values: Any) -> Choice:
    """One of the values, each with the same probability, known while the program is traced.

    Args:
        values: at least one, of any kind: sizes, functions, optimizers. A dict is a space of its own, whose hypers
            exist only where it is chosen; a constant in it can tell the options apart.

    Raises:
        ValueError: no value.
        TypeError: a distribution or a choice as a value, which needs a dict around it for a name.

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
    """A space is a dict that holds a hyper, and whose values are distributions, choices, constants and dicts of them.

    Raises:
        TypeError: another thing than a dict, a name that is not a string, or a list, set or range for a value.
        ValueError: an empty space, or a name that is not an identifier (it is an attribute and a column elsewhere).
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
        # A choice made by hand has not been through `choice`.
        for nested in choice(*value.values).values if isinstance(value, Choice) else (value,):
            if isinstance(nested, dict):
                _check_names(nested, path + ".")


def dimensions(space: dict[str, Any]) -> tuple[Dimension, ...]:
    """Every distribution and choice, in the order written, a choice before what depends on it."""
    found: list[Dimension] = []
    _collect(space, "", (), found)
    return tuple(found)


def _collect(space: dict[str, Any], prefix: str, conditions: tuple, found: list[Dimension]) -> None:
    for name, value in space.items():
        path = prefix + name
        if isinstance(value, Distribution):
            found.append(Dimension(path, value, conditions))
        elif isinstance(value, Choice):
            column = len(found)
            found.append(Dimension(path, value, conditions))
            for option, nested in enumerate(value.values):
                if isinstance(nested, dict):
                    _collect(nested, path + ".", (*conditions, (column, option)), found)
        elif isinstance(value, dict):
            _collect(value, path + ".", conditions, found)


def paths(space: dict[str, Any]) -> tuple[str, ...]:
    """The path of every dimension; where several options name the same hyper, its path stands there several times."""
    return tuple(dimension.path for dimension in dimensions(space))


def bucket_count(space: dict[str, Any]) -> int:
    """How many combinations of choices there are, each a program to compile.

    Example:
        >>> bucket_count({"width": choice(8, 16), "optimizer": choice("adam", {"nesterov": choice(False, True)})})
        6
    """
    count = 1
    for value in space.values():
        options = value.values if isinstance(value, Choice) else (value,)
        count *= sum(bucket_count(option) if isinstance(option, dict) else 1 for option in options)
    return count


def settings(space: dict[str, Any], quantiles: Float[np.ndarray, "trials dimensions"]) -> list[Setting]:
    """The settings at these quantiles of the dimensions.

    Args:
        space: checked by `check_space`.
        quantiles: in [0, 1), a column for each of `paths(space)`; what a setting does not have is passed over.

    Example:
        >>> from jaxnn import uniform
        >>> settings({"rate": uniform(0, 1), "width": choice(8, 16)}, np.array([[0.5, 0.9]]))
        [Setting(bucket=(('width', 1),), values={'rate': 0.5})]
    """
    columns = dimensions(space)
    if quantiles.shape[1] != len(columns):
        raise ValueError(f"settings: quantiles {quantiles.shape} need a column for each of {paths(space)}")
    choices = [i for i, dimension in enumerate(columns) if isinstance(dimension.node, Choice)]
    table = np.empty(quantiles.shape)
    for i, (_, node, _) in enumerate(columns):
        if isinstance(node, Choice):
            # A quantile just below 1 times a long choice's length may round up to it.
            table[:, i] = np.minimum(np.floor(quantiles[:, i] * len(node.values)), len(node.values) - 1)
        else:
            table[:, i] = node.at(quantiles[:, i])
    rows: Any = table.tolist()
    # What a row of options stands for is worked out once, not for each trial.
    layouts: dict[tuple, tuple[Bucket, list[tuple[str, int]]]] = {}
    found = []
    for row in rows:
        taken = tuple(row[i] for i in choices)
        if taken not in layouts:
            layouts[taken] = _layout(columns, row)
        bucket, traced = layouts[taken]
        found.append(Setting(bucket, {path: row[i] for path, i in traced}))
    return found


def _layout(columns: tuple[Dimension, ...], row: list[float]) -> tuple[Bucket, list[tuple[str, int]]]:
    """The bucket of a row of options, and the paths and columns of its traced hypers."""
    met = [
        (path, i, isinstance(node, Choice))
        for i, (path, node, conditions) in enumerate(columns)
        if all(row[column] == option for column, option in conditions)
    ]
    bucket = tuple((path, int(row[i])) for path, i, chosen in met if chosen)
    return bucket, [(path, i) for path, i, chosen in met if not chosen]


def active(space: dict[str, Any], bucket: Bucket) -> dict[str, Any]:
    """The distributions that a bucket has, by path.

    Example:
        >>> from jaxnn import uniform
        >>> active({"rate": uniform(0, 1), "width": choice(8, 16)}, (("width", 0),))
        {'rate': Uniform(low=0.0, high=1.0)}
    """
    taken, found = dict(bucket), {}
    _fill(space, "", taken, lambda path, node: found.setdefault(path, node))
    return found


def hypers_of(space: dict[str, Any], bucket: Bucket, values: Mapping[str, Any]) -> dict[str, Any]:
    """The space with a value in place of each distribution and choice: what `make_recipe` is given.

    Args:
        space: checked by `check_space`.
        bucket: of a `Setting`.
        values: of a `Setting`, or tracers under the same paths.

    Raises:
        ValueError: values that lack a hyper of this bucket or hold another, or an option that does not exist.

    Example:
        >>> from jaxnn import uniform
        >>> space = {"rate": uniform(0, 1), "optimizer": choice("adam", {"kind": "sgd", "momentum": uniform(0, 1)})}
        >>> hypers_of(space, (("optimizer", 1),), {"rate": 0.1, "optimizer.momentum": 0.9})
        {'rate': 0.1, 'optimizer': {'kind': 'sgd', 'momentum': 0.9}}
    """
    expected = active(space, bucket)
    if expected.keys() != values.keys():
        raise ValueError(f"hypers_of: bucket {bucket} has the values {sorted(expected)}, not {sorted(values)}")
    return _fill(space, "", dict(bucket), lambda path, _: values[path])


def _fill(space: dict[str, Any], prefix: str, taken: dict[str, int], traced: Any) -> dict[str, Any]:
    filled = {}
    for name, value in space.items():
        path = prefix + name
        if isinstance(value, Choice):
            option = taken.get(path, -1)
            if not 0 <= option < len(value.values):
                raise ValueError(f"hypers_of: {path} has {len(value.values)} options, but the bucket {taken}")
            value = value.values[option]
        if isinstance(value, Distribution):
            value = traced(path, value)
        elif isinstance(value, dict):
            value = _fill(value, path + ".", taken, traced)
        filled[name] = value
    return filled
