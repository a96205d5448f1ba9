"""How many lanes a device carries at its best: as many as keep one epoch's arrays in the processor's cache."""

import math
from typing import Any

import jax

from jaxnn.training import TrainingState, one_epoch

# Measured on two x86 cores: throughput peaks where the lanes' arrays are about this many bytes a core, but four lanes
# pay even beyond, as long as one of them is not many times the cache. iris (4-16-3, 120 rows) then gets 32 lanes, the
# digits CNN (8 and 16 filters, batches of 64) gets 4.
_CACHE, _FEW, _MANY = 8 * 2**20, 4, 64
_ELSEWHERE = 4096


def lane_width(recipe: Any, data: Any, state: TrainingState, platform: str) -> int:
    """Lanes a device, a power of two: a function of the shapes and the platform alone, never of a clock."""
    if platform != "cpu":
        return _ELSEWHERE
    epoch = jax.make_jaxpr(lambda data, state: one_epoch(recipe, data, state))(data, state)
    lanes = _CACHE / max(1, working_set(epoch.jaxpr))
    if lanes < 1 / 8:
        return 1
    return int(2 ** math.floor(math.log2(min(max(lanes, _FEW), _MANY))))


def working_set(jaxpr: Any) -> int:
    """Bytes of all arrays that a program makes, each loop's body counted once."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [part for value in equation.params.values() for part in _jaxprs(value)]
        total += sum(map(working_set, inner)) if inner else sum(_bytes(out.aval) for out in equation.outvars)
    return total


def _jaxprs(value: Any) -> list[Any]:
    values = value if isinstance(value, tuple | list) else [value]
    return [getattr(part, "jaxpr", part) for part in values if hasattr(part, "eqns") or hasattr(part, "jaxpr")]


def _bytes(aval: Any) -> int:
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
