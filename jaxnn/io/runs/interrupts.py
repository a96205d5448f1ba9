"""Ctrl-C, SIGTERM and SIGHUP, noted rather than obeyed at once, so that a run can save what it has before it ends."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

# A terminal that is closed sends SIGHUP, where there is such a thing.
_NOTED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """A run was told to stop, and has saved.

    Attributes:
        signal: its number; a command ends with 128 and this.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.signal = number


class Noted:
    """Which signal has come; 0 as long as none has."""

    number: int = 0


@contextlib.contextmanager
def noted_signals(where: str) -> Iterator[Noted]:
    """Note the signals inside the block; Ctrl-C after any of them ends the process at once.

    Only the main thread can ask for signals, so that in another one nothing changes; nor does it for signals that are
    ignored, as `nohup` has it.
    """
    noted = Noted()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    heeded = [number for number in _NOTED if signal.getsignal(number) is not signal.SIG_IGN]

    def note(number: int, _frame: object) -> None:
        noted.number = noted.number or number
        if signal.SIGINT in heeded:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        # Not print: the signal may have come in the middle of one. And whoever listened may be gone.
        with contextlib.suppress(OSError):
            os.write(2, f"\n{where}: saving after this portion; Ctrl-C ends at once\n".encode())

    before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            # None: the handler was not set from Python, and cannot be put back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
