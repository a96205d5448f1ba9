"""The range of a hyper in its space."""

from typing import Any

from jaxnn.sweeps.space.integers import Seeds
from jaxnn.sweeps.space.space import dimensions


def find_range(space: dict[str, Any], path: str) -> tuple[float, float] | None:
    """Returns the least and the largest value of a hyper; None for a choice, a seed, and what has no ends.

    Options of a choice may use one path with several ranges: it is the range of them all.

    Example:
        >>> from jaxnn import choice, uniform
        >>> find_range({"of": choice({"rate": uniform(0, 1)}, {"rate": uniform(0.5, 3)})}, "of.rate")
        (0.0, 3.0)
    """
    nodes = [node for name, node, _ in dimensions(space) if name == path]
    if not all(hasattr(node, "low") and not isinstance(node, Seeds) for node in nodes):
        return None
    return min(float(node.low) for node in nodes), max(float(node.high) for node in nodes)
