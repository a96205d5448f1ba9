"""Tables of whole processes, for the terminal and as Markdown: `python -m experiments.benchmarks.tables`.

The command prints the tables of README.md and of the benchmarks' README.md from `runs/benchmarks/results.json`, or from
the file that is its argument.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.processes import ProcessResult, ProcessRow
from experiments.common import RUNS


def format_table(result: ProcessResult) -> str:
    """Returns a line per side: seconds cold, with a warm cache and of the second call, the ratio, the best score."""
    lines = [f"  {'process':<26}{'cold':>32}{'warm cache':>13}{'second call':>13}{'ratio':>9}{'best score':>13}"]
    for row in result.rows:
        cells = _list_cells(row)
        ratio = f"{row.ratio[0]:.3g}×"
        lines.append(f"  {row.name:<26}{cells[0]:>32}{cells[1]:>13}{cells[2]:>13}{ratio:>9}{cells[3]:>13}")
    return "\n".join(lines)


def format_overview(results: Sequence[ProcessResult]) -> str:
    """Returns a Markdown table with a row per search: jaxnn's three seconds, and the other tools' cold ones."""
    searches = [result for result in results if any(row.second for row in result.rows)]
    peers = list(dict.fromkeys(row.name for result in searches for row in result.rows[1:]))
    header = ["", "jaxnn, cold", "warm cache", "second call", *peers]
    lines = [_join(header), _join(["---"] * len(header))]
    for result in searches:
        rows = {row.name: row for row in result.rows}
        cells = [format_cold(rows[name], brief=True) if name in rows else "" for name in peers]
        ours = result.rows[0]
        lines.append(_join([
            result.title, *(f"**{cell}**" for cell in (format_cold(ours, brief=True), *_list_cells(ours)[1:3])), *cells,
        ]))  # fmt: skip
    return "\n".join(lines)


def format_details(result: ProcessResult) -> str:
    """Returns a Markdown table with a row per side of a case."""
    header = [result.title, "cold", "warm cache", "second call", "cold, beside jaxnn", "best score"]
    lines = [_join(header), _join(["---"] * len(header))]
    for row in result.rows:
        cold, warm, second, score = _list_cells(row)
        lines.append(_join([row.name, cold, warm, second, f"{row.ratio[0]:.2g}×", score]))
    return "\n".join(lines)


def _list_cells(row: ProcessRow) -> tuple[str, str, str, str]:
    warm, second = (format_seconds(float(np.median(values))) if values else "" for values in (row.warm, row.second))
    return format_cold(row), warm, second, "" if row.score is None else f"{row.score:.3f}"


def format_cold(row: ProcessRow, *, brief: bool = False) -> str:
    """Returns the median cold seconds of a side; where it ran a part of the trials, they are said to be about these."""
    seconds = format_seconds(float(np.median(row.cold)))
    if row.timed == row.total:
        return seconds
    return f"≈ {seconds}" if brief else f"about {seconds}, from {row.timed:,} trials"


def format_seconds(value: float) -> str:
    """Returns seconds with two or three digits, without a power of ten."""
    digits = 0 if value >= 100 else 1 if value >= 1 else 2
    return f"{value:,.{digits}f} s"


def _join(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def read_processes(path: Path) -> list[ProcessResult]:
    """Reads the measurements of whole processes that a run of the benchmarks has written."""
    results = []
    for written in json.loads(path.read_text(encoding="utf-8"))["whole_processes"]:
        rows = tuple(_read_row(row) for row in written["rows"])
        results.append(ProcessResult(**(written | {"rows": rows})))
    return results


def _read_row(written: dict[str, Any]) -> ProcessRow:
    """Returns a row with the tuples that JSON has turned into lists."""
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in written.items()}
    return ProcessRow(**values)


def main(path: Path) -> None:
    """Prints the overview, and a table for every case."""
    results = read_processes(path)
    print(format_overview(results), *map(format_details, results), sep="\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else RUNS / "benchmarks" / "results.json")
