"""`write_report`: the page of a result as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxnn._checks.names import name_value
from jaxnn._checks.paths import check_path
from jaxnn.io.files import write
from jaxnn.report.about import describe_here
from jaxnn.report.directory import describe_directory
from jaxnn.report.outputs import compute_outputs
from jaxnn.report.page import make_page
from jaxnn.report.sweeps import describe_sweep
from jaxnn.report.trainings import describe_training

if TYPE_CHECKING:
    from jaxnn.sweeps.results.result import SweepResult
    from jaxnn.training.train import TrainResult


def write_report(
    result: "SweepResult | TrainResult", path: str | Path, *, title: str | None = None, pictures: bool = False
) -> Path:
    """Writes the page of a result; see `SweepResult.report`.

    Args:
        result: of `sweep` or `train`.
        path: the file, such as "report.html"; its folder must exist.
        title: the heading of the page.
        pictures: whether the page holds the images of the examples that the best trial gets most wrong.

    Returns:
        The path of the file.

    Raises:
        TypeError: a path of another type.
        OSError: the folder is missing or not writable.

    Example:
        >>> import jaxnn as nn
        >>> line = np.linspace(0, 1, 8, dtype=np.float32)[:, None], np.linspace(0, 3, 8, dtype=np.float32)[:, None]
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(0.5))
        >>> result = nn.train(recipe, line, key=jax.random.key(0), epochs=3, progress=False)
        >>> result.report("report.html").stat().st_size < 100_000
        True
    """
    path = check_path("report", path)
    write(path, make_page(_describe(result, title, pictures)).encode(), "report")
    return path


def write_directory_report(directory: str | Path, path: str | Path | None = None, *, title: str | None = None) -> Path:
    """Writes the page of a run from its directory, also of one that runs or has not ended.

    Args:
        directory: as given to `sweep` or `train`.
        path: the file; None is "report.html" in the directory.
        title: the heading of the page; None is the name of the directory.

    Returns:
        The path of the file.

    Raises:
        ValueError: a directory without a run, or one of another version of jaxnn.
        CheckpointError: damaged files.
        OSError: files that cannot be read or written.

    Example:
        >>> import jaxnn as nn
        >>> line = np.linspace(0, 1, 8, dtype=np.float32)[:, None], np.linspace(0, 3, 8, dtype=np.float32)[:, None]
        >>> recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(0.5))
        >>> result = nn.train(recipe, line, key=jax.random.key(0), epochs=3, directory="line", progress=False)
        >>> write_directory_report("line").name
        'report.html'
    """
    directory = check_path("report", directory, name="directory")
    path = directory / "report.html" if path is None else check_path("report", path)
    write(path, make_page(describe_directory(directory, title)).encode(), "report")
    return path


def _describe(result: Any, title: str | None, pictures: bool) -> dict[str, Any]:
    """Returns the document of a result of this process."""
    if hasattr(result, "losses"):
        return describe_training(result, describe_here(title or f"Training of {result.epochs} epochs"))
    stored = getattr(result.plan, "stored", None)
    if stored is not None:  # a result of `load`, which ran in another process
        return describe_directory(stored, title)
    count = len(result.trials)
    about = describe_here(title or f"Sweep of {count} trial{'s' * (count != 1)}", score=name_value(result.plan.score))
    about = about._replace(pictures=pictures, seconds=result.seconds, outputs=compute_outputs(result))
    return describe_sweep(result, about)
