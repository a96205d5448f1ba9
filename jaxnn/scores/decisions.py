"""What scores of classes and labels read: outputs and labels in one form, without weights, and the decisions made."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Shaped

from jaxnn._checks.arrays import check_labels, get_dtype, is_traced
from jaxnn._checks.labels import check_binary
from jaxnn._checks.warn import warn_user
from jaxnn._kernels.dtypes import as_arrays
from jaxnn.activations import argmax
from jaxnn.scores.means import sum_rows
from jaxnn.weights import split_weights

# Logits of classes, a table of logits of labels, or one logit for each example.
Outputs = Shaped[ArrayLike, "batch outputs"] | Shaped[ArrayLike, "batch"]
# Labels, or a pair (labels, weights).
Labels = ArrayLike | tuple[ArrayLike, ArrayLike]
# Rows of many labels, up to this number, may each hold exactly one by chance.
_FEW_ROWS = 8


class Decisions(NamedTuple):
    """Tables of bools with a column for each class or label.

    Attributes:
        predicted: True where the model decides for the column, shape (batch, columns).
        observed: True where the column holds, the same shape.
        exclusive: whether columns are classes, of which an example has exactly one.
    """

    predicted: Bool[Array, "batch columns"]
    observed: Bool[Array, "batch columns"]
    exclusive: bool


def read_classes(caller: str, outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Returns outputs of shape (batch, classes) and class numbers, checked; one logit becomes those of two classes.

    The logits 0 and z have the softmax 1 - sigmoid(z) and sigmoid(z).
    """
    labels, _ = split_weights(targets)
    if is_table(outputs, targets):
        raise ValueError(
            f"{caller}: labels must be class numbers of shape (batch,), not a table {np.shape(labels)}; of one-hot "
            "rows take labels.argmax(axis=1), and of many labels nn.f1 or nn.auc"
        )
    if not is_single(outputs):
        check_labels(caller, "outputs", outputs, labels)
        return outputs, as_arrays(labels)
    if jnp.issubdtype(get_dtype(outputs), jnp.integer):
        raise TypeError(
            f"{caller}: outputs must be logits or probabilities, shape (batch, classes), not class numbers: give what "
            "predict returns"
        )
    check_binary(caller, "outputs", outputs, labels)
    logits, labels = as_arrays((outputs, labels))
    logits = logits.reshape(-1)
    return jnp.stack([jnp.zeros_like(logits), logits], axis=1), labels.reshape(-1).astype(jnp.int32)


def is_single(outputs: Any) -> bool:
    """Returns whether outputs hold one logit for each example."""
    return jnp.ndim(outputs) == 1 or (jnp.ndim(outputs) == 2 and jnp.shape(outputs)[1] == 1)


def is_table(outputs: Any, targets: Any) -> bool:
    """Returns whether targets are a table of zeros and ones, with a column for each of several outputs."""
    return getattr(split_weights(targets)[0], "ndim", 1) == 2 and not is_single(outputs)


def read_many_labels(caller: str, outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Returns outputs and a table of zeros and ones, checked; warns of one-hot rows, which look like those of classes.

    They are no error: classes may be learned as many labels, each by a logit of its own.
    """
    labels, _ = split_weights(targets)
    check_binary(caller, "outputs", outputs, labels)
    rows = len(labels)
    if rows > _FEW_ROWS and not is_traced(labels) and (np.count_nonzero(np.asarray(labels), axis=1) == 1).all():
        warn_user(
            f"{caller}: each of the {rows} rows of labels holds exactly one 1, and the columns count as many labels, "
            "each by itself; for the score of classes give labels.argmax(axis=1)"
        )
    return as_arrays((outputs, labels))


def decide(caller: str, outputs: Any, targets: Any) -> Decisions:
    """Decides for the class of the largest output; of many labels for each whose logit is above 0."""
    if is_table(outputs, targets):
        outputs, labels = read_many_labels(caller, outputs, targets)
        return Decisions(outputs > 0, labels > 0, False)
    outputs, labels = read_classes(caller, outputs, targets)
    classes = jnp.arange(jnp.shape(outputs)[1])[None]
    return Decisions(argmax(outputs)[:, None] == classes, labels[:, None] == classes, True)


def count_rows(table: Bool[Array, "batch columns"], where: ArrayLike | None, weights: Array | None = None) -> Array:
    """Returns how many of the rows that count are True in each column, as floats; with weights, their sum."""
    return sum_rows(table, where, weights).astype(float)


def divide(numerator: Array, denominator: Array) -> Array:
    """Returns the quotient, and 0 where the denominator is 0, as scikit-learn does."""
    return numerator / jnp.where(denominator == 0, 1, denominator)
