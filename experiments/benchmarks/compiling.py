"""Compiling: how long JAX traces and XLA compiles, in programs of our own and inside `nn.sweep`."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from experiments.benchmarks.harness import Seconds

# A device for every core: XLA must then not spread one device's loops over all cores. `nn.sweep` asks for it, and so
# that they lose nothing, all JAX programs that are spread over the cores do here.
_ONE_CORE = {"xla_cpu_multi_thread_eigen": False}
# A compilation is of some length if it takes at least this share of the longest.
_LONG = 0.2
_EVENT = "/jax/core/compile/backend_compile_duration"


def compiled(function: Callable[..., Any], *arguments: Any, spread: bool = False) -> tuple[Any, Seconds]:
    """A jitted function's program for these arguments, and the seconds of "trace" and "compile"."""
    several = spread and len(jax.devices()) > 1 and jax.devices()[0].platform == "cpu"
    options: Any = _ONE_CORE if several else None
    begun = time.perf_counter()
    lowered = jax.jit(function, compiler_options=options).lower(*arguments)
    traced = time.perf_counter()
    program = lowered.compile()
    return program, {"trace": traced - begun, "compile": time.perf_counter() - traced}


def over_devices(function: Callable[..., Any], *, shared: int) -> Callable[..., Any]:
    """`function` with its first `shared` arguments on every device, and the others dealt out along their first axis."""
    mesh = Mesh(np.array(jax.devices()), ("trial",))
    every, trial = PartitionSpec(), PartitionSpec("trial")

    def spread(*arguments: Any) -> Any:
        specs = tuple(every if i < shared else trial for i in range(len(arguments)))
        return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=trial, check_vma=False)(*arguments)

    return spread


@contextlib.contextmanager
def compilations() -> Iterator[list[tuple[float, float]]]:
    """Fills a list with (begun, ended), on the clock of `time.perf_counter`, of all that XLA compiles meanwhile."""
    heard: list[tuple[float, float]] = []

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event == _EVENT:
            ended = time.perf_counter()
            heard.append((ended - duration_secs, ended))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield heard
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def parts(begun: float, ended: float, heard: list[tuple[float, float]]) -> Seconds:
    """The seconds between begun and ended, by part: what follows the last compilation of some length is the run.

    Compilations may run side by side, in threads; a second in which several do counts once. The rest is tracing. A run
    may itself compile some small operation when it first needs it, which is part of its time.

    Raises:
        RuntimeError: nothing was compiled, or JAX reports it by another name.
    """
    if not heard:
        raise RuntimeError(f"JAX has reported no {_EVENT}: compile and run cannot be told apart")
    compile_seconds, reached = 0.0, begun
    longest = max(end - start for start, end in heard)
    last = max(end for start, end in heard if end - start >= _LONG * longest)
    for start, end in sorted(each for each in heard if each[1] <= last):
        compile_seconds += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return {"trace": reached - begun - compile_seconds, "compile": compile_seconds, "run": ended - reached}
