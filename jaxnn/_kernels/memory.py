"""The memory that a traced program needs, counted from its operations."""

import math
from typing import Any


def count_bytes(jaxpr: Any, *, every_step: bool = False) -> int:
    """Counts the bytes of all arrays that a program creates.

    The body of a loop counts once; with `every_step`, that of a scan counts for every step. Of a `cond` the largest
    branch counts, since layers branch by platform.
    """
    total = 0
    for equation in jaxpr.eqns:
        inner = [part for value in equation.params.values() for part in get_inner_jaxprs(value)]
        steps = equation.params["length"] if every_step and equation.primitive.name == "scan" else 1
        created = [count_bytes(part, every_step=every_step) for part in inner]
        parts = max(created, default=0) if equation.primitive.name == "cond" else sum(created)
        total += steps * parts if inner else sum(bytes_of(out.aval) for out in equation.outvars)
    return total


def get_inner_jaxprs(value: Any) -> list[Any]:
    """Returns the programs in a parameter of an operation."""
    values = value if isinstance(value, tuple | list) else [value]
    return [getattr(part, "jaxpr", part) for part in values if hasattr(part, "eqns") or hasattr(part, "jaxpr")]


def bytes_of(aval: Any) -> int:
    """Returns the bytes of an array; 8 for each element, as of a key, whose dtype has no size."""
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
