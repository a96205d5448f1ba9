"""A headless Chromium, in which reports are opened as a reader opens them: as a file, without a server."""

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_COMMANDS = "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"


# Records what is drawn on canvases.
_RECORD = """
window.drawn = [];
for (const [name, record] of [["fillText", (text) => text], ["arc", () => "dot"]]) {
  const call = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...values) {
    drawn.push(record(...values));
    return call.apply(this, values);
  };
}
"""


@contextlib.contextmanager
def start_browser() -> Iterator[Any]:
    """Starts a browser; skips the test where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'jaxnn[test]'")
    command = next(filter(None, map(shutil.which, _COMMANDS)), None)
    if command is None:
        pytest.skip("needs a browser: apt-get install chromium-headless-shell")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=command, args=["--no-sandbox"])
        yield browser
        browser.close()


def read_document(path: Path) -> dict[str, Any]:
    """Returns what a page shows, as the JSON in its file."""
    text = re.search('<script type="application/json" id="data">(.*?)</script>', path.read_text())
    assert text is not None
    return json.loads(text.group(1))


class OpenPage:
    """A page that was opened from a file.

    Attributes:
        page: of playwright.
        troubles: messages on the console and errors of its script.
        drawn: what charts have drawn: the texts, and "dot" for each dot.
        requests: the addresses that it asked for.
    """

    def __init__(self, browser: Any, path: Path, *, width: int = 1280, scheme: str = "light") -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = context.new_page()
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.add_init_script(_RECORD)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=10_000)
        self.settle()

    def settle(self) -> None:
        """Waits until all charts are drawn."""
        frames = "let left = 4; const next = () => (left-- ? requestAnimationFrame(next) : done()); next()"
        self.page.evaluate(f"() => new Promise(done => {{ {frames} }})")

    @property
    def drawn(self) -> set[str]:
        return set(self.page.evaluate("drawn"))

    def text(self, selector: str = "main") -> str:
        """Returns what a reader sees in an element."""
        return self.page.inner_text(selector)

    def hover(self, selector: str, x: float, y: float) -> None:
        """Moves the pointer to a place in an element, as shares of its width and height."""
        element = self.page.locator(selector).first
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        self.settle()

    def drag(self, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags the pointer from one place in an element to another."""
        self.hover(selector, *start)
        self.page.mouse.down()
        self.hover(selector, *end)
        self.page.mouse.up()
        self.settle()

    def count_colours(self, selector: str) -> int:
        """Returns the number of colours in a canvas; an empty one has a single colour."""
        self.page.locator(selector).first.scroll_into_view_if_needed()
        self.settle()
        return self.page.evaluate(
            "selector => { const canvas = document.querySelector(selector);"
            "const size = [canvas.width, canvas.height];"
            "const copy = new OffscreenCanvas(...size).getContext('2d', {willReadFrequently: true});"
            "copy.drawImage(canvas, 0, 0);"
            "const pixels = copy.getImageData(0, 0, ...size).data;"
            "return new Set(new Uint32Array(pixels.buffer)).size }",
            selector,
        )
