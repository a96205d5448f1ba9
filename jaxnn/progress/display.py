"""What all displays of progress share: what is done, how fast, and what a run waits for. This one shows nothing."""

import threading
import time
from typing import NamedTuple


class Speed(NamedTuple):
    """How fast a run is.

    Attributes:
        rate: units a second; 0 before the first.
        left: seconds up to the end; None before the first unit.
    """

    rate: float
    left: float | None


class Display:
    """Shows nothing; the others override `_show`.

    Args:
        name: of what runs.
        unit: what is counted.
        total: the number of units.
    """

    def __init__(self, name: str, unit: str, total: int) -> None:
        self.name, self.unit, self.total = name, unit, total
        self.done, self.values = 0.0, dict[str, str]()
        self._first: tuple[float, float] | None = None
        self._waits_for, self._waits_since = "", 0.0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._ticker: threading.Thread | None = None

    def __enter__(self) -> "Display":
        if type(self) is not Display:
            self._open()
            self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._ticker is not None:
            self._ticker.join()
            self._close()

    def start_at(self, done: float | int) -> None:
        """Says how many units were done by an earlier run, which do not count for the speed."""
        self.done, self._first = done, (time.monotonic(), done)

    def update(self, done: float | int, values: dict[str, str]) -> None:
        """Says what is done: units, also fractions of them, and other values by name."""
        with self._lock:
            self.done, self.values, self._waits_for = done, values, ""
            self._show()

    def wait_for(self, what: str) -> None:
        """Says what the run waits for, up to the next update."""
        with self._lock:
            if what != self._waits_for:
                self._waits_for, self._waits_since = what, time.monotonic()

    @property
    def waiting(self) -> str:
        """What the run waits for, and since when; "" if it does not wait, or not for a second yet."""
        seconds = time.monotonic() - self._waits_since
        return f"{self._waits_for}, {seconds:.0f} s" if self._waits_for and seconds >= 1 else ""

    @property
    def seconds(self) -> float:
        """The seconds since the run started."""
        return 0.0 if self._first is None else time.monotonic() - self._first[0]

    @property
    def speed(self) -> Speed:
        """How fast the run has been since it started."""
        done, seconds = self.done - (self._first[1] if self._first else 0.0), self.seconds
        if done <= 0 or seconds <= 0:
            return Speed(0.0, None)
        return Speed(done / seconds, (self.total - self.done) * seconds / done)

    def _open(self) -> None:
        """Begins to show; the speed counts from here."""
        if self._first is None:
            self._first = time.monotonic(), self.done

    def _show(self) -> None:
        """Shows what has changed."""

    def _close(self) -> None:
        """Shows the last state."""

    def _tick(self) -> None:
        """Shows every second how long the run has waited."""
        while not self._ended.wait(1.0):
            with self._lock:
                self._show()


def format_seconds(seconds: float | int) -> str:
    """Returns seconds, minutes and seconds, or hours too.

    Example:
        >>> format_seconds(0.24), format_seconds(12.3), format_seconds(75.4), format_seconds(3 * 3600 + 61)
        ('0.2 s', '12 s', '1:15', '3:01:01')
    """
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_rate(rate: float | int, unit: str) -> str:
    """Returns units a second, or seconds a unit where it takes longer.

    Example:
        >>> format_rate(1234.5, "trial"), format_rate(2.34, "trial"), format_rate(0.25, "epoch")
        ('1,234 trials/s', '2.3 trials/s', '4.0 s/epoch')
    """
    if rate < 1:
        return f"{1 / rate:.1f} s/{unit}" if rate > 0 else ""
    return f"{rate:,.0f} {unit}s/s" if rate >= 100 else f"{rate:.1f} {unit}s/s"
