"""One thing on CPUs and another elsewhere, for functions that are differentiated; and arrays that lie in memory."""

import functools
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array


def chosen(*, cpu: Callable[..., Any], default: Callable[..., Any], keep: bool = False) -> Callable[..., Any]:
    """The one function or the other, by the platform that a program is lowered for.

    A choice would keep for the backward pass what either function wants to keep. So it is checkpointed: it keeps its
    arguments alone.

    Args:
        cpu, default: functions of the same arguments.
        keep: whether XLA may see that the backward pass makes again what the forward pass made, and keep that. Faster,
            where there is room.
    """
    return jax.checkpoint(functools.partial(jax.lax.platform_dependent, cpu=cpu, default=default), prevent_cse=not keep)


def stored(x: Array) -> Array:
    """x as an array of its own: what follows reads it, and does not make it anew for each of its parts.

    XLA for CPUs looks into whatever is not a loop, a barrier included; a loop of one turn is none.
    """
    return jax.lax.fori_loop(0, 2, lambda _, x: jax.lax.optimization_barrier(x), x)
