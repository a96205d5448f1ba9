"""The end of a worker whose driver has died: nobody waits for its results."""

import contextlib
import functools
import os
import signal
import threading
import time
from typing import Any

# Seconds between two looks at the driver.
_LOOK = 0.5


def is_child_of(process: int) -> bool:
    """Returns whether a process has started this one, also if it has died since."""
    parent = _find_parent()
    return process == os.getppid() or (parent is not None and parent.pid == process)


@functools.cache
def end_with(driver: int) -> None:
    """Ends this process once the driver, which has started it, has died.

    Ctrl-C in a terminal reaches workers too, and is left to the driver, which ends them.
    """
    with contextlib.suppress(ValueError):  # in another thread than the main one
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(driver,), daemon=True).start()


def _watch(driver: int) -> None:
    while _lives(driver):
        time.sleep(_LOOK)
    os._exit(1)


def _lives(driver: int) -> bool:
    """Returns whether the driver lives; a worker of a fork server has another process above it."""
    parent = _find_parent()
    return os.getppid() == driver or (parent is not None and parent.pid == driver and parent.is_alive())


def _find_parent() -> Any:
    """Returns the process that has started this one by `multiprocessing`, or None."""
    import multiprocessing

    return multiprocessing.parent_process()
