"""Differentiable choices between a CPU and other platforms, and arrays that XLA must compute once and store."""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jaxtyping import Array

_PLATFORM: contextvars.ContextVar[str | None] = contextvars.ContextVar("platform", default=None)


def select_platform(
    *, cpu: Callable[..., Any], default: Callable[..., Any], allow_cse: bool = False
) -> Callable[..., Any]:
    """Returns a function that runs `cpu` in programs for CPUs, and `default` in those for other platforms.

    Without a checkpoint, the backward pass would keep the intermediate results of both branches. The function is
    therefore checkpointed, and keeps only its arguments.

    Args:
        cpu, default: functions of the same arguments.
        allow_cse: whether XLA may keep results of the forward pass instead of computing them again in the backward
            pass. This is faster where memory allows.
    """
    either = functools.partial(choose_platform, cpu=cpu, default=default)
    return jax.checkpoint(either, prevent_cse=not allow_cse)


def choose_platform(*arguments: Any, cpu: Callable[..., Any], default: Callable[..., Any]) -> Any:
    """Returns `cpu(*arguments)` in programs for CPUs, and `default(*arguments)` in those for other platforms.

    Where JAX has no devices but CPUs, only `cpu` is traced: both take twice the time. A program that such a process
    exports to another platform also runs `cpu` there, except inside of `trace_for`: the same numbers, perhaps slower.
    """
    if (platform := _PLATFORM.get()) is not None:
        return (cpu if platform == "cpu" else default)(*arguments)
    import jax.extend.backend  # takes 50 ms, which an import of jaxnn does not need

    if set(jax.extend.backend.backends()) == {"cpu"}:
        return cpu(*arguments)
    return jax.lax.platform_dependent(*arguments, cpu=cpu, default=default)


@contextlib.contextmanager
def trace_for(platform: str) -> Iterator[None]:
    """Traces only one side of every choice: that of "cpu", or that of other platforms, whatever devices there are.

    JAX keeps what it has traced for the same shapes, so these must have a symbol of `jax.export`, which no others have.
    """
    token = _PLATFORM.set(platform)
    try:
        yield
    finally:
        _PLATFORM.reset(token)


def materialize(x: Array) -> Array:
    """Returns x as a stored array, so that its readers do not each recompute it.

    XLA for CPUs removes optimization barriers and unrolls a loop of a single trip, hence the two trips.
    """
    return jax.lax.fori_loop(0, 2, lambda _, x: jax.lax.optimization_barrier(x), x)
