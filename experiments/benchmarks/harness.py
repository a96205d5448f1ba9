"""Harness: checks that all contenders of a case reach the same losses, then times them in interleaved rounds.

The first contender of a case is jaxnn. A ratio is a peer's seconds divided by jaxnn's of the same round, so that a
machine that is slow for a while slows both.
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Seconds = dict[str, float]  # by part: "trace", "compile" and "run"

# Largest relative difference of losses: float32 sums in another order, over twenty steps or so.
TOLERANCE = 1e-3


class Prepared(NamedTuple):
    """A contender that has traced and compiled.

    Attributes:
        run: runs one round and returns the seconds of its parts, of which "run" is compared.
        losses: validation losses after a short training, the same for all contenders; None for a contender that
            cannot be compared.
        startup: seconds of "trace" and "compile", if `run` does not return them.
        timed: number of the case's trainings that a round runs.
        total: number of the case's trainings; seconds are scaled to it.
        detail: configuration that was chosen for the contender, as text.
        unit: of `timed` and `total`.
        warm: whether one round is run before the timed ones.
    """

    run: Callable[[], Seconds]
    losses: Callable[[], np.ndarray] | None = None
    startup: Seconds = {}  # noqa: RUF012 - never written to
    timed: int = 1
    total: int = 1
    detail: str = ""
    unit: str = "trials"
    warm: bool = True


class Contender(NamedTuple):
    """A tool's implementation of a case: its name, the packages it needs, and a function that prepares it."""

    name: str
    needs: tuple[str, ...]
    prepare: Callable[[], Prepared]


class Cost(NamedTuple):
    """The cost of one round at full size: floating-point operations, and bytes of arrays read and written."""

    flop: float
    bytes: float


class Case(NamedTuple):
    """What is measured: the contenders, jaxnn first, the cost (0 if unknown), and the largest number of rounds."""

    name: str
    title: str
    contenders: Sequence[Contender]
    cost: Cost = Cost(0.0, 0.0)
    max_rounds: int = 1000


class Row(NamedTuple):
    """The measurements of a contender; seconds are scaled to the whole case.

    Attributes:
        rounds: seconds of "run", round by round.
        median, low, high: median and quartiles of `rounds`.
        startup: median seconds of "trace" and "compile".
        ratio: median, lower and upper quartile of this contender's seconds divided by those of jaxnn.
        total_ratio: the ratio of the medians with startup included.
        difference: largest relative difference of its losses from those of jaxnn; None if it was not compared.
    """

    name: str
    detail: str
    timed: int
    total: int
    unit: str
    rounds: tuple[float, ...]
    median: float
    low: float
    high: float
    startup: Seconds
    ratio: tuple[float, float, float]
    total_ratio: float
    difference: float | None


class Result(NamedTuple):
    """The measurements of a case, and the contenders that are not installed or failed, with the reason."""

    name: str
    title: str
    rows: tuple[Row, ...]
    cost: Cost
    missing: dict[str, str]
    failed: dict[str, str]

    @property
    def agrees(self) -> bool:
        """Whether all contenders that were compared reach the same losses."""
        return all(row.difference is None or row.difference <= TOLERANCE for row in self.rows)


def importable(package: str) -> bool:
    """Returns whether a package is installed, without importing it."""
    return importlib.util.find_spec(package) is not None


def measure(case: Case, rounds: int, log: Callable[[str], Any] = print) -> Result:
    """Prepares all contenders, compares their losses, and times them in interleaved rounds."""
    missing = {one.name: ", ".join(packages) for one in case.contenders if (packages := _find_missing(one))}
    log(f"\n{case.title}")
    for name, packages in missing.items():
        log(f"  left out: {name}, not installed: {packages}")
    prepared, failed = _prepare([one for one in case.contenders if one.name not in missing], log)
    differences = compare_losses({name: one.losses() for name, one in prepared.items() if one.losses is not None})
    log(describe_agreement(differences))
    seconds = run_rounds({name: one.run for name, one in prepared.items()}, min(rounds, case.max_rounds))
    rows = summarize(prepared, seconds, differences)
    return Result(case.name, case.title, rows, case.cost, missing, failed)


def _find_missing(contender: Contender) -> list[str]:
    return [package for package in contender.needs if not importable(package)]


def _prepare(contenders: list[Contender], log: Callable[[str], Any]) -> tuple[dict[str, Prepared], dict[str, str]]:
    """Prepares every contender and runs its warm-up round; a peer that fails is reported and left out."""
    prepared, failed = {}, {}
    for index, contender in enumerate(contenders):
        try:
            one = contender.prepare()
            if one.warm:
                one.run()
            prepared[contender.name] = one
        except Exception as error:
            if index == 0:
                raise
            failed[contender.name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            log(f"  failed: {contender.name}: {failed[contender.name]}")
    return prepared, failed


def run_rounds(runs: dict[str, Callable[[], Seconds]], rounds: int) -> dict[str, list[Seconds]]:
    """Runs A B C A B C … and returns the seconds of every contender, round by round."""
    seconds: dict[str, list[Seconds]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(run())
    return seconds


def compare_losses(losses: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns the largest relative difference of each contender's losses from the first one's; infinite for NaN."""
    if not losses:
        return {}
    first = next(iter(losses.values()))
    differences = {}
    for name, values in losses.items():
        difference = np.max(np.abs(np.asarray(values) - first) / np.maximum(np.abs(first), 1e-12))
        differences[name] = float(difference) if np.isfinite(difference) else float("inf")
    return differences


def describe_agreement(differences: dict[str, float]) -> str:
    """Returns one line that reports whether all contenders reach the same losses."""
    if len(differences) < 2:
        return "  not compared: no two contenders start from the same weights"
    name, worst = max(differences.items(), key=lambda item: item[1])
    if worst <= TOLERANCE:
        return f"  agree: {len(differences)} contenders, max relative difference {worst:.0e}"
    return f"  DISAGREE: {name} differs by {worst:.0e}, more than {TOLERANCE:.0e}"


def summarize(
    prepared: dict[str, Prepared], seconds: dict[str, list[Seconds]], differences: dict[str, float]
) -> tuple[Row, ...]:
    """Computes medians, quartiles, and ratios to the first contender."""
    scaled = {
        name: np.array([one["run"] for one in seconds[name]]) * prepared[name].total / prepared[name].timed
        for name in prepared
    }
    startups = {name: _summarize_startup(prepared[name], seconds[name]) for name in prepared}
    first = next(iter(prepared))
    total = {name: sum(startups[name].values()) + np.median(scaled[name]) for name in prepared}
    rows = []
    for name, one in prepared.items():
        low, median, high = quartiles(scaled[name])
        lower, middle, upper = quartiles(scaled[name] / scaled[first])
        rows.append(Row(
            name, one.detail, one.timed, one.total, one.unit, tuple(scaled[name].tolist()), median, low, high,
            startups[name], (middle, lower, upper), float(total[name] / total[first]), differences.get(name),
        ))  # fmt: skip
    return tuple(rows)


def _summarize_startup(prepared: Prepared, rounds: list[Seconds]) -> Seconds:
    parts = {part for one in rounds for part in one if part != "run"}
    return prepared.startup | {part: float(np.median([one[part] for one in rounds])) for part in parts}


def quartiles(values: np.ndarray) -> tuple[float, float, float]:
    """Returns the lower quartile, the median and the upper quartile."""
    low, median, high = np.percentile(values, [25, 50, 75]).tolist()
    return low, median, high


def add_timer(run: Callable[[], Any]) -> Callable[[], Seconds]:
    """Returns a function that calls `run` and returns its seconds."""

    def timed_run() -> Seconds:
        started = time.perf_counter()
        run()
        return {"run": time.perf_counter() - started}

    return timed_run


def time_second_call(run: Callable[[], Any]) -> float:
    """Calls `run` twice and returns the seconds of the second call, to select the fastest configuration."""
    run()
    return add_timer(run)()["run"]
