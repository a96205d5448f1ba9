"""Checks of the built pages: every link and anchor leads somewhere, and nothing is loaded from the network."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

# Attributes whose address a browser loads by itself. A link is followed by the reader alone.
_LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Checked(NamedTuple):
    """The number of pages and of links between them, and what is wrong."""

    pages: int
    links: int
    troubles: list[str]


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.ids.add(value)
            if (tag, name) in _LOADED:
                self.loaded.append(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)


def check_links(folder: Path) -> Checked:
    """Checks all pages below a folder."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    links, troubles = 0, []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        for address in page.loaded:
            if urlsplit(address).netloc or not _find(path, address).is_file():
                troubles.append(f"{name}: loads {address}")
        for address in page.links:
            if urlsplit(address).scheme:
                continue
            links += 1
            target, anchor = _find(path, address), unquote(urldefrag(address).fragment)
            if not target.is_file():
                troubles.append(f"{name}: no file for {address}")
            elif anchor and target in pages and anchor not in pages[target].ids:
                troubles.append(f"{name}: no anchor for {address}")
    for style in folder.rglob("*.css"):
        for address in re.findall(r"url\(['\"]?(?!data:)([^)'\"]+)|@import", style.read_text(encoding="utf-8")):
            if "//" in address or not _find(style.resolve(), address).is_file():
                troubles.append(f"{style.relative_to(folder)}: loads {address}")
    return Checked(len(pages), links, troubles)


def _find(path: Path, address: str) -> Path:
    """Returns the file of an address on a page; an anchor alone is on the page itself."""
    relative = unquote(urlsplit(address).path)
    return (path.parent / relative).resolve() if relative else path
