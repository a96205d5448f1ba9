"""What the sweeps of iris and digits share: their result, the description of the best setting, and the report."""

import contextlib
from collections.abc import Iterator
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


@contextlib.contextmanager
def share_among_workers(workers: int, dask: str | None) -> Iterator[dict[str, Any]]:
    """Gives the options of `nn.sweep` with which workers share it; none without workers.

    The blocks, and so the results, are the same for any number of workers, here or on a cluster.

    Args:
        workers: processes on this computer.
        dask: the address of a Dask scheduler, or None. The connection ends with the `with` block.

    Raises:
        ValueError: both.
        ImportError: Dask is not installed.
        OSError: no scheduler answers at this address.
    """
    if dask is None:
        yield {"block": BLOCK, "executor": nn.executors.processes(workers)} if workers else {}
        return
    if workers:
        raise ValueError(f"give --workers or --dask, not both: workers={workers}, dask={dask!r}")
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("--dask needs Dask: pip install distributed") from error
    with Client(dask) as client:
        yield {"block": BLOCK, "executor": client.get_executor()}
