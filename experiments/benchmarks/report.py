"""Report: tables for the terminal, and all measurements as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks.harness import Result, Row
from experiments.benchmarks.machine import PRODUCTS, Limits
from experiments.benchmarks.processes import ProcessResult
from experiments.benchmarks.scaling import Series
from experiments.benchmarks.targets import TargetResult
from experiments.common import RUNS

_COLUMNS = (
    f"  {'contender':<28}{'median':>10}{'quartiles':>20}{'ratio':>9}{'+ startup':>12}{'trace':>9}{'compile':>9}  detail"
)


def format_machine(machine: dict[str, Any], versions: dict[str, str], limits: Limits) -> str:
    """Returns the machine in two lines and the versions in one."""
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, JAX on {len(machine['devices'])} × {machine['platform']}\n"
        f"at most {limits.flops / 1e9:.4g} GFLOP/s in float32 products, {limits.bandwidth / 1e9:.4g} GB/s copied\n"
        f"{names}"
    )


def format_table(result: Result, limits: Limits) -> str:
    """Returns a line per contender with seconds and ratios, and a line with the utilization of the machine by jaxnn."""
    lines = [_COLUMNS, *map(_format_row, result.rows)]
    median = result.rows[0].median
    utilization = compute_utilization(result, limits)
    if result.cost.flop:
        lines.append(
            f"  jaxnn: {result.cost.flop / median / 1e9:.3g} GFLOP/s, {utilization['flops']:.0%} of the peak; "
            f"arrays of {result.cost.bytes / median / 1e9:.3g} GB/s, {utilization['bandwidth']:.0%} of a copy's "
            "(more than 100 % is possible in a cache)"
        )
    return "\n".join(lines)


def _format_row(row: Row) -> str:
    parts = [format_seconds(row.startup[part]) if part in row.startup else "–" for part in ("trace", "compile")]
    subset = f"timed on {row.timed:,} of {row.total:,} {row.unit}" if row.timed != row.total else ""
    detail = "; ".join(filter(None, [row.detail, subset]))
    quartiles = f"{format_seconds(row.low)} … {format_seconds(row.high)}"
    return (
        f"  {row.name:<28}{format_seconds(row.median):>10}{quartiles:>20}{f'{row.ratio[0]:.3g}×':>9}"
        f"{f'{row.total_ratio:.3g}×':>12}{parts[0]:>9}{parts[1]:>9}  {detail}"
    )


def compute_utilization(result: Result, limits: Limits) -> dict[str, float]:
    """Returns jaxnn's FLOP/s and bytes/s relative to the peak rates; products in the same rounds replace the peak."""
    cost, median = result.cost, result.rows[0].median
    products = [row.ratio[0] for row in result.rows if row.name == PRODUCTS]
    flops = products[0] if products else cost.flop / median / limits.flops
    return {"flops": flops, "bandwidth": cost.bytes / median / limits.bandwidth}


def format_seconds(value: float) -> str:
    """Returns the seconds in the unit that gives one to three digits before the decimal point."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * scale >= 1 or unit == "µs":
            return f"{value * scale:.3g} {unit}"
    raise AssertionError


def format_targets(targets: Sequence[TargetResult]) -> str:
    """Returns a line per target: the ratio to reach, the measured ratio, and whether it is reached."""
    lines = ["\ntargets"]
    for target in targets:
        measured = "not measured" if target.measured is None else f"{target.measured:.3g}"
        answer = {True: "yes", False: "no", None: "–"}[target.reached]
        lines.append(f"  {target.case:<32}{target.peer:<36}{target.minimum:>8}{measured:>14}  {answer}")
    return "\n".join(lines)


def write_results(
    results: Sequence[Result],
    processes: Sequence[ProcessResult],
    series: Sequence[Series],
    targets: Sequence[TargetResult],
    machine: dict[str, Any],
    versions: dict[str, str],
    limits: Limits,
) -> Path:
    """Writes machine, versions, all times, medians, ratios and targets to `runs/benchmarks/results.json`."""
    cases = [
        {
            "case": result.name, "title": result.title, "agrees": result.agrees, "missing": result.missing,
            "failed": result.failed, "cost": result.cost._asdict(),
            "utilization": compute_utilization(result, limits),
            "contenders": [row._asdict() for row in result.rows],
        }
        for result in results
    ]  # fmt: skip
    everything = {
        "machine": machine, "versions": versions, "limits": limits._asdict(), "cases": cases,
        "whole_processes": [one._asdict() | {"rows": [row._asdict() for row in one.rows]} for one in processes],
        "scaling": [one._asdict() | {"slopes": one.slopes} for one in series],
        "targets": [target._asdict() for target in targets],
    }  # fmt: skip
    path = RUNS / "benchmarks" / "results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
