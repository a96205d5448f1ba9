"""One thing on CPUs and another elsewhere, for functions that are differentiated."""

import functools
from collections.abc import Callable
from typing import Any

import jax


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
