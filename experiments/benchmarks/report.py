"""Report: tables on the terminal, and everything that was measured as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks.harness import Result, Row
from experiments.benchmarks.machine import PRODUCTS, Limits
from experiments.benchmarks.scaling import Series
from experiments.benchmarks.targets import Verdict
from experiments.common import RUNS

_COLUMNS = (
    f"  {'side':<28}{'median':>10}{'quartiles':>20}{'ratio':>9}{'with start':>12}{'trace':>9}{'compile':>9}  notes"
)


def headline(machine: dict[str, Any], versions: dict[str, str], limits: Limits) -> str:
    """The machine in two lines, the versions in one."""
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, JAX on {len(machine['devices'])} × {machine['platform']}\n"
        f"at most {limits.flops / 1e9:.4g} GFLOP/s in float32 products, {limits.bandwidth / 1e9:.4g} GB/s copied\n"
        f"{names}"
    )


def table(result: Result, limits: Limits) -> str:
    """Every side: seconds, ratio to jaxnn alone and with its start, and how much of the machine jaxnn uses."""
    lines = [_COLUMNS, *map(_line, result.rows)]
    median = result.rows[0].median
    share = shares(result, limits)
    if result.work.flop:
        lines.append(
            f"  jaxnn: {result.work.flop / median / 1e9:.3g} GFLOP/s, {share['flops']:.0%} of the peak; "
            f"arrays of {result.work.bytes / median / 1e9:.3g} GB/s, {share['bandwidth']:.0%} of a copy's "
            "(a cache may have more than 100 %)"
        )
    return "\n".join(lines)


def _line(row: Row) -> str:
    start = "".join(f"{seconds(row.start[part]) if part in row.start else '–':>9}" for part in ("trace", "compile"))
    some = f"timed on {row.timed:,} of {row.of:,} {row.unit}" if row.timed != row.of else ""
    notes = "; ".join(filter(None, [row.detail, some]))
    between = f"{seconds(row.low)} … {seconds(row.high)}"
    return (
        f"  {row.name:<28}{seconds(row.median):>10}{between:>20}{f'{row.ratio[0]:.3g}×':>9}"
        f"{f'{row.total_ratio:.3g}×':>12}{start}  {notes}"
    )


def shares(result: Result, limits: Limits) -> dict[str, float]:
    """FLOP/s and bytes/s of jaxnn as shares of the machine's: of its products in the same rounds, if they took part."""
    work, run = result.work, result.rows[0].median
    beside = [row.ratio[0] for row in result.rows if row.name == PRODUCTS]
    flops = beside[0] if beside else work.flop / run / limits.flops
    return {"flops": flops, "bandwidth": work.bytes / run / limits.bandwidth}


def seconds(value: float) -> str:
    """With the unit in which it has one to three digits in front of the point."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * scale >= 1 or unit == "µs":
            return f"{value * scale:.3g} {unit}"
    raise AssertionError


def verdicts(found: Sequence[Verdict]) -> str:
    """The targets: what was wanted, what was measured, and whether it is enough."""
    lines = ["\ntargets"]
    for verdict in found:
        measured = "not measured" if verdict.measured is None else f"{verdict.measured:.3g}"
        answer = {True: "yes", False: "no", None: "–"}[verdict.reached]
        lines.append(f"  {verdict.case:<32}{verdict.against:<36}{verdict.wanted:>8}{measured:>14}  {answer}")
    return "\n".join(lines)


def write(
    results: Sequence[Result],
    series: Sequence[Series],
    found: Sequence[Verdict],
    machine: dict[str, Any],
    versions: dict[str, str],
    limits: Limits,
) -> Path:
    """`runs/benchmarks/results.json`: the machine, the versions, every raw time, the medians, ratios and targets."""
    cases = [
        {
            "case": result.name, "title": result.title, "agrees": result.agrees, "missing": result.missing,
            "failed": result.failed, "work": result.work._asdict(),
            "shares": shares(result, limits),
            "sides": [row._asdict() for row in result.rows],
        }
        for result in results
    ]  # fmt: skip
    whole = {
        "machine": machine, "versions": versions, "limits": limits._asdict(), "cases": cases,
        "scaling": [one._asdict() | {"slopes": one.slopes} for one in series],
        "targets": [verdict._asdict() for verdict in found],
    }  # fmt: skip
    path = RUNS / "benchmarks" / "results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
