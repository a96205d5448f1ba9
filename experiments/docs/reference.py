"""The reference pages: one for each part of the library, with the docstrings of its names."""

import importlib
import inspect
from pathlib import Path

from experiments.docs.docstrings import to_rest
from experiments.docs.names import MODULES, Name, list_members, list_pages


def write_reference(folder: Path) -> list[str]:
    """Writes the source of each page, and returns their file names without the suffix, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for title, names in list_pages().items():
        written.append(make_file_name(title))
        page = "\n\n".join([_make_head(title), _make_table(names), *map(_make_entry, names)])
        (folder / f"{written[-1]}.rst").write_text(page + "\n", encoding="utf-8")
    return written


def make_file_name(title: str) -> str:
    """Returns the file name of a page, such as "schedulers-and-samplers"."""
    return title.lower().removeprefix("nn.").replace(",", "").replace(" ", "-").replace(".", "-")


def first_sentence(name: Name) -> str:
    """Returns the first line of a docstring, which says it; an alias or a constant may have none."""
    if not (inspect.isroutine(name.value) or inspect.isclass(name.value)):
        return ""
    return (inspect.getdoc(name.value) or "").partition("\n")[0]


def _make_head(title: str) -> str:
    heading = f"{title}\n{'=' * len(title)}"
    module = title.removeprefix("nn.")
    if module not in MODULES:
        return heading
    path = f"jaxnn.{module}"
    value = importlib.import_module(path)
    text = to_rest((inspect.getdoc(value) or "").split("\n"), f"{path}.", value)
    return "\n".join([heading, "", f".. py:module:: {path}", "", *text])


def _make_table(names: list[Name]) -> str:
    rows = [".. list-table::", "   :class: names", "   :widths: auto", ""]
    for name in names:
        [sentence] = to_rest([first_sentence(name)], name.path, name.value)
        rows += [f"   * - :py:obj:`{name.short} <{name.path}>`", f"     - {sentence}"]
    return "\n".join(rows)


def _make_entry(name: Name) -> str:
    if inspect.isclass(name.value):
        members = list_members(name.value)
        options = [f"   :members: {', '.join(members)}", "   :member-order: bysource"] if members else []
        return "\n".join([f".. autoclass:: {name.path}", *options])
    return f".. {'autofunction' if inspect.isroutine(name.value) else 'autodata'}:: {name.path}"
