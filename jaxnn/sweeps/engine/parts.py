"""The parts of a sweep's data: on which rows a trial trains, and on which it is scored."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn._checks.data import check_data, check_unprepared
from jaxnn.data import Folds, k_folds, number_groups
from jaxnn.sweeps.engine.folds import Labels, choose_labels, make_folds
from jaxnn.sweeps.engine.preparation import Preparation, Prepare, prepare_folds, prepare_parts
from jaxnn.sweeps.engine.splits import Splitter, check_folds, split_rows

# A number that no trial has, which derives the key of the folds from the sweep's key; `plan.py` has the others.
FOLDS_KEY = 2**32 - 2


class Parts(NamedTuple):
    """The data of a sweep.

    Attributes:
        data: `(x, targets)`.
        validation: `(x, targets)` to evaluate on; None with folds.
        folds: row numbers; None with a validation part.
        labels: what the folds are stratified by; None if they are not, or if the user gave them.
        preparations: of each fold, or of the training data; empty without. `data` is prepared, and with folds it has
            a block of rows for each, to which the row numbers refer.
    """

    data: tuple[Any, Any]
    validation: tuple[Any, Any] | None
    folds: Folds | None
    labels: Labels | None
    preparations: tuple[Preparation, ...] = ()


def make_parts(
    key: Array,
    data: tuple[Any, Any],
    *,
    validation: tuple[Any, Any] | None,
    folds: Any,
    stratify: Any,
    groups: Any,
    prepare: Prepare | None = None,
) -> Parts:
    """Checks the data of a sweep, divides it into folds if there is no validation part, and prepares it."""
    if not (prepare is None or callable(prepare)):
        raise TypeError(f"sweep: prepare must be a function of x, such as nn.standard_scaling, not {prepare!r}")
    check = check_data if prepare is None else check_unprepared
    count = check("sweep", data)
    _check_options(validation, folds, stratify, groups)
    if validation is not None:
        check("sweep: validation", validation)
    parts = _divide(key, data, count, validation=validation, folds=folds, stratify=stratify, groups=groups)
    if prepare is None:
        return parts
    if validation is not None:
        data, validation, preparations = prepare_parts(prepare, data, validation)
        return parts._replace(data=data, validation=validation, preparations=preparations)
    assert parts.folds is not None
    data, moved, preparations = prepare_folds(prepare, data, parts.folds)
    return parts._replace(data=data, folds=moved, preparations=preparations)


def _divide(
    key: Array,
    data: tuple[Any, Any],
    count: int,
    *,
    validation: tuple[Any, Any] | None,
    folds: Any,
    stratify: Any,
    groups: Any,
) -> Parts:
    """Divides checked data of `count` examples into folds, if there is no validation part."""
    if folds is None:
        return Parts(data, validation, None, None)
    if isinstance(folds, Folds):
        return Parts(data, None, check_folds(folds, count), None)
    labels = choose_labels(data[1], count, stratify)
    if isinstance(folds, Splitter):
        if groups is not None:
            number_groups("sweep", groups, count)
        return Parts(data, None, split_rows(folds, data, count, labels, groups), None)
    if not hasattr(folds, "__index__"):
        raise TypeError(
            "sweep: folds must be a whole number, nn.Folds, or an object with split and get_n_splits, such as "
            f"GroupKFold(5), not {folds!r}"
        )
    k = check_whole("sweep", "folds", folds, least=2)
    if k > count:
        raise ValueError(f"sweep: folds must be at most the number of rows, {count}, not {k}")
    if groups is not None:
        if not (stratify is None or _is_auto(stratify)):
            raise ValueError("sweep: give stratify= or groups=; StratifiedGroupKFold of scikit-learn respects both")
        most = number_groups("sweep", groups, count).max() + 1
        if k > most:
            raise ValueError(f"sweep: folds must be at most the number of groups, {most}, not {k}")
        return Parts(data, None, k_folds(jax.random.fold_in(key, FOLDS_KEY), count, k, groups=groups), None)
    return Parts(data, None, make_folds(jax.random.fold_in(key, FOLDS_KEY), count, k, labels), labels)


def _check_options(validation: tuple[Any, Any] | None, folds: Any, stratify: Any, groups: Any) -> None:
    if (validation is None) == (folds is None):
        raise ValueError("sweep: give exactly one of validation=(x, targets) and folds=k to score the trials by")
    is_default = stratify is None or _is_auto(stratify)
    if folds is None and not is_default:
        raise ValueError("sweep: stratify= needs folds=k, since a validation part is not divided")
    if folds is None and groups is not None:
        raise ValueError("sweep: groups= needs folds=, since a validation part is not divided")
    if isinstance(folds, Folds) and not (is_default and groups is None):
        raise ValueError("sweep: nn.Folds are row numbers, so stratify= and groups= cannot change them")


def _is_auto(stratify: Any) -> bool:
    return isinstance(stratify, str) and stratify == "auto"


def check_batch_size(folds: Folds | None, batch_size: int | None) -> None:
    """Checks that every fold has the rows of a minibatch."""
    if folds is None or folds.train_mask is None or batch_size is None:
        return
    counts = np.asarray(folds.train_mask).sum(axis=1)
    if counts.min() < batch_size:
        raise ValueError(
            f"sweep: batch_size must be at most the number of training rows of every fold, but fold {counts.argmin()} "
            f"has {counts.min()}, and batch_size is {batch_size}"
        )
