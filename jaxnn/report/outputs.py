"""What the best parameters say of validation rows, where targets are classes."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from jaxnn.io.archive import CheckpointError
from jaxnn.io.checkpoint import load_by_name, pack
from jaxnn.models.model import Model
from jaxnn.training.evaluation import predict

if TYPE_CHECKING:
    from pathlib import Path

    from jaxnn.sweeps.results.result import SweepResult

OUTPUTS_FILE = "outputs.npz"
# The most numbers of outputs that are kept: a megabyte.
_MAX_NUMBERS = 250_000


class Outputs(NamedTuple):
    """Class scores of the best trial, or of a training.

    Attributes:
        number: of the trial, or of the epochs after which the training had its parameters.
        rows: the numbers of the rows, of the validation part or, with folds, of the data.
        labels: their classes.
        logits: the outputs, shape (rows, classes).
        x: their inputs; None from a directory.
        total: the number of all rows, of which these are the first.
    """

    number: int
    rows: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    x: np.ndarray | None = None
    total: int = 0


def compute_outputs(result: "SweepResult") -> Outputs | None:
    """Returns the outputs of the best trial; None if targets are not classes, or its parameters are not at hand.

    With folds, each row is judged by the network that has not seen it; with repeats, by the first.
    """
    plan: Any = result.plan
    if not _are_whole_numbers((plan.data if plan.validation is None else plan.validation)[1]):
        return None
    if not any(trial.has_params for trial in result.trials) or result.best.params is None:
        return None
    best, model = result.best.trial, result.best.recipe.model
    parts = [_judge(model, result.params(best, lane=lane), *part) for lane, part in enumerate(_list_parts(plan))]
    return _join(best, parts)


def compute_training_outputs(model: Model, params: Any, validation: tuple[Any, Any], epoch: int) -> Outputs | None:
    """Returns the outputs of a training, whose parameters are those after `epoch`; None if targets are not classes."""
    x, targets = validation
    if not _are_whole_numbers(targets):
        return None
    return _join(epoch, [_judge(model, params, np.arange(len(targets)), x, np.asarray(targets))])


def _are_whole_numbers(targets: Any) -> bool:
    """Returns whether targets may be classes."""
    return _is_array(targets) and np.ndim(targets) == 1 and np.issubdtype(targets.dtype, np.integer)


def _is_array(tree: Any) -> bool:
    return isinstance(tree, np.ndarray | jax.Array)


def _list_parts(plan: Any) -> list[tuple[np.ndarray, Any, Any]]:
    """Returns the rows, inputs and targets of the validation part, or of each fold."""
    if plan.validation is not None:
        x, targets = plan.validation
        return [(np.arange(len(targets)), x, np.asarray(targets))]
    x, targets = plan.data
    # Prepared data has a block of all rows for each fold.
    count = len(targets) // (len(plan.preparations) or 1)
    taken = [np.asarray(rows)[mask] for rows, mask in zip(plan.folds.validation, plan.folds.mask, strict=True)]
    return [
        (rows % count, jax.tree.map(lambda leaf, rows=rows: np.asarray(leaf)[rows], x), np.asarray(targets)[rows])
        for rows in taken
    ]


def _judge(model: Model, params: Any, rows: np.ndarray, x: Any, labels: np.ndarray) -> tuple[Any, ...]:
    """Returns rows with their labels, outputs and inputs."""
    outputs = predict(model, params, x)
    logits = np.asarray(outputs, np.float32) if _is_array(outputs) else np.zeros(0)
    return rows, labels, logits, np.asarray(x) if _is_array(x) else None


def _join(number: int, parts: list[tuple[Any, ...]]) -> Outputs | None:
    """Returns the outputs of all parts; None if they are not those of classes."""
    rows, labels, logits, x = zip(*parts, strict=True)
    if any(np.ndim(part) != 2 or part.shape[1] < 2 for part in logits):
        return None
    rows, labels, logits = map(np.concatenate, (rows, labels, logits))
    if not np.isin(labels, range(logits.shape[1])).all():
        return None  # counts, such as those whose quantiles a network gives
    shown = slice(_MAX_NUMBERS // logits.shape[1])
    # Cut before they are joined, which copies them.
    inputs = np.concatenate([part[shown] for part in x])[shown] if all(part is not None for part in x) else None
    return Outputs(number, rows[shown], labels[shown], logits[shown], inputs, total=len(rows))


def pack_outputs(outputs: Outputs) -> bytes:
    """Returns the content of the file that a directory keeps, without the inputs."""
    arrays = outputs._asdict() | {"number": np.array(outputs.number), "total": np.array(outputs.total)}
    del arrays["x"]
    return pack(arrays)


def read_outputs(path: "Path", number: int | None) -> Outputs | None:
    """Returns the outputs that a directory keeps; None without them, or if the file is damaged.

    Args:
        path: of the file.
        number: of the best trial, or the epochs of a training; None without one. Those of another are outdated,
            because the run has gone on since.
    """
    try:
        arrays = load_by_name(path).arrays
        number_kept, total = int(arrays["number"]), int(arrays["total"])
        kept = Outputs(number_kept, arrays["rows"], arrays["labels"], arrays["logits"], total=total)
    except (OSError, CheckpointError, KeyError):
        return None
    return kept if kept.number == number else None
