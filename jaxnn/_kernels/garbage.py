"""Python's garbage collection, paused while many small objects are made that all stay."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def pause_collection() -> Iterator[None]:
    """Pauses the collection of reference cycles, which visits all objects again and again as their number grows.

    Half of the host's time for 65,536 trials is that.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
