"""What the sweeps of iris and digits share: their result, the description of the best setting, and the report."""

from pathlib import Path
from typing import Any, NamedTuple

import jaxnn as nn
from experiments.common import RUNS

# The trials of a block of a sweep that workers share.
BLOCK = 32


class Result(NamedTuple):
    """The sweep, the accuracy of its best networks together on unseen examples, the pictures, and the report."""

    sweep: nn.SweepResult
    accuracy: float
    pictures: list[Path]
    report: Path


def describe_best(result: nn.SweepResult) -> str:
    """Returns the hypers and the trial of the best setting as one line."""
    best = result.best
    values = {
        name: f"{value:.3g}" if isinstance(value, float) else getattr(value, "__name__", value)
        for name, value in best.hypers.items()
    }
    return ", ".join(f"{name} {value}" for name, value in values.items()) + f" (trial {best.trial})"


def write_report(result: nn.SweepResult, experiment: str, *, pictures: bool = False) -> Path:
    """Writes the page of a sweep to `runs/<experiment>/report.html`, and returns the path."""
    folder = RUNS / experiment
    folder.mkdir(parents=True, exist_ok=True)
    return result.report(
        folder / "report.html", title=f"{experiment}: {len(result.trials)} settings", pictures=pictures
    )


def print_report(path: Path) -> None:
    """Prints where the report is, the last line of a sweep."""
    print(f"report, to open in a browser:\n  {path}")


def share_among_workers(workers: int, dask: str | None) -> dict[str, Any]:
    """Returns the options of `nn.sweep` with which workers share it; none without workers.

    The blocks, and so the results, are the same for any number of workers, here or on a cluster.

    Args:
        workers: processes on this computer.
        dask: the address of a Dask scheduler, or None.
    """
    if dask is not None:
        from distributed import Client

        return {"block": BLOCK, "executor": Client(dask).get_executor()}
    return {"block": BLOCK, "executor": nn.executors.processes(workers)} if workers else {}
