"""Deferred signals: Ctrl-C, SIGTERM and SIGHUP are recorded, so that a run can save a checkpoint before it ends."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

# Closing a terminal sends SIGHUP, on systems that have it.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_STDERR = 2


class Interrupted(KeyboardInterrupt):
    """Raised when a run has been interrupted by a signal and has saved a checkpoint.

    Attributes:
        signal: the signal number. By convention, a command exits with 128 plus this number.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.signal = number


class CaughtSignal:
    """The first signal that arrived.

    Attributes:
        number: the signal number; 0 before any signal.
    """

    number: int = 0


@contextlib.contextmanager
def catch_signals(caller: str) -> Iterator[CaughtSignal]:
    """Records signals inside the block instead of ending the process; after the first, Ctrl-C ends it at once.

    Signals that the process ignores, as under `nohup`, stay ignored. Only the main thread can set signal handlers; in
    another thread nothing changes.
    """
    caught = CaughtSignal()
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def handle(number: int, _frame: object) -> None:
        caught.number = caught.number or number
        if signal.SIGINT in handled:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        # print is not reentrant, and the signal may have interrupted one. The terminal may also be closed by now.
        with contextlib.suppress(OSError):
            os.write(_STDERR, f"\n{caller}: saving after the current chunk; Ctrl-C ends at once\n".encode())

    previous = {number: signal.signal(number, handle) for number in handled}
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            # A handler that was not set from Python is None here, and cannot be restored from Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
