"""How-tos: plain scripts in cells, which are run and become pages.

A line `# %% Title` starts a cell, as in Spyder, VS Code and PyCharm, which can run it alone. The comment lines below it
are the text of the page, in Markdown; the rest is code. The first line of the docstring is the title of the page.
"""

import ast
import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Cell(NamedTuple):
    """A part of a how-to.

    Attributes:
        title: the heading; empty goes on under the one before.
        text: Markdown.
        code: Python, possibly empty.
        line: the number of the first line of code.
    """

    title: str
    text: str
    code: str
    line: int


class Script(NamedTuple):
    """A how-to: the path of its file, the title and the text above the first cell, and its cells."""

    path: Path
    title: str
    text: str
    cells: tuple[Cell, ...]


class Output(NamedTuple):
    """What a cell printed, and the pictures that it wrote."""

    text: str
    pictures: tuple[Path, ...]


def read_script(path: Path) -> Script:
    """Reads a how-to.

    Raises:
        ValueError: code above the first cell, or no docstring.
    """
    source = path.read_text(encoding="utf-8")
    document = ast.get_docstring(ast.parse(source))
    if document is None:
        raise ValueError(f"{path}: a how-to starts with a docstring")
    lines = source.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    above = ast.parse("\n".join(lines[: starts[0]])).body
    if len(above) > 1:
        raise ValueError(f"{path}, line {above[1].lineno}: code above the first cell, a line '# %% Title'")
    title, _, text = document.partition("\n")
    cells = tuple(_read_cell(lines, start, end) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True))
    return Script(path, title.removesuffix("."), text.strip(), cells)


def _read_cell(lines: list[str], start: int, end: int) -> Cell:
    stop = next((number for number in range(start + 1, end) if not lines[number].startswith("#")), end)
    text = "\n".join(line[1:].removeprefix(" ") for line in lines[start + 1 : stop])
    while stop < end and not lines[stop].strip():
        stop += 1
    return Cell(lines[start].removeprefix("# %%").strip(), text, "\n".join(lines[stop:end]).rstrip(), stop + 1)


def run_script(script: Script, directory: Path) -> tuple[dict[str, Any], list[Output]]:
    """Runs the cells one after another in a directory; returns the names that they leave and their outputs."""
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(script.path)}
    outputs = []
    with _change_directory(directory):
        for cell in script.cells:
            before, printed = set(directory.glob("*.png")), io.StringIO()
            # Empty lines above, so that an error names the line of the file.
            code = compile("\n" * (cell.line - 1) + cell.code, script.path, "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, names)
            pictures = sorted(set(directory.glob("*.png")) - before)
            text = printed.getvalue().replace(f"{directory}{os.sep}", "").rstrip()
            outputs.append(Output(text, tuple(pictures)))
    return names, outputs


@contextlib.contextmanager
def _change_directory(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
