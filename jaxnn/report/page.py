"""The page: one file with its data, script and style, which opens without a server and asks for nothing else."""

import base64
import functools
import hashlib
import json
from importlib import resources
from typing import Any

# In this order they are one script, which begins with strict mode and keeps its names to itself.
_SCRIPTS = (
    "core.js", "chart.js", "state.js", "curves.js", "parallel.js", "scatter.js", "table.js", "panels.js", "classes.js",
    "lanes.js", "training.js", "live.js", "main.js",
)  # fmt: skip


def make_page(document: dict[str, Any]) -> str:
    """Returns the page of a document.

    What users gave is in the document alone. It is JSON in which no tag can begin, and the script writes it as text.

    Args:
        document: everything that the page shows, as JSON without NaN.
    """
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    before, after = _make_frame()
    return "".join((before, text, after))  # a sum makes two long texts


@functools.cache
def _make_frame() -> tuple[str, str]:
    """Returns the page before and after its data."""
    files = resources.files("jaxnn.report")
    style = files.joinpath("style.css").read_text("utf-8")
    parts = (files.joinpath(name).read_text("utf-8") for name in _SCRIPTS)
    script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    policy = f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; script-src {_hash(script)}"
    page = files.joinpath("page.html").read_text("utf-8")
    page = page.replace("{policy}", f"{policy}; style-src {_hash(style)}")
    page = page.replace("{style}", style).replace("{script}", script)
    before, after = page.split("{data}")
    return before, after


def _hash(text: str) -> str:
    """Returns the source expression that allows exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
