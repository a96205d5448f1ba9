"""One batch of a stream: as NumPy arrays of the library's own, checked against the first batch, and filled up."""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool

from jaxnn._checks.arrays import by_name, check_finite, check_real, count_rows, leaf_name
from jaxnn._checks.data import check_storable
from jaxnn.training.recipe import Recipe


class Batch(NamedTuple):
    """A batch with as many rows as the first one.

    Attributes:
        data: `(x, targets)`, pytrees of NumPy arrays. A smaller batch is filled up with its own rows.
        mask: False for the rows that fill it up.
    """

    data: tuple[Any, Any]
    mask: Bool[np.ndarray, "rows"]


def read_batch(name: str, batch: Any) -> tuple[Any, Any]:
    """Returns a batch as pytrees of NumPy arrays, in the types that JAX gives them.

    They are copies: a loader may write its next batch into the same memory, while JAX reads NumPy's memory on a CPU.

    Args:
        name: of the batch, for messages.
        batch: a pair of pytrees of arrays, or of what NumPy converts to arrays, such as tensors of PyTorch.

    Raises:
        TypeError: not a pair, or other leaves.
        ValueError: arrays of different lengths, without rows, or with numbers that are not finite.
    """
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise TypeError(f"{name} must be a pair (x, targets), not {_describe(batch)}")
    named = jax.tree_util.tree_map_with_path(functools.partial(_as_numpy, name), by_name((batch[0], batch[1])))
    if not jax.tree.leaves(named["x"]):
        raise TypeError(f"{name}: x must be an array, or a pytree of arrays, not {batch[0]!r}")
    count_rows(name, named)
    for path, leaf in jax.tree_util.tree_leaves_with_path(named):
        check_finite(name, leaf_name(path), leaf)
        check_storable(name, leaf_name(path), leaf)
    copies = jax.tree.map(lambda leaf: np.array(leaf, jax.dtypes.canonicalize_dtype(leaf.dtype)), named)
    return copies["x"], copies["targets"]


def _describe(batch: Any) -> str:
    kind = type(batch).__name__
    return f"a {kind} of {len(batch)} parts" if isinstance(batch, tuple | list) else kind


def _as_numpy(name: str, path: Any, leaf: Any) -> np.ndarray:
    if not isinstance(leaf, np.ndarray):
        if not hasattr(leaf, "__array__"):
            check_real(name, leaf_name(path), leaf)
        try:
            leaf = np.asarray(leaf)
        except Exception as error:
            raise TypeError(f"{name}: {leaf_name(path)} must be an array that NumPy can read: {error}") from error
    check_real(name, leaf_name(path), leaf)
    return leaf.astype(leaf.dtype.newbyteorder("="), copy=False)


def count_batch(data: tuple[Any, Any]) -> int:
    """Returns the number of rows of a batch that `read_batch` has read."""
    return len(jax.tree.leaves(data)[0])


def fill_up(name: str, data: tuple[Any, Any], first: tuple[Any, Any]) -> Batch:
    """Returns a batch with as many rows as the first one, after a check that it has its structure, shapes and types.

    Real rows fill it up, under a mask, as zeros could give a loss without a gradient.
    """
    structure, expected = jax.tree.structure(data), jax.tree.structure(first)
    if structure != expected:
        raise ValueError(f"{name} must have the structure of the first batch, {expected}, not {structure}")
    pairs = zip(jax.tree_util.tree_leaves_with_path(by_name(data)), jax.tree.leaves(by_name(first)), strict=True)
    for (path, leaf), like in pairs:
        if leaf.shape[1:] != like.shape[1:] or leaf.dtype != like.dtype:
            described, rule = (f"{each.dtype} of shape {('rows', *each.shape[1:])}" for each in (leaf, like))
            raise ValueError(f"{name}: {leaf_name(path)} must be {rule}, as in the first batch, not {described}")
    count, rows = count_batch(data), count_batch(first)
    if count > rows:
        raise ValueError(
            f"{name} has {count} rows, but only a batch with fewer than the {rows} of the first may differ"
        )
    return _fill_up(data, count, rows)


def _fill_up(data: tuple[Any, Any], count: int, rows: int) -> Batch:
    if count < rows:
        taken = np.arange(rows) % count
        data = jax.tree.map(lambda leaf: leaf[taken], data)
    return Batch(data, np.arange(rows) < count)


def read_quickly(batch: Any, first: tuple[Any, Any]) -> Batch | None:
    """Returns what `read_batch` and `fill_up` do, in less time; None where they may find a mistake."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        return None
    leaves, structure = jax.tree.flatten((batch[0], batch[1]))
    expected, like = jax.tree.flatten(first)
    if structure != like or not all(hasattr(leaf, "__array__") for leaf in leaves):
        return None
    copies = [_copy_quickly(leaf, own) for leaf, own in zip(leaves, expected, strict=True)]
    counts, rows = {0 if copy is None else len(copy) for copy in copies}, len(expected[0])
    count = counts.pop()
    if counts or not 0 < count <= rows:
        return None
    return _fill_up(jax.tree.unflatten(structure, copies), count, rows)


def _copy_quickly(leaf: Any, like: np.ndarray) -> np.ndarray | None:
    """Returns a copy in the type of another array; None if its rows have another shape, or a number would change."""
    try:
        leaf = np.asarray(leaf)
    except Exception:
        return None
    if leaf.ndim != like.ndim or leaf.shape[1:] != like.shape[1:] or leaf.dtype.kind != like.dtype.kind:
        return None
    if leaf.dtype.itemsize < like.dtype.itemsize:
        return None
    with np.errstate(over="ignore"):
        copy = leaf.astype(like.dtype)
    if copy.dtype.kind == "f":
        return copy if np.isfinite(copy).all() else None
    # Other kinds, such as bfloat16, take the slower way.
    return copy if copy.dtype.kind in "biu" and (copy.dtype == leaf.dtype or (copy == leaf).all()) else None


class TargetCheck:
    """The loss's own check of targets, such as that labels are classes, for batches beyond the first.

    It traces the loss, which takes about a millisecond. So it is made only for targets below the least or above the
    largest that have passed it.
    """

    def __init__(self, recipe: Recipe, params: Any, first: tuple[Any, Any]) -> None:
        x, targets = first
        self._outputs = jax.eval_shape(functools.partial(recipe.model.apply, key=None), params, x)
        self._loss = recipe.loss
        self._bounds = _get_bounds(targets)

    def check(self, name: str, targets: Any) -> None:
        """Checks the targets of a batch; the message names it.

        Raises:
            ValueError: the loss does not take them.
        """
        bounds, known = _get_bounds(targets), self._bounds
        if all(low <= new[0] and new[1] <= high for new, (low, high) in zip(bounds, known, strict=True)):
            return
        try:
            jax.eval_shape(lambda outputs: self._loss(outputs, targets), self._outputs)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
        self._bounds = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(bounds, known, strict=True)]


def _get_bounds(targets: Any) -> list[tuple[Any, Any]]:
    return [(leaf.min(), leaf.max()) for leaf in jax.tree.leaves(targets) if leaf.size]
