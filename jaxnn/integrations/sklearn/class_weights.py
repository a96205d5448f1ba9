"""`class_weight`: the weights of classes, checked, as weights of rows."""

from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight


def check_class_weight(name: str, class_weight: Any) -> None:
    """Checks the type of a `class_weight`, and that weights are numbers of at least 0.

    Args:
        name: of the estimator, for messages.
        class_weight: as the user gave it.

    Raises:
        TypeError, ValueError: something else.
    """
    if class_weight is None or (isinstance(class_weight, str) and class_weight == "balanced"):
        return
    dicts: Any = class_weight if isinstance(class_weight, list) else [class_weight]
    if not dicts or not all(isinstance(each, dict) for each in dicts):
        kind = ValueError if isinstance(class_weight, str) else TypeError
        raise kind(
            f'{name}: class_weight must be None, "balanced" or a dict from labels to weights, not {class_weight!r}; '
            "for several labels of a row a list of dicts"
        )
    for label, weight in ((label, weight) for each in dicts for label, weight in each.items()):
        if not isinstance(weight, int | float | np.number) or not 0 <= weight < np.inf:
            raise ValueError(f"{name}: class_weight[{label!r}] must be a finite number of at least 0, not {weight!r}")


def weigh_rows(name: str, class_weight: Any, y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Returns the weight of each row by its class.

    A dict may leave out classes, which then weigh 1, and hold classes that these rows do not have.

    Args:
        name: of the estimator, for messages.
        class_weight: "balanced" or a dict; for several labels of a row a list of dicts.
        y: the labels.
        classes: those that there are, also in other rows.

    Raises:
        ValueError: a dict with an unknown label, where a class has no weight; another number of dicts than of labels.
    """
    if y.ndim == 2 and class_weight != "balanced":
        if not isinstance(class_weight, list) or len(class_weight) != y.shape[1]:
            raise ValueError(
                f'{name}: with {y.shape[1]} labels of a row, class_weight must be "balanced" or a list of '
                f"{y.shape[1]} dicts such as {{0: 1, 1: 5}}, not {class_weight!r}"
            )
    elif isinstance(class_weight, dict):
        _check_labels(name, class_weight, classes.tolist())
        labels, places = np.unique(y, return_inverse=True)
        return np.array([class_weight.get(label, 1.0) for label in labels.tolist()], float)[places]
    elif isinstance(class_weight, list):
        raise ValueError(f"{name}: class_weight is a list of dicts, which rows of several labels take; y has one")
    return compute_sample_weight(class_weight, y)


def _check_labels(name: str, class_weight: dict[Any, Any], classes: list[Any]) -> None:
    """Checks for a label that was misspelt: it is no class, and a class has no weight."""
    unknown = [label for label in class_weight if label not in classes]
    if unknown and any(label not in class_weight for label in classes):
        raise ValueError(f"{name}: class_weight has the label {unknown[0]!r}, but y has the classes {classes}")
