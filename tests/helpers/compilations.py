"""The programs that XLA compiles."""

import contextlib
from collections.abc import Callable, Iterator

import jax

Compilations = Callable[[], contextlib.AbstractContextManager[list[str]]]

EVENT = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def record_compilations() -> Iterator[list[str]]:
    """Fills a list with the name of each program that XLA compiles inside the block."""
    names: list[str] = []

    def listen(event: str, _seconds: float, *, fun_name: str = "", **_: object) -> None:
        if event == EVENT:
            names.append(fun_name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
