"""Harness: the sides of a case take turns, round after round, after all of them have reached the same loss.

The first side of a case is jaxnn; a ratio is a peer's seconds by jaxnn's, round by round, so that a machine that
slows down for a while slows all sides.
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Seconds = dict[str, float]  # by part: "trace", "compile" and "run"

# Float32 in another order of summation, over twenty steps or so.
TOLERANCE = 1e-3


class Ready(NamedTuple):
    """A side that has traced and compiled.

    Attributes:
        run: one round; the seconds of its parts, of which "run" is what is compared.
        losses: validation losses after a short training, the same of all sides; None where a side has its own mind.
        start: seconds of "trace" and "compile", where a round does not report its own.
        timed: how many of the case's trainings a round runs.
        of: how many there are; the seconds are scaled to them.
        detail: what was chosen for it, in words.
        unit: of `timed` and `of`.
        warm: whether a round that does not count goes before the others.
    """

    run: Callable[[], Seconds]
    losses: Callable[[], np.ndarray] | None = None
    start: Seconds = {}  # noqa: RUF012 - never written to
    timed: int = 1
    of: int = 1
    detail: str = ""
    unit: str = "trials"
    warm: bool = True


class Side(NamedTuple):
    """A tool's way to do the case's work: its name, the packages it needs, and what makes it ready."""

    name: str
    needs: tuple[str, ...]
    prepare: Callable[[], Ready]


class Work(NamedTuple):
    """Of one round at full size: floating-point operations, and bytes of arrays read and written."""

    flop: float
    bytes: float


class Case(NamedTuple):
    """What is measured: the sides, the first of them jaxnn's, the work if it counts, and at most how many rounds."""

    name: str
    title: str
    sides: Sequence[Side]
    work: Work = Work(0.0, 0.0)
    most: int = 1000


class Row(NamedTuple):
    """What came of a side; seconds are scaled to the whole case.

    Attributes:
        rounds: seconds of "run", round by round.
        median, low, high: of them, with the quartiles.
        start: median seconds of "trace" and "compile".
        ratio: median, lower and upper quartile of this side's seconds by those of jaxnn.
        total_ratio: the same of start and run together.
        difference: largest relative difference of its losses from those of jaxnn; None where it was not compared.
    """

    name: str
    detail: str
    timed: int
    of: int
    unit: str
    rounds: tuple[float, ...]
    median: float
    low: float
    high: float
    start: Seconds
    ratio: tuple[float, float, float]
    total_ratio: float
    difference: float | None


class Result(NamedTuple):
    """A case, measured."""

    name: str
    title: str
    rows: tuple[Row, ...]
    work: Work
    missing: dict[str, str]
    failed: dict[str, str]

    @property
    def agrees(self) -> bool:
        """Whether all sides that were compared reach the same losses."""
        return all(row.difference is None or row.difference <= TOLERANCE for row in self.rows)


def importable(package: str) -> bool:
    """Whether a package is installed; nothing is imported."""
    return importlib.util.find_spec(package) is not None


def measure(case: Case, rounds: int, say: Callable[[str], Any] = print) -> Result:
    """Make all sides ready, compare their losses, and time them in turns."""
    missing = {side.name: ", ".join(lacks) for side in case.sides if (lacks := _lacks(side))}
    say(f"\n{case.title}")
    for name, packages in missing.items():
        say(f"  left out: {name}, for want of {packages}")
    ready, failed = _prepare([side for side in case.sides if side.name not in missing], say)
    differences = compare({name: one.losses() for name, one in ready.items() if one.losses is not None})
    say(agreement(differences))
    heard = take_turns({name: one.run for name, one in ready.items()}, min(rounds, case.most))
    rows = summarize(ready, heard, differences)
    return Result(case.name, case.title, rows, case.work, missing, failed)


def _lacks(side: Side) -> list[str]:
    return [package for package in side.needs if not importable(package)]


def _prepare(sides: list[Side], say: Callable[[str], Any]) -> tuple[dict[str, Ready], dict[str, str]]:
    """Every side made ready and warmed by a round that does not count; a peer that breaks is named and left out."""
    ready, failed = {}, {}
    for place, side in enumerate(sides):
        try:
            one = side.prepare()
            if one.warm:
                one.run()
            ready[side.name] = one
        except Exception as error:
            if place == 0:
                raise
            failed[side.name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            say(f"  failed: {side.name}: {failed[side.name]}")
    return ready, failed


def take_turns(runs: dict[str, Callable[[], Seconds]], rounds: int) -> dict[str, list[Seconds]]:
    """A B C A B C …: the seconds of every side, round by round."""
    heard: dict[str, list[Seconds]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            heard[name].append(run())
    return heard


def compare(losses: dict[str, np.ndarray]) -> dict[str, float]:
    """The largest relative difference of each side's losses from those of the first; NaN counts as infinite."""
    if not losses:
        return {}
    first = next(iter(losses.values()))
    found = {}
    for name, values in losses.items():
        difference = np.max(np.abs(np.asarray(values) - first) / np.maximum(np.abs(first), 1e-12))
        found[name] = float(difference) if np.isfinite(difference) else float("inf")
    return found


def agreement(differences: dict[str, float]) -> str:
    """One line: whether all sides reach the same loss."""
    if len(differences) < 2:
        return "  not compared: every side starts from weights of its own, or has no peer here"
    name, worst = max(differences.items(), key=lambda item: item[1])
    if worst <= TOLERANCE:
        return f"  agree: {len(differences)} sides, max relative difference {worst:.0e}"
    return f"  DISAGREE: {name} differs by {worst:.0e}, more than {TOLERANCE:.0e}"


def summarize(
    ready: dict[str, Ready], heard: dict[str, list[Seconds]], differences: dict[str, float]
) -> tuple[Row, ...]:
    """Medians, quartiles and ratios; the first side is the one that the others are divided by."""
    scaled = {
        name: np.array([one["run"] for one in heard[name]]) * ready[name].of / ready[name].timed for name in ready
    }
    starts = {name: _start(ready[name], heard[name]) for name in ready}
    ours = next(iter(ready))
    whole = {name: sum(starts[name].values()) + np.median(scaled[name]) for name in ready}
    rows = []
    for name, one in ready.items():
        low, median, high = quartiles(scaled[name])
        lower, middle, upper = quartiles(scaled[name] / scaled[ours])
        rows.append(Row(
            name, one.detail, one.timed, one.of, one.unit, tuple(scaled[name].tolist()), median, low, high,
            starts[name], (middle, lower, upper), float(whole[name] / whole[ours]), differences.get(name),
        ))  # fmt: skip
    return tuple(rows)


def _start(ready: Ready, heard: list[Seconds]) -> Seconds:
    parts = {part for one in heard for part in one if part != "run"}
    return ready.start | {part: float(np.median([one[part] for one in heard])) for part in parts}


def quartiles(values: np.ndarray) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile."""
    low, median, high = np.percentile(values, [25, 50, 75]).tolist()
    return low, median, high


def timed(run: Callable[[], Any]) -> Callable[[], Seconds]:
    """A round of a side that does not look at the clock itself."""

    def round_() -> Seconds:
        begun = time.perf_counter()
        run()
        return {"run": time.perf_counter() - begun}

    return round_


def seconds(run: Callable[[], Any]) -> float:
    """Of a second run: to choose the fastest of several ways."""
    run()
    return timed(run)()["run"]
