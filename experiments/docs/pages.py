"""The Markdown of a how-to: text, code, and what the code printed and drew."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from experiments.docs.cells import Output, Script
from experiments.docs.names import replace_backticks


def write_howto(folder: Path, script: Script, outputs: Sequence[Output]) -> Path:
    """Writes the page of a how-to with its pictures, and returns its path."""
    folder.mkdir(exist_ok=True)
    parts = [f"# {script.title}", link_names(script.text)]
    for cell, output in zip(script.cells, outputs, strict=True):
        parts += [f"## {cell.title}" * bool(cell.title), link_names(cell.text)]
        if cell.code:
            parts.append(fence("python", cell.code))
        if output.text:
            parts.append(fence("text", output.text, classes="printed"))
        for picture in output.pictures:
            name = f"{script.path.stem}-{picture.name}"
            shutil.copy(picture, folder / name)
            parts.append(f"![What the code above draws]({name})")
    parts.append(f"The code of this page is the file `experiments/howto/{script.path.name}`, which is tested.")
    path = folder / f"{script.path.stem}.md"
    path.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")
    return path


def fence(language: str, code: str, classes: str = "") -> str:
    """Returns a block of code in Markdown."""
    option = f"\n:class: {classes}\n" if classes else ""
    return f"````{{code-block}} {language}{option}\n{code}\n````"


def link_names(text: str) -> str:
    """Makes links of the public names in single backticks, outside of blocks of code."""
    parts = text.split("```")
    parts[::2] = [
        replace_backticks(part, lambda name, path: f"{{py:obj}}`{name} <{path}>`", lambda name: f"`{name}`")
        for part in parts[::2]
    ]
    return "```".join(parts)
