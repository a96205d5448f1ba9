"""`write_report`: the page of a result as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxnn._checks.data import check_data
from jaxnn._checks.names import name_value
from jaxnn._checks.paths import check_path
from jaxnn.io.files import write
from jaxnn.models.model import Model
from jaxnn.report.about import describe_here
from jaxnn.report.directory import describe_directory
from jaxnn.report.outputs import compute_outputs, compute_training_outputs
from jaxnn.report.page import make_page
from jaxnn.report.sweeps import describe_sweep
from jaxnn.report.trainings import describe_training

if TYPE_CHECKING:
    from jaxnn.sweeps.results.result import SweepResult
    from jaxnn.training.train import TrainResult


def write_report(
    result: "SweepResult | TrainResult",
    path: str | Path,
    *,
    title: str | None = None,
    model: Model | None = None,
    validation: tuple[Any, Any] | None = None,
    pictures: bool = False,
) -> Path:
    """Writes the page of a result; see `SweepResult.report` and `TrainResult.report`.

    Args:
        result: of `sweep` or `train`.
        path: the file, such as "report.html"; its folder must exist.
        title: the heading of the page.
        model: of a training, for the outputs that the page shows of `validation`. A sweep knows its models.
        validation: `(x, targets)`. Where targets are classes, the page shows the confusion matrix and the wrongest
            examples.
        pictures: whether the page holds the images of these examples.

    Returns:
        The path of the file.

    Raises:
        TypeError: a path of another type; validation that is not a pair.
        ValueError: model or validation alone, or those of a sweep; pictures without inputs; as `jaxnn.predict`.
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
    if hasattr(result, "losses"):
        document = _describe_training(result, title, model, validation, pictures)
    elif model is not None or validation is not None:
        raise ValueError("report: model= and validation= are those of a training; a sweep has its own")
    else:
        document = _describe_sweep(result, title, pictures)
    write(path, make_page(document).encode(), "report")
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


def _describe_training(
    result: Any, title: str | None, model: Model | None, validation: Any, pictures: bool
) -> dict[str, Any]:
    """Returns the document of a training of this process."""
    about = describe_here(title or f"Training of {result.epochs} epoch{'s' * (result.epochs != 1)}")
    if (model is None) != (validation is None):
        raise ValueError("report: model= and validation= go together: the page shows what the model says of the data")
    if pictures and model is None:
        raise ValueError("report: pictures=True shows validation rows of a training; give model= and validation=")
    if model is not None:
        check_data("report: validation", validation)
        outputs = compute_training_outputs(model, result.params, validation, result.best_epoch)
        about = about._replace(outputs=outputs, pictures=pictures)
    return describe_training(result, about)


def _describe_sweep(result: Any, title: str | None, pictures: bool) -> dict[str, Any]:
    """Returns the document of a sweep of this process."""
    stored = getattr(result.plan, "stored", None)
    if stored is not None:  # a result of `load`, which ran in another process
        if pictures:
            raise ValueError("report: pictures=True needs the inputs of rows, which a result that was loaded lacks")
        return describe_directory(stored, title)
    count = len(result.trials)
    about = describe_here(title or f"Sweep of {count} trial{'s' * (count != 1)}", score=name_value(result.plan.score))
    about = about._replace(pictures=pictures, seconds=result.seconds, outputs=compute_outputs(result))
    return describe_sweep(result, about)
