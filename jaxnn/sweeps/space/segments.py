"""Segments of widths: a wide range is divided, so that narrow networks are not trained at the largest width.

A program trains every trial at the largest width of its segment. More segments waste less of its time, and each costs a
compilation. They depend on the space alone, never on the settings drawn or on a clock, so that a trial's bits do not.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from jaxnn.sweeps.space.whole import Sizes

# The time of a training as a function of its width is proportional to width + this many units, whose time does not
# depend on the width: small layers cost as much as the calls around them.
_FIXED_UNITS = 128
# A range is divided until its trials take at most this many times as long as at their own widths, on average.
_MAX_WASTE = 2.0
# The most programs that the widths of a space make together.
_MAX_PROGRAMS = 4


def divide_widths(columns: Iterable[Any]) -> dict[tuple[str, Sizes], tuple[int, ...]]:
    """Returns the largest width of each segment, for each width of a space, by its path and distribution.

    Args:
        columns: (path, distribution or choice, conditions) of each dimension of the space.
    """
    return divide({(path, node): node for path, node, _ in columns if isinstance(node, Sizes)})


def divide(nodes: dict[Any, Sizes]) -> dict[Any, tuple[int, ...]]:
    """Returns the largest width of each segment, in increasing order, for all widths of a space together.

    Args:
        nodes: the widths of a space, under any keys.

    Example:
        >>> from jaxnn.sweeps.space.whole import sizes
        >>> divide({"width": sizes(4, 128)}), divide({"width": sizes(8, 512)})
        ({'width': (128,)}, {'width': (167, 512)})
    """
    tops = {key: _divide_one(node) for key, node in nodes.items()}
    while math.prod(map(len, tops.values())) > _MAX_PROGRAMS:
        divided = [key for key in tops if len(tops[key]) > 1]
        fewer = {key: _tops(nodes[key], len(tops[key]) - 1) for key in divided}
        least = min(divided, key=lambda key: _waste(nodes[key], fewer[key]))
        tops[least] = fewer[least]
    return tops


def _divide_one(node: Sizes) -> tuple[int, ...]:
    candidates = (_tops(node, count) for count in range(1, _MAX_PROGRAMS))
    return next((tops for tops in candidates if _waste(node, tops) <= _MAX_WASTE), _tops(node, _MAX_PROGRAMS))


def _tops(node: Sizes, count: int) -> tuple[int, ...]:
    """Returns the largest widths of `count` segments over which the time grows by equal factors."""
    values = node.widths()
    times = np.geomspace(values[0] + _FIXED_UNITS, values[-1] + _FIXED_UNITS, count + 1)[1:-1]
    inner = values[np.searchsorted(values + _FIXED_UNITS, times, side="right") - 1]
    return tuple(sorted({int(top) for top in (*inner, values[-1])}))


def _waste(node: Sizes, tops: tuple[int, ...]) -> float:
    """Returns the expected time of a training at the top of its segment, relative to that at its own width."""
    values = node.widths()
    trained = np.array(tops)[np.searchsorted(tops, values)] + _FIXED_UNITS
    return float(node.probabilities @ trained / (node.probabilities @ (values + _FIXED_UNITS)))
