"""Spaces with whole numbers, widths, depths and functions: the hypers inside a compiled program, and its segments."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from jaxnn.sweeps.space.fill import active_distributions, check_paths, fill
from jaxnn.sweeps.space.integers import Seeds
from jaxnn.sweeps.space.segments import divide_widths
from jaxnn.sweeps.space.space import Choices, Setting, count_combinations, dimensions
from jaxnn.sweeps.space.whole import Depths, Sizes, Whole


def count_programs(space: dict[str, Any]) -> int:
    """Returns the most programs that the settings of a space need."""
    tops = divide_widths(dimensions(space)).values()
    return count_combinations(space) * int(np.prod([len(segments) for segments in tops], dtype=object))


def check_settings(space: dict[str, Any], settings: list[Setting]) -> None:
    """Checks the whole numbers of settings, which may come from a sampler of the user.

    Raises:
        ValueError: a value that its distribution does not have, or a width outside the segment that the choices name.
    """
    columns = dimensions(space)
    if not any(isinstance(node, Whole) for _, node, _ in columns):
        return
    tops, active = divide_widths(columns), {}
    for choices, values in settings:
        if choices not in active:
            active[choices] = active_distributions(space, choices)
        for path, node in active[choices].items():
            if not isinstance(node, Whole) or path not in values:
                continue
            node.as_python(values[path], path)
            if isinstance(node, Sizes):
                _check_segment(path, tops[path, node], dict(choices), values[path])


def _check_segment(path: str, tops: tuple[int, ...], options: dict[str, int], width: float) -> None:
    if _find_top(path, tops, options) != min(top for top in tops if top >= width):
        raise ValueError(
            f"space: {path} {width:.0f} does not lie in segment {options[path]} of the widths up to {tops}, which the "
            "choices name"
        )


def find_seed(space: dict[str, Any], choices: Choices) -> str | None:
    """Returns the path of the seed under these choices.

    Raises:
        ValueError: several seeds.
    """
    found = [path for path, node in active_distributions(space, choices).items() if isinstance(node, Seeds)]
    if len(found) > 1:
        raise ValueError(f"space: a trial has one seed, not {', '.join(found)}")
    return found[0] if found else None


def fill_traced(
    space: dict[str, Any], choices: Choices, values: Mapping[str, Any], *, marks: bool = False
) -> dict[str, Any]:
    """Returns the hypers for `make_recipe` inside a compiled program, where sizes, depths and switches are traced.

    Args:
        space: a valid space.
        choices: of a `Setting`.
        values: of a `Setting`, or tracers under the same paths.
        marks: whether each `Size` makes parameters that mark real entries, see `Size`.

    Raises:
        ValueError: as `fill_space`; choices without the segment of a width whose range is divided.
    """
    check_paths(space, choices, values)
    options, tops = dict(choices), divide_widths(dimensions(space))

    def convert(path: str, node: Any) -> Any:
        if isinstance(node, Sizes):
            top = _find_top(path, tops[path, node], options)
            return replace(node._replace(high=float(top)).as_traced(values[path], path), marks=marks)
        return node.as_traced(values[path], path) if isinstance(node, Whole) else values[path]

    return fill(space, "", options, convert)


def least_widths(space: dict[str, Any], choices: Choices) -> dict[str, float]:
    """Returns the least width of the segment of each size, and the least depth of each depth, by path."""
    options, tops, least = dict(choices), divide_widths(dimensions(space)), {}
    for path, node in active_distributions(space, choices).items():
        if isinstance(node, Depths):
            least[path] = node.low
        elif isinstance(node, Sizes):
            top = _find_top(path, tops[path, node], options)
            before = [each for each in tops[path, node] if each < top]
            least[path] = float(node.widths()[node.widths() > max(before, default=0)][0])
    return least


def _find_top(path: str, tops: tuple[int, ...], options: dict[str, int]) -> int:
    """Returns the largest width of a segment."""
    segment = options.get(path, -1) if len(tops) > 1 else 0
    if not 0 <= segment < len(tops):
        raise ValueError(
            f"fill_space: the widths of {path} are divided into {len(tops)} segments, up to {tops}, of which the "
            f"choices {options} must name one, as those of settings_at do"
        )
    return tops[segment]
