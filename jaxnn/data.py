"""Preparation of data: splits and folds.

They are drawn once, on the host, with NumPy. They are row numbers, so they apply to any pytree of arrays.
"""

import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Int

from jaxnn._checks.arrays import check_finite, check_key, check_number, check_whole, count_rows


class Split(NamedTuple):
    """The two parts of a data set, each a pytree with the structure of the whole."""

    train: Any
    test: Any


class Folds(NamedTuple):
    """Row numbers for cross-validation, stacked so that `jax.vmap` can map over the folds.

    Attributes:
        train: shape (k, train_rows); `k_folds` gives n - ceil(n / k) rows. A shorter fold is padded with its own rows.
        validation: shape (k, validation_rows), at most ceil(n / k) with `k_folds`, padded in the same way.
        mask: shape (k, validation_rows), False where `validation` is padding.
        train_mask: shape (k, train_rows), False where `train` is padding; None if no fold is padded.
    """

    train: Int[np.ndarray, "folds train_rows"]
    validation: Int[np.ndarray, "folds validation_rows"]
    mask: Bool[np.ndarray, "folds validation_rows"]
    train_mask: Bool[np.ndarray, "folds train_rows"] | None = None


def train_test_split(key: Array, data: Any, *, test: float = 0.2, stratify: ArrayLike | None = None) -> Split:
    """Splits the rows of a data set at random into a training part and a test part.

    Args:
        key: a `jax.random.key`.
        data: any pytree of arrays that share their first axis, for example `(x, labels)`.
        test: the fraction of rows in the test part, in (0, 1); each part gets at least one row.
        stratify: labels, shape (rows,); each class keeps its fraction in both parts, to within one row.

    Returns:
        `Split(train, test)`, each with the structure of `data`; the rows keep their order.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, `test` is not a number, or a leaf is not an array.
        ValueError: a fraction outside (0, 1), fewer than two rows, or arrays of different lengths.

    Example:
        >>> (x, labels), held_out = train_test_split(jax.random.key(0), (np.ones((10, 4)), np.arange(10) % 2), test=0.2)
        >>> x.shape, held_out[0].shape
        ((8, 4), (2, 4))
    """
    count = count_rows("train_test_split", data)
    test = check_number("train_test_split", "test", test)
    if not 0 < test < 1 or count < 2:
        raise ValueError(
            f"train_test_split: test must lie in (0, 1) and leave a row on both sides, not {test} of {count} rows"
        )
    order = _draw_order("train_test_split", key, count, stratify)
    test_count = min(max(round(test * count), 1), count - 1)
    # If the rows are sorted by class, evenly spaced ones take the same fraction of every class.
    is_test = np.zeros(count, bool)
    is_test[np.floor((np.arange(test_count) + 0.5) * count / test_count).astype(int)] = True
    rows = np.sort(order[~is_test]), np.sort(order[is_test])
    return Split(*(jax.tree.map(lambda leaf, rows=rows: leaf[rows], data) for rows in rows))


def k_folds(
    key: Array, count: int, k: int, *, stratify: ArrayLike | None = None, groups: ArrayLike | None = None
) -> Folds:
    """Divides the rows into k folds at random; each fold is the validation part once, while the others train.

    If k does not divide the number of rows, the sizes of the folds differ by one. All folds must have one shape, so
    every fold trains on exactly n - ceil(n / k) rows. Where one row more is available, it is left out of the training.

    With groups, no group is divided and no row is left out: from the largest group to the smallest, each goes to the
    fold with the fewest rows. Folds of other sizes are padded.

    Args:
        key: a `jax.random.key`.
        count: the number of rows, n.
        k: the number of folds, from 2 to n.
        stratify: labels, shape (n,); each class is spread evenly over the folds, to within one row.
        groups: labels, shape (n,); rows with equal labels, such as those of one patient, stay in one fold.

    Returns:
        `Folds(train, validation, mask, train_mask)`, one row of each for each fold.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, or a number is not whole.
        ValueError: fewer than two folds, more folds than rows or groups, labels of another length, or both kinds.

    Example:
        >>> folds = k_folds(jax.random.key(0), 10, 3)
        >>> folds.train.shape, folds.validation.shape, folds.mask.sum(axis=1).tolist()
        ((3, 6), (3, 4), [4, 3, 3])
    """
    count, k = check_whole("k_folds", "count", count, least=1), check_whole("k_folds", "k", k, least=2)
    if k > count:
        raise ValueError(f"k_folds: k must be at most the number of rows, {count}, not {k}")
    if groups is not None:
        return _keep_groups(key, count, k, stratify, groups)
    order = _draw_order("k_folds", key, count, stratify)
    largest = math.ceil(count / k)
    folds = [order[fold::k] for fold in range(k)]
    train = [np.delete(order, np.s_[fold::k])[: count - largest] for fold in range(k)]
    validation = [np.concatenate([rows, rows[: largest - len(rows)]]) for rows in folds]
    mask = [np.arange(largest) < len(rows) for rows in folds]
    return Folds(np.stack(train), np.stack(validation), np.stack(mask))


def _keep_groups(key: Array, count: int, k: int, stratify: Any, groups: ArrayLike) -> Folds:
    """Divides the rows into k folds, none of which divides a group."""
    if stratify is not None:
        raise ValueError("k_folds: give stratify or groups; StratifiedGroupKFold of scikit-learn respects both")
    numbers = number_groups("k_folds", groups, count)
    sizes, order = np.bincount(numbers), _draw_order("k_folds", key, count, None)
    if k > len(sizes):
        raise ValueError(f"k_folds: k must be at most the number of groups, {len(sizes)}, not {k}")
    # The order of groups of one size is that of their first rows, which is random.
    drawn = numbers[order][np.sort(np.unique(numbers[order], return_index=True)[1])]
    rows, fold_of = np.zeros(k, int), np.zeros(len(sizes), int)
    for group in drawn[np.argsort(-sizes[drawn], kind="stable")]:
        fold_of[group] = rows.argmin()
        rows[fold_of[group]] += sizes[group]
    folds = fold_of[numbers[order]]
    return stack_folds([(order[folds != fold], order[folds == fold]) for fold in range(k)])


def number_groups(caller: str, groups: ArrayLike, count: int) -> Int[np.ndarray, "rows"]:
    """Returns the number of each row's group, from 0, after a check of the labels."""
    labels = np.asarray(groups)
    if labels.shape != (count,):
        raise ValueError(f"{caller}: groups must have shape ({count},), one label for each row, not {labels.shape}")
    if labels.dtype.kind == "f":
        check_finite(caller, "groups", labels)
    return np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)[1]


def stack_folds(parts: list[tuple[np.ndarray, np.ndarray]]) -> Folds:
    """Stacks the training and validation rows of folds, each padded with its own rows to those of the largest.

    Example:
        >>> folds = stack_folds([(np.array([0, 1]), np.array([2])), (np.array([2]), np.array([0, 1]))])
        >>> folds.train.tolist(), folds.train_mask.tolist()
        ([[0, 1], [2, 2]], [[True, True], [True, False]])
    """
    train, validation = (_pad(rows) for rows in zip(*parts, strict=True))
    return Folds(train[0], *validation, None if train[1].all() else train[1])


def _pad(parts: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Repeats the rows of shorter parts; returns all parts as one array, and False where a row is repeated."""
    largest = max(map(len, parts))
    masks = [np.arange(largest) < len(rows) for rows in parts]
    return np.stack([np.resize(rows, largest) for rows in parts]), np.stack(masks)


def _draw_order(caller: str, key: Array, count: int, stratify: ArrayLike | None) -> np.ndarray:
    """Draws a permutation of the rows on the host, sorted by class if there are labels to stratify by."""
    check_key(key)
    # NumPy's generator, seeded by the key, needs no compilation.
    order = np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(count)
    if stratify is None:
        return order
    if np.shape(stratify) != (count,):
        raise ValueError(f"{caller}: stratify must have shape ({count},), one label per row, not {np.shape(stratify)}")
    labels = np.asarray(stratify)
    if labels.dtype.kind == "f":
        check_finite(caller, "stratify", labels)
    try:
        return order[np.argsort(labels[order], kind="stable")]
    except TypeError as error:
        raise TypeError(f"{caller}: stratify must hold only numbers or only strings: {error}") from error
