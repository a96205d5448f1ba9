"""The folds of a sweep, stratified by the labels among its targets."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_finite, leaf_name
from jaxnn._checks.warn import warn_user
from jaxnn.data import Folds, k_folds


class Labels(NamedTuple):
    """The labels that folds are stratified by, one for each example, and their name in messages."""

    name: str
    values: np.ndarray


def choose_labels(targets: Any, count: int, stratify: Any) -> Labels | None:
    """Returns the labels that the argument `stratify` of a sweep names, or None.

    Args:
        targets: the targets of all examples.
        count: the number of examples.
        stratify: "auto" to find labels among the targets, None for no labels, or an array of them.

    Raises:
        TypeError, ValueError: another value, or labels that are not one for each example.
    """
    if stratify is None:
        return None
    if isinstance(stratify, str) and stratify == "auto":
        return _find_labels(targets, count)
    labels = np.asarray(stratify)
    if labels.shape != (count,):
        raise ValueError(
            f'sweep: stratify must be "auto", None or an array of shape ({count},), one label for each example, '
            f"not {labels.shape if labels.shape else repr(stratify)}"
        )
    if labels.dtype == object:
        labels = labels.astype(str)
    if labels.dtype.kind == "f":
        check_finite("sweep", "stratify", labels)
    return Labels("stratify", labels)


def make_folds(key: Array, count: int, folds: int, labels: Labels | None) -> Folds:
    """Makes folds, and warns of classes that have fewer examples than there are folds."""
    if labels is None:
        return k_folds(key, count, folds)
    classes, counts = np.unique(labels.values, return_counts=True)
    # Where most values are different, they are no classes.
    if counts.min() < folds and len(classes) <= count // folds:
        warn_user(
            f"sweep: class {classes[counts.argmin()]} of {labels.name} has {counts.min()} examples, fewer than the "
            f"{folds} folds, so some folds are evaluated without it"
        )
    return k_folds(key, count, folds, stratify=labels.values)


def _find_labels(targets: Any, count: int) -> Labels | None:
    """Returns the first labels among the targets: whole numbers, or else bools, zeros and ones, or one-hot rows."""
    named = [(leaf_name(path), np.asarray(leaf)) for path, leaf in jax.tree_util.tree_leaves_with_path(targets)]
    named = [("targets" if name == "data" else f"targets.{name}", leaf) for name, leaf in named]
    for name, leaf in named:
        if leaf.shape == (count,) and leaf.dtype.kind in "iu":
            return Labels(name, leaf)
    for name, leaf in named:
        classes = _number_rows(leaf, count)
        if classes is not None:
            return Labels(name, classes)
    return None


def _number_rows(leaf: np.ndarray, count: int) -> np.ndarray | None:
    """Numbers the different rows of zeros and ones or of whole numbers; None where they are no classes."""
    rows = leaf.reshape(count, -1)
    if leaf.dtype.kind not in "biu" and not ((rows == 0) | (rows == 1)).all():
        return None
    different, numbers = np.unique(rows, axis=0, return_inverse=True)
    # Images of zeros and ones are no classes: most of them occur once.
    return numbers.ravel() if 2 * len(different) <= count else None
