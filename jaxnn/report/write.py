"""`write_report`: the page of a result as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxnn._checks.names import name_value
from jaxnn._checks.paths import check_path
from jaxnn.io.files import write
from jaxnn.report.about import describe_here
from jaxnn.report.page import make_page
from jaxnn.report.sweeps import describe_sweep
from jaxnn.report.trainings import describe_training

if TYPE_CHECKING:
    from jaxnn.sweeps.results.result import SweepResult
    from jaxnn.training.train import TrainResult


def write_report(result: "SweepResult | TrainResult", path: str | Path, *, title: str | None = None) -> Path:
    """Writes the page of a result; see `SweepResult.report`.

    Args:
        result: of `sweep` or `train`.
        path: the file, such as "report.html"; its folder must exist.
        title: the heading of the page.

    Returns:
        The path of the file.

    Raises:
        TypeError: a path of another type.
        OSError: the folder is missing or not writable.
    """
    path = check_path("report", path)
    write(path, make_page(_describe(result, title)).encode(), "report")
    return path


def _describe(result: Any, title: str | None) -> dict[str, Any]:
    """Returns the document of a result of this process."""
    if hasattr(result, "losses"):
        return describe_training(result, describe_here(title or "Training"))
    return describe_sweep(result, describe_here(title or "Sweep", score=name_value(result.plan.score)))
