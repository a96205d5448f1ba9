"""Preparation of data, such as scaling: fitted on training rows alone, and applied to the rows of its fold.

It runs once, on the host, before anything compiles. Each fold then has its own block of all rows, so that programs look
rows up as they do without a preparation. The data takes the memory of as many copies as there are folds.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxnn._checks.arrays import count_rows
from jaxnn._checks.data import check_rows
from jaxnn.data import Folds

# A function of x, and a function that fits one to training rows.
Preparation = Callable[[Any], Any]
Prepare = Callable[[Any], Preparation]


def fit_preparation(prepare: Prepare, x: Any) -> Preparation:
    """Returns `prepare(x)`, with NumPy arrays, after a check that it is a function."""
    fitted = prepare(jax.tree.map(np.asarray, x))
    if not callable(fitted):
        raise TypeError(
            f"sweep: prepare must return a function of x, as nn.standard_scaling does, not {type(fitted).__name__}"
        )
    return fitted


def apply_preparation(where: str, preparation: Preparation, x: Any) -> Any:
    """Returns prepared rows as NumPy arrays, after a check of their number and values; `where` names them."""
    rows = count_rows(where, {"x": x})
    prepared = jax.tree.map(np.asarray, preparation(jax.tree.map(np.asarray, x)))
    count = check_rows(where, {"the prepared x": prepared})
    if count != rows:
        raise ValueError(f"{where}: prepare must keep the number of rows, {rows}, not make {count} of them")
    return prepared


def prepare_parts(
    prepare: Prepare, data: tuple[Any, Any], validation: tuple[Any, Any]
) -> tuple[tuple[Any, Any], tuple[Any, Any], tuple[Preparation, ...]]:
    """Prepares the training data and the validation part, fitted on the training data; returns the preparation too."""
    fitted = fit_preparation(prepare, data[0])
    train = apply_preparation("sweep: training data", fitted, data[0])
    scored = apply_preparation("sweep: validation", fitted, validation[0])
    return (train, data[1]), (scored, validation[1]), (fitted,)


def prepare_folds(
    prepare: Prepare, data: tuple[Any, Any], folds: Folds
) -> tuple[tuple[Any, Any], Folds, tuple[Preparation, ...]]:
    """Prepares each fold, fitted on its training rows.

    Returns:
        The data of all folds, one block of all rows after the other; the folds with the row numbers of their blocks;
        and the preparation of each fold. Rows that a fold does not use are 0 in its block.
    """
    x, targets = jax.tree.map(np.asarray, data)
    count = len(jax.tree.leaves(x)[0])
    blocks, fitted = [], []
    for fold in range(len(folds.train)):
        own = ... if folds.train_mask is None else folds.train_mask[fold]
        parts = {"training": folds.train[fold][own], "validation": folds.validation[fold][folds.mask[fold]]}
        fitted.append(fit_preparation(prepare, _take(x, parts["training"])))
        prepared = {
            name: apply_preparation(f"sweep: {name} rows of fold {fold}", fitted[-1], _take(x, rows))
            for name, rows in parts.items()
        }
        _check_shapes(fold, prepared["training"], prepared["validation"], blocks)
        blocks.append(_make_block(count, [(rows, prepared[name]) for name, rows in parts.items()]))
    starts = count * np.arange(len(blocks))[:, None]
    moved = folds._replace(train=starts + folds.train, validation=starts + folds.validation)
    repeated = jax.tree.map(lambda leaf: np.concatenate([leaf] * len(blocks)), targets)
    return (jax.tree.map(lambda *leaves: np.concatenate(leaves), *blocks), repeated), moved, tuple(fitted)


def prepare_again(
    prepare: Prepare, data: tuple[Any, Any], validation: tuple[Any, Any] | None, folds: Folds | None
) -> tuple[tuple[Any, Any], tuple[Any, Any] | None]:
    """Prepares data as it was prepared for a plan; `folds` are those of the plan, with the row numbers of blocks."""
    if folds is None:
        assert validation is not None
        return prepare_parts(prepare, data, validation)[:2]
    starts = count_rows("sweep", {"x": data[0]}) * np.arange(len(folds.train))[:, None]
    own = folds._replace(train=folds.train - starts, validation=folds.validation - starts)
    return prepare_folds(prepare, data, own)[0], None


def _check_shapes(fold: int, train: Any, validation: Any, blocks: list[Any]) -> None:
    """Checks that examples have the same shapes in both parts of a fold, and in the first fold."""
    shapes = [jax.tree.map(lambda leaf: leaf.shape[1:], part) for part in (train, validation, *blocks[:1])]
    if any(each != shapes[0] for each in shapes):
        names = "its training rows", "its validation rows", "fold 0"
        listed = ", ".join(f"{each} in {name}" for each, name in zip(shapes, names, strict=False))
        raise ValueError(f"sweep: prepare must give examples of one shape; fold {fold} has {listed}")


def _make_block(count: int, parts: list[tuple[np.ndarray, Any]]) -> Any:
    """Returns prepared rows at their numbers, and 0 for all others."""

    def put(*leaves: np.ndarray) -> np.ndarray:
        block = np.zeros((count, *leaves[0].shape[1:]), np.result_type(*leaves))
        for (rows, _), leaf in zip(parts, leaves, strict=True):
            block[rows] = leaf
        return block

    return jax.tree.map(put, *(prepared for _, prepared in parts))


def _take(tree: Any, rows: np.ndarray) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], tree)
