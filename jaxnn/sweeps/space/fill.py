"""A space with the numbers of a setting in it: what `make_recipe` gets."""

from collections.abc import Callable, Mapping
from typing import Any

from jaxnn.sweeps.space.distributions import Distribution
from jaxnn.sweeps.space.space import Choice, Choices
from jaxnn.sweeps.space.whole import Whole


def active_distributions(space: dict[str, Any], choices: Choices) -> dict[str, Any]:
    """Returns the distributions that exist under these choices, by path.

    Example:
        >>> from jaxnn import choice, uniform
        >>> active_distributions({"rate": uniform(0, 1), "width": choice(8, 16)}, (("width", 0),))
        {'rate': Uniform(low=0.0, high=1.0)}
    """
    active: dict[str, Any] = {}
    fill(space, "", dict(choices), lambda path, node: active.setdefault(path, node))
    return active


def fill_space(space: dict[str, Any], choices: Choices, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the hypers for `make_recipe`: the space with a value for each distribution and choice.

    Args:
        space: a valid space.
        choices: of a `Setting`.
        values: of a `Setting`. Whole numbers become ints, and that of a `switch` becomes the function.

    Raises:
        ValueError: values that do not match the hypers under these choices, a value that a distribution of whole
            numbers does not have, or an option that does not exist.

    Example:
        >>> from jaxnn import choice, uniform
        >>> space = {"rate": uniform(0, 1), "optimizer": choice("adam", {"kind": "sgd", "momentum": uniform(0, 1)})}
        >>> fill_space(space, (("optimizer", 1),), {"rate": 0.1, "optimizer.momentum": 0.9})
        {'rate': 0.1, 'optimizer': {'kind': 'sgd', 'momentum': 0.9}}
    """
    check_paths(space, choices, values)

    def convert(path: str, node: Any) -> Any:
        return node.as_python(values[path], path) if isinstance(node, Whole) else values[path]

    return fill(space, "", dict(choices), convert)


def check_paths(space: dict[str, Any], choices: Choices, values: Mapping[str, Any]) -> None:
    """Checks that values belong to the hypers under these choices."""
    expected = active_distributions(space, choices)
    if expected.keys() != values.keys():
        raise ValueError(f"fill_space: the choices {choices} have the values {sorted(expected)}, not {sorted(values)}")


def fill(
    space: dict[str, Any], prefix: str, options: dict[str, int], value_of: Callable[[str, Distribution], Any]
) -> dict[str, Any]:
    """Returns a space with `value_of(path, distribution)` in place of each distribution, and the chosen options."""
    filled = {}
    for name, value in space.items():
        path = prefix + name
        if isinstance(value, Choice):
            option = options.get(path, -1)
            if not 0 <= option < len(value.values):
                raise ValueError(f"fill_space: {path} has {len(value.values)} options, but the choices are {options}")
            value = value.values[option]
        if isinstance(value, Distribution):
            value = value_of(path, value)
        elif isinstance(value, dict):
            value = fill(value, path + ".", options, value_of)
        filled[name] = value
    return filled
