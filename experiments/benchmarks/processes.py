"""Processes: times whole processes, from the start of `python` to its end, with imports and compilation.

A process is timed cold, jaxnn's also with a warm compilation cache, and the second equal call in a process is timed
apart. Tools that would take long run a part of the trials; `extrapolate` says how their seconds are scaled.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks.harness import importable, quartiles

ROOT = Path(__file__).parents[2]
# A process that would take longer than this many seconds runs a part of the trials, which takes about PART.
LONGEST, PART = 60.0, 20.0
# The trials of two short processes, which tell the fixed cost of a process from the cost of a trial.
FEW, SOME = 4, 16


class Job(NamedTuple):
    """What one process does: the trials and calls of a search, and the directory of its compilation cache, if any."""

    trials: int = 1
    calls: int = 1
    cache: str = ""


class Side(NamedTuple):
    """A tool's process.

    Attributes:
        name: of the tool.
        needs: the packages that it needs.
        command: makes the command line of a job.
        cached: whether the process is also timed with a warm compilation cache.
        environment: variables of the process.
    """

    name: str
    needs: tuple[str, ...]
    command: Callable[[Job], list[str]]
    cached: bool = False
    environment: dict[str, str] = {}  # noqa: RUF012 - never written to


class ProcessCase(NamedTuple):
    """What is measured: the sides, jaxnn first, the trials of a search, and the calls in a process."""

    name: str
    title: str
    sides: Sequence[Side]
    trials: int = 1
    calls: int = 1
    max_rounds: int = 1000


class Timing(NamedTuple):
    """One process: its seconds without those of the second call, the seconds of the second call, and its score."""

    seconds: float
    second: float | None
    score: float | None


class ProcessRow(NamedTuple):
    """The measurements of a side; seconds are scaled to all trials.

    Attributes:
        timed, total: the trials that the processes ran, and those of the case.
        cold, warm, second: seconds round by round: of a process without and with a warm compilation cache, and of the
            second equal call in a process. Empty if they were not measured.
        score: the best of the timed trials.
        ratio: median, lower and upper quartile of the cold seconds divided by the cold ones of the first side.
        warm_ratio: the same, divided by the warm ones of the first side.
    """

    name: str
    timed: int
    total: int
    cold: tuple[float, ...]
    warm: tuple[float, ...]
    second: tuple[float, ...]
    score: float | None
    ratio: tuple[float, float, float]
    warm_ratio: tuple[float, float, float] | None


class ProcessResult(NamedTuple):
    """The measurements of a case, and the sides that are not installed or failed, with the reason."""

    name: str
    title: str
    rows: tuple[ProcessRow, ...]
    missing: dict[str, str]
    failed: dict[str, str]


def measure(case: ProcessCase, rounds: int, log: Callable[[str], Any] = print) -> ProcessResult:
    """Times the processes of all sides in interleaved rounds; a side that fails is reported and left out."""
    log(f"\n{case.title}")
    missing = {side.name: ", ".join(lacking) for side in case.sides if (lacking := _find_missing(side))}
    timed: dict[str, int] = {}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as caches:
        for index, side in enumerate(one for one in case.sides if one.name not in missing):
            try:
                timed[side.name] = prepare(case, side, caches)
            except RuntimeError as error:
                if index == 0:
                    raise
                failed[side.name] = str(error)
        cold: dict[str, list[Timing]] = {name: [] for name in timed}
        warm: dict[str, list[Timing]] = {name: [] for name in timed}
        for _ in range(min(rounds, case.max_rounds)):
            for side in (one for one in case.sides if one.name in timed):
                cold[side.name].append(run_round(case, side, timed[side.name]))
                if side.cached:
                    warm[side.name].append(run_process(side, Job(case.trials, 1, caches)))
    for name, reason in {**{name: f"not installed: {needs}" for name, needs in missing.items()}, **failed}.items():
        log(f"  left out: {name}: {reason}")
    return ProcessResult(case.name, case.title, summarize(case, timed, cold, warm), missing, failed)


def _find_missing(side: Side) -> list[str]:
    return [package for package in side.needs if not importable(package)]


def prepare(case: ProcessCase, side: Side, cache: str) -> int:
    """Fills the cache of a side that has one; returns how many trials another side trains in at most LONGEST."""
    if side.cached or case.trials <= SOME:
        run_process(side, Job(case.trials, 1, cache if side.cached else ""))
        return case.trials
    few, some = (run_process(side, Job(trials)).seconds for trials in (FEW, SOME))
    slope = max((some - few) / (SOME - FEW), 1e-9)
    if few + slope * (case.trials - FEW) <= LONGEST:
        return case.trials
    # A multiple of the short processes' trials, so that the cores have equal shares.
    return min(case.trials, SOME * max(1, round(PART / slope / SOME)))


def run_round(case: ProcessCase, side: Side, timed: int) -> Timing:
    """Runs the process of one round; if it is of a part of the trials, another of FEW trials gives the fixed cost."""
    timing = run_process(side, Job(timed, case.calls))
    if timed == case.trials:
        return timing
    few = run_process(side, Job(FEW)).seconds
    second = None if timing.second is None else timing.second * case.trials / timed
    return Timing(extrapolate(few, timing.seconds, timed, case.trials), second, timing.score)


def extrapolate(few: float, seconds: float, timed: int, total: int) -> float:
    """Returns the seconds of a process of all trials: seconds + (seconds - few) · (total - timed) / (timed - FEW).

    The seconds of FEW trials hold the fixed cost of a process, so that only the cost of the trials grows.
    """
    return seconds + max(seconds - few, 0.0) * (total - timed) / (timed - FEW)


def run_process(side: Side, job: Job) -> Timing:
    """Runs a process to its end; its last line is a score, or the score and the seconds of its calls.

    Raises:
        RuntimeError: the process failed; the message has the last line that it wrote.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    with tempfile.TemporaryDirectory() as folder:  # what it writes is deleted
        started = time.perf_counter()
        process = subprocess.run(
            side.command(job), env=inherited | {"PYTHONPATH": str(ROOT)} | side.environment, cwd=folder,
            capture_output=True, text=True,
        )  # fmt: skip
        seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{side.name}: {(process.stderr.strip().splitlines() or ['no message'])[-1]}")
    score, calls = _read_output(process.stdout)
    return Timing(seconds - sum(calls[1:]), calls[1] if len(calls) > 1 else None, score)


def _read_output(output: str) -> tuple[float | None, list[float]]:
    try:
        last = json.loads(output.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return None, []
    return (last["score"], last["calls"]) if isinstance(last, dict) else (float(last), [])


def summarize(
    case: ProcessCase, timed: dict[str, int], cold: dict[str, list[Timing]], warm: dict[str, list[Timing]]
) -> tuple[ProcessRow, ...]:
    """Divides the seconds of every side by those of the first side in the same round."""
    rows: list[ProcessRow] = []
    for name, trials in timed.items():
        seconds, cached = (tuple(timing.seconds for timing in timings[name]) for timings in (cold, warm))
        second = tuple(timing.second for timing in cold[name] if timing.second is not None)
        base, warm_base = (rows[0].cold, rows[0].warm) if rows else (seconds, cached)
        rows.append(ProcessRow(
            name, trials, case.trials, seconds, cached, second, cold[name][-1].score, _divide(seconds, base),
            _divide(seconds, warm_base) if warm_base else None,
        ))  # fmt: skip
    return tuple(rows)


def _divide(seconds: tuple[float, ...], base: tuple[float, ...]) -> tuple[float, float, float]:
    low, median, high = quartiles(np.array(seconds) / np.array(base))
    return median, low, high
