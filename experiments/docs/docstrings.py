"""Docstrings and signatures as Sphinx takes them: reStructuredText, with names in backticks as links."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from experiments.docs.names import replace_backticks

# Everything else that reStructuredText reads as markup, outside of backticks.
_MARKUP = re.compile(r"(`[^`]+`)(\w?)|(\\|\*(?!\*)|\||(?<=\w)_(?=[^\w:]|$))")


def to_rest(lines: list[str], path: str, value: Any) -> list[str]:
    """Returns a docstring as reStructuredText with sections of Google's style, which napoleon reads.

    Args:
        lines: the docstring, in which single backticks mark names and code, and indented blocks are code.
        path: of what it documents, such as "jaxnn.dense".
        value: what it documents; names of its parameters are no links.
    """
    without = _list_parameters(value)
    result: list[str] = []
    for paragraph, is_code in _split(lines):
        if is_code:
            result += paragraph
        else:
            result += _convert("\n".join(paragraph), path, without).split("\n")
    return result


def split_attributes(line: str) -> list[str]:
    """Gives several attributes that share a line of a docstring an anchor each."""
    found = re.match(r"\.\. attribute:: (.*, .*)", line)
    if found is None:
        return [line]
    names = [name for name in found[1].replace("\\_", "_").split(", ") if name.strip("_").isidentifier()]
    return [f".. attribute:: {names[0]}", *(f"               {name}" for name in names[1:])]


def read_signature(value: Any) -> str | None:
    """Returns the parameters as the source has them, with annotations such as `Float[Array, "batch features"]`."""
    if inspect.isclass(value):
        if hasattr(value, "_fields"):
            return _sign_fields(value)
        if not inspect.isfunction(value.__init__):
            return None
        # That of a protocol is of `typing`.
        return _drop_first(_parse(value.__init__).args) if value.__init__.__module__.startswith("jaxnn.") else "()"
    value = inspect.unwrap(getattr(value, "__func__", value))
    if not inspect.isfunction(value):
        return None
    tree = _parse(value)
    takes_self = "." in value.__qualname__ and "<locals>" not in value.__qualname__
    parameters = _drop_first(tree.args) if takes_self else f"({ast.unparse(tree.args)})"
    return parameters if tree.returns is None else f"{parameters} -> {ast.unparse(tree.returns)}"


def _drop_first(arguments: ast.arguments) -> str:
    arguments.args = arguments.args[1:]
    return f"({ast.unparse(arguments)})"


def _parse(value: Any) -> Any:
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value)))).body[0]


def _sign_fields(value: Any) -> str:
    """Returns the fields of a NamedTuple as parameters."""
    fields = [node for node in _parse(value).body if isinstance(node, ast.AnnAssign)]
    return f"({', '.join(map(ast.unparse, fields))})"


def _list_parameters(value: Any) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return frozenset()


def _split(lines: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Divides a docstring into text, and blocks of code: doctests, and what is indented after a colon and a gap.

    Code that is indented below its sentence moves to the left, where reStructuredText would see a quotation.
    """
    text: list[str] = []
    number = 0
    while number < len(lines):
        above, shift = _indent_above(lines, number), 0
        is_doctest = lines[number].lstrip().startswith(">>> ")
        is_block = _indent(lines[number]) > above >= 0 and _last_text(lines, number).endswith(":")
        if not (is_doctest or is_block):
            text.append(lines[number])
            number += 1
            continue
        yield text, False
        text, end = [], number
        while end < len(lines) and (lines[end].strip() if is_doctest else _is_below(lines, end, above)):
            end += 1
        if is_doctest:
            shift = max(_indent(lines[number]) - above, 0) if above >= 0 else 0
        else:
            yield [" " * above + "::", ""], True
        yield [line[shift:] for line in lines[number:end]], True
        number = end
    yield text, False


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _last_text(lines: list[str], number: int) -> str:
    return next((line.rstrip() for line in reversed(lines[:number]) if line.strip()), "")


def _indent_above(lines: list[str], number: int) -> int:
    """Returns the indent of the paragraph above, if an empty line is between, or else -1."""
    if number == 0 or lines[number - 1].strip():
        return -1
    return _indent(_last_text(lines, number))


def _is_below(lines: list[str], number: int, indent: int) -> bool:
    """Whether a line belongs to a block that is indented further; empty lines do if more of it follows."""
    after = next((line for line in lines[number:] if line.strip()), "")
    return _indent(after) > indent


def _convert(text: str, path: str, without: frozenset[str]) -> str:
    escaped = _MARKUP.sub(_escape, text)
    return replace_backticks(
        escaped, lambda text, target: f":py:obj:`{text} <{target}>`", lambda text: f"``{text}``",
        near=path, without=without,
    )  # fmt: skip


def _escape(match: re.Match[str]) -> str:
    code, letter, markup = match.groups()
    if code is None:
        return f"\\{markup}"
    return f"{code}\\ {letter}" if letter else code  # a plural, such as `Buffer`s
