"""Compiling: the seconds that JAX takes to trace and XLA to compile, for single programs and inside `nn.sweep`."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from experiments.benchmarks.harness import Seconds

# With a device per core, XLA must not spread the loops of one device over all cores. `nn.sweep` sets this option, so
# all other JAX programs that are spread over the cores get it too.
ONE_CORE = {"xla_cpu_multi_thread_eigen": False}
# Compilations shorter than this share of the longest one may belong to the run.
_LONG = 0.2
_EVENT = "/jax/core/compile/backend_compile_duration"


def compile_program(function: Callable[..., Any], *arguments: Any, spread: bool = False) -> tuple[Any, Seconds]:
    """Compiles a function for these arguments; returns the program and the seconds of "trace" and "compile"."""
    several = spread and len(jax.devices()) > 1 and jax.devices()[0].platform == "cpu"
    options: Any = ONE_CORE if several else None
    started = time.perf_counter()
    lowered = jax.jit(function, compiler_options=options).lower(*arguments)
    traced = time.perf_counter()
    program = lowered.compile()
    return program, {"trace": traced - started, "compile": time.perf_counter() - traced}


def shard_over_devices(function: Callable[..., Any], *, shared: int) -> Callable[..., Any]:
    """Returns a function that replicates its first `shared` arguments on all devices and shards the others (axis 0)."""
    mesh = Mesh(np.array(jax.devices()), ("trial",))
    replicated, sharded = PartitionSpec(), PartitionSpec("trial")

    def spread(*arguments: Any) -> Any:
        specs = tuple(replicated if i < shared else sharded for i in range(len(arguments)))
        return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=sharded, check_vma=False)(*arguments)

    return spread


@contextlib.contextmanager
def record_compilations() -> Iterator[list[tuple[float, float]]]:
    """Records (start, end) of every compilation by XLA in the context, in seconds of `time.perf_counter`."""
    compilations: list[tuple[float, float]] = []

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event == _EVENT:
            end = time.perf_counter()
            compilations.append((end - duration_secs, end))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield compilations
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def split_seconds(started: float, ended: float, compilations: list[tuple[float, float]]) -> Seconds:
    """Splits the time from `started` to `ended` into trace, compile and run.

    The run starts after the last long compilation. Compilations may overlap, in threads; their common seconds count
    once. The rest is tracing. Short compilations during the run count as part of the run.

    Raises:
        RuntimeError: nothing was compiled, or JAX reports compilations under another name.
    """
    if not compilations:
        raise RuntimeError(f"JAX has reported no {_EVENT}: compile and run cannot be distinguished")
    compile_seconds, reached = 0.0, started
    longest = max(end - start for start, end in compilations)
    last = max(end for start, end in compilations if end - start >= _LONG * longest)
    for start, end in sorted(one for one in compilations if one[1] <= last):
        compile_seconds += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return {"trace": reached - started - compile_seconds, "compile": compile_seconds, "run": ended - reached}
