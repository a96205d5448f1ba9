"""Where the seconds of a sweep went, and how many lanes were at work meanwhile, by worker."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxnn.report.numbers import shorten, shorten_all

if TYPE_CHECKING:
    from jaxnn.sweeps.engine.run import ChunkStats
    from jaxnn.sweeps.results.result import SweepResult

# The most steps of the lines of busy lanes, and the most workers that have one.
_MAX_STEPS, _MAX_WORKERS = 400, 24


def describe_lanes(result: "SweepResult") -> dict[str, Any]:
    """Returns the share of busy lanes over the seconds of the programs, for each worker in some hundred steps."""
    workers = _group_by_worker(result.chunks)
    shown = list(workers.items())[:_MAX_WORKERS]
    steps = _MAX_STEPS // max(len(shown), 1)
    return {
        "occupancy": shorten(result.occupancy),
        "waited": any(chunk.waiting for chunk in result.chunks),
        "workers": [{"name": name} | _describe_worker(chunks, steps) for name, chunks in shown],
        "more": len(workers) - len(shown),
    }


def describe_time(result: "SweepResult", seconds: float | None) -> dict[str, Any]:
    """Returns where the seconds of a sweep went: compilation, programs and host, which add up to the total.

    Those of several workers are added up.

    Args:
        result: of the sweep.
        seconds: that the sweep took; None if nothing tells, so that those of the host are not known.
    """
    compilation = sum(chunk.compile_seconds for chunk in result.chunks)
    programs = sum(chunk.seconds for chunk in result.chunks)
    workers = max(len(_group_by_worker(result.chunks)), 1)
    # Clocks of workers that share cores may add up to a little more.
    total = None if seconds is None else max(seconds * workers, compilation + programs)
    return {
        "total": None if total is None else shorten(total),
        "compile": shorten(compilation),
        "programs": shorten(programs),
        "host": None if total is None else shorten(total - compilation - programs),
        "workers": workers,
        "epochs": sum(trial.epochs for trial in result.trials),
    }


def _group_by_worker(chunks: "Sequence[ChunkStats]") -> "dict[str, list[ChunkStats]]":
    """Returns the chunks of each worker, in the order in which the workers appear."""
    workers: dict[str, list[ChunkStats]] = {}
    for chunk in chunks:
        workers.setdefault(chunk.worker, []).append(chunk)
    return workers


def _describe_worker(chunks: "list[ChunkStats]", most: int) -> dict[str, Any]:
    """Returns the steps of a worker: when they end, in seconds of its programs, and the share of busy lanes."""
    ends = np.cumsum([chunk.seconds for chunk in chunks])
    work = np.cumsum([chunk.busy * chunk.seconds for chunk in chunks])
    places = np.unique(np.linspace(0, len(chunks) - 1, min(len(chunks), most)).round().astype(int))
    steps = np.diff(ends[places], prepend=0.0)
    busy = np.diff(work[places], prepend=0.0) / np.maximum(steps, 1e-9)
    return {"ends": shorten_all(ends[places]), "busy": shorten_all(busy)}
