"""All parts as one self-contained HTML page: inline pictures, no scripts, no links to other files."""

import base64
import html
import inspect
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.notes.story import Part, Picture, Row, format_numbers

STYLE = """
body { max-width: 75rem; margin: 0 auto; padding: 1.5rem; font: 1rem/1.55 system-ui, sans-serif; color: #1b1f24; }
nav { columns: 2; margin: 1rem 0 2rem; } nav a { display: block; color: #0072b2; }
h2 { margin-top: 3.5rem; border-top: 2px solid #0072b2; padding-top: 1rem; }
p { max-width: 48rem; } figure { margin: 1.5rem 0; } figcaption { color: #555; max-width: 48rem; }
img { max-width: 100%; height: auto; display: block; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th { text-align: left; border-bottom: 2px solid #888; } th, td { padding: 0.2rem 1.2rem 0.2rem 0; vertical-align: top; }
td { border-bottom: 1px solid #ddd; white-space: pre-line; } td.implied { color: #666; } small { color: #8a4b00; }
pre { background: #f5f6f8; padding: 1rem; overflow-x: auto; font-size: 0.85rem; line-height: 1.45; }
.table { overflow-x: auto; } details { white-space: pre; }
"""

INTRODUCTION = """
Each part below recomputes one worked example of a set of learning notes on neural networks with jaxnn: the numbers
with the model's <code>apply</code> and <code>jax.grad</code>, the trainings with <code>fit</code>. The tables show the
numbers of the notes beside the computed ones. Grey numbers are exact values (double precision) that the notes imply but
do not show. The code under each table is the code that ran.
"""


def write_page(path: Path, sections: Sequence[tuple[Part, list[Picture], list[Row]]]) -> Path:
    """Writes all parts with their pictures, tables and code as one HTML file, and returns its path."""
    links = "\n".join(
        f'<a href="#{part.notes}">{number}. {part.title}</a>' for number, (part, *_) in enumerate(sections, start=1)
    )
    body = "\n".join(_make_section(number, *section) for number, section in enumerate(sections, start=1))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    title = "The notes, number by number and picture by picture"
    page = (
        f'<!doctype html><html lang="en"><head>{head}<title>{title}</title></head><body><h1>{title}</h1>'
        f"<p>{INTRODUCTION}</p><nav>{links}</nav>\n{body}\n</body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def _make_section(number: int, part: Part, pictures: list[Picture], table: list[Row]) -> str:
    _, _, text = (part.text or "").partition("\n\n")
    paragraphs = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in text.strip().split("\n\n"))
    figures = "".join(_make_figure(picture) for picture in pictures)
    code = html.escape("\n\n".join(inspect.getsource(function).strip() for function in part.code))
    return (
        f'<section id="{part.notes}"><h2>{number}. {html.escape(part.title)}</h2>{paragraphs}{figures}'
        f"{_make_table(table)}<p>The code that computed it:</p><pre>{code}</pre></section>"
    )


def _make_figure(picture: Picture) -> str:
    data = base64.b64encode(picture.path.read_bytes()).decode()
    kind = picture.path.suffix.removeprefix(".")
    caption = html.escape(picture.caption)
    image = f'<img src="data:image/{kind};base64,{data}" alt="{caption}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _make_table(table: Sequence[Row]) -> str:
    titles = "".join(f"<th>{title}</th>" for title in ("quantity", "notes", "computed", "difference"))
    return f'<div class="table"><table><tr>{titles}</tr>{"".join(map(_make_row, table))}</table></div>'


def _make_row(row: Row) -> str:
    remark = f"\n<small>{html.escape(row.remark)}</small>" if row.remark else ""
    difference = "–" if row.difference is None else f"{row.difference:.1e}".replace("-", "−")
    notes = f'<td class="{"shown" if row.shown else "implied"}">{_make_cell(row.notes)}</td>'
    return (
        f"<tr><td>{html.escape(row.quantity)}{remark}</td>{notes}<td>{_make_cell(row.computed)}</td>"
        f"<td>{difference}</td></tr>"
    )


def _make_cell(values: np.ndarray | None) -> str:
    """Returns the numbers of a cell; those of a long matrix are collapsed."""
    text = format_numbers(values, digits=5)
    if values is None or values.ndim < 2 or len(values) <= 8:
        return text
    return f"<details><summary>{' × '.join(map(str, values.shape))} numbers</summary>{text}</details>"
