"""Folds that the user gives: row numbers, or an object that splits rows as those of scikit-learn do."""

import operator
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from jaxnn.data import Folds, stack_folds
from jaxnn.sweeps.engine.folds import Labels

Part = tuple[Any, Any]


@runtime_checkable
class Splitter(Protocol):
    """What a sweep needs of a splitter, such as `GroupKFold` or `TimeSeriesSplit` of scikit-learn."""

    def split(self, x: Any, y: Any = None, groups: Any = None, /) -> Iterable[Part]: ...

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None, /) -> int: ...


def split_rows(splitter: Splitter, data: tuple[Any, Any], count: int, labels: Labels | None, groups: Any) -> Folds:
    """Returns the folds of a splitter, which gets the labels, or else the first array of targets, as `y`.

    Raises:
        ValueError: a splitter that shuffles without a fixed `random_state`, that refuses the data, or whose row
            numbers `stack_checked` refuses.
    """
    name = type(splitter).__name__
    _check_random_state(name, splitter)
    x, targets = (next(iter(jax.tree.leaves(part)), None) for part in data)
    y = labels.values if labels is not None else targets
    x, y, groups = (None if array is None else np.asarray(array) for array in (x, y, groups))
    try:
        parts = list(splitter.split(x, y, groups))
    except ValueError as error:
        raise ValueError(f"sweep: {name} cannot split the data: {error}") from error
    if not parts:
        raise ValueError(f"sweep: {name} gives no folds")
    return stack_checked(parts, count)


def _check_random_state(name: str, splitter: Any) -> None:
    """Checks that a splitter gives the same folds in every process, so that a run directory can be resumed."""
    state = getattr(splitter, "random_state", 0)
    # Some splitters always shuffle, and have no argument for it.
    if not getattr(splitter, "shuffle", True):
        return
    try:
        operator.index(state)
    except TypeError:
        raise ValueError(
            f"sweep: {name} shuffles with random_state={state!r}, which gives other folds in every process; use a "
            "whole number, such as random_state=0"
        ) from None


def check_folds(folds: Folds, count: int) -> Folds:
    """Returns folds of the user with their row numbers checked, and with the rows of every fold before its padding."""
    return stack_checked(list(_unstack(folds)), count)


def _unstack(folds: Folds) -> Iterator[Part]:
    """Yields training and validation rows of each fold, without padding."""
    train, validation, mask = (np.asarray(part) for part in folds[:3])
    train_mask = np.ones(train.shape, bool) if folds.train_mask is None else np.asarray(folds.train_mask)
    for name, part in (("train", train), ("validation", validation)):
        if part.ndim != 2 or len(part) != len(train) or not len(part):
            raise ValueError(f"sweep: folds.{name} must have shape (folds, rows), not {part.shape}")
    for name, part, rows in (("mask", mask, validation), ("train_mask", train_mask, train)):
        if part.shape != rows.shape or part.dtype != bool:
            raise ValueError(
                f"sweep: folds.{name} must be bools of shape {rows.shape}, one for each row number, not {part.dtype} "
                f"of shape {part.shape}"
            )
    for fold in range(len(train)):
        yield train[fold][train_mask[fold]], validation[fold][mask[fold]]


def stack_checked(parts: list[Part], count: int) -> Folds:
    """Stacks the row numbers of folds, see `stack_folds`.

    Args:
        parts: training and validation rows of each fold.
        count: the number of examples.

    Raises:
        TypeError: row numbers that are not whole numbers.
        ValueError: a fold without training or validation rows, a number out of range, or a row in both parts.
    """
    return stack_folds([_check_part(fold, part, count) for fold, part in enumerate(parts)])


def _check_part(fold: int, part: Part, count: int) -> tuple[np.ndarray, np.ndarray]:
    train, validation = (
        _check_rows(fold, name, rows, count) for name, rows in zip(("training", "validation"), part, strict=True)
    )
    shared = np.intersect1d(train, validation)
    if shared.size:
        raise ValueError(
            f"sweep: fold {fold} has row {shared[0]} among its training and its validation rows, so the score would be "
            "that of rows it has learned"
        )
    return train, validation


def _check_rows(fold: int, name: str, rows: Any, count: int) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 1 or not rows.size:
        raise ValueError(f"sweep: fold {fold} needs {name} rows, not an array of shape {rows.shape}")
    if rows.dtype.kind not in "iu":
        raise TypeError(f"sweep: the {name} rows of fold {fold} must be whole numbers, not {rows.dtype}")
    wrong = rows[(rows < 0) | (rows >= count)]
    if wrong.size:
        raise ValueError(f"sweep: the {name} rows of fold {fold} must lie in 0 … {count - 1}, but hold {wrong[0]}")
    return rows
