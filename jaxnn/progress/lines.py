"""Lines in a log file: one a minute, and one at the end, without control characters."""

import sys
import time

from jaxnn.progress.display import Display, format_rate, format_seconds

# Between two lines.
_SECONDS = 60.0


class Lines(Display):
    """Writes a line a minute to the standard error stream."""

    _last = 0.0

    def _open(self) -> None:
        super()._open()
        self._last = time.monotonic()

    def _show(self) -> None:
        if time.monotonic() - self._last >= _SECONDS:
            self._write()

    def _close(self) -> None:
        self._write()

    def _write(self) -> None:
        self._last = time.monotonic()
        print(f"{self.name}: {', '.join(describe(self))}", file=sys.stderr, flush=True)


def describe(display: Display) -> list[str]:
    """Returns what a line says: what is done, the values, the speed, the time left, and what the run waits for."""
    speed = display.speed
    parts = [f"{display.done:,.0f} of {display.total:,} {display.unit}s"]
    parts += [f"{name} {value}" for name, value in display.values.items()]
    parts += [format_rate(speed.rate, display.unit)] if speed.rate else []
    parts.append(f"{format_seconds(display.seconds)} so far")
    if speed.left:
        parts.append(f"{format_seconds(speed.left)} left")
    return [*parts, display.waiting] if display.waiting else parts
