"""A table in a notebook, which updates in its place."""

import html
import time
from typing import Any

from jaxnn.progress.display import Display, format_rate, format_seconds

# Between two updates: each is a message to the browser.
_SECONDS = 0.25


class Table(Display):
    """Shows a bar, and a row of named values under it."""

    _handle: Any = None
    _last = 0.0

    def _open(self) -> None:
        super()._open()
        self._draw()

    def _show(self) -> None:
        if time.monotonic() - self._last >= _SECONDS:
            self._draw()

    def _close(self) -> None:
        self._draw()

    def _draw(self) -> None:
        from IPython.display import HTML, display  # pyright: ignore[reportMissingImports]

        self._last, page = time.monotonic(), HTML(render(self))
        if self._handle is None:
            self._handle = display(page, display_id=True)
        else:
            self._handle.update(page)


def render(shown: Display) -> str:
    """Returns the table as HTML."""
    speed = shown.speed
    cells = {f"{shown.unit}s": f"{shown.done:,.0f} of {shown.total:,}"} | shown.values
    cells["speed"], cells["time"] = format_rate(speed.rate, shown.unit) or "–", format_seconds(shown.seconds)
    cells["left"] = "–" if speed.left is None else format_seconds(speed.left)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in cells)
    row = "".join(f"<td>{html.escape(value)}</td>" for value in cells.values())
    bar = f'<progress value="{shown.done:.3f}" max="{shown.total}" style="width: 100%"></progress>'
    title = f"<b>{html.escape(shown.name)}</b> {html.escape(shown.waiting)}"
    return f"<div>{title}{bar}<table><tr>{head}</tr><tr>{row}</tr></table></div>"
