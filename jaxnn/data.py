"""Data before it is trained on: splits, folds, scaling, and the order of minibatches.

Splits and folds are drawn once, on the host, with NumPy; they are row numbers, so they fit any pytree of arrays.
`minibatches` is drawn inside the compiled program, afresh for every epoch.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Real

from jaxnn._checks.arrays import check_finite, check_key, check_number, check_rows, check_shape, check_whole, count_rows

# As many bits for each row as `jax.random.permutation` draws: this many times the logarithm of their number. Beyond so
# many rounds (a million rows) its pairs are sorted as fast.
_RARE, _ROUNDS = 3, 4


class Split(NamedTuple):
    """Two parts of a data set, each with the data's own structure."""

    train: Any
    test: Any


class Folds(NamedTuple):
    """Row numbers for k-fold cross-validation, stacked so that `jax.vmap` runs over the folds.

    Attributes:
        train: shape (k, n - ceil(n / k)).
        validation: shape (k, ceil(n / k)); a shorter fold is filled with one of its own rows.
        counts: shape (k, ceil(n / k)), False where `validation` is such a filling.
    """

    train: Int[np.ndarray, "folds train_rows"]
    validation: Int[np.ndarray, "folds validation_rows"]
    counts: Bool[np.ndarray, "folds validation_rows"]


class Scaling(NamedTuple):
    """`(x - offset) / factor` for each feature, both of shape (features,), in units of x."""

    offset: Float[Array, "features"]
    factor: Float[Array, "features"]


def train_test_split(key: Array, data: Any, *, test: float = 0.2, stratify: ArrayLike | None = None) -> Split:
    """Put a random share of the rows aside.

    Args:
        key: a `jax.random.key`.
        data: any pytree of arrays that share their first axis, `(x, labels)` for one.
        test: the share to put aside, in (0, 1); at least one row ends on either side.
        stratify: labels, shape (rows,): each class keeps its share on both sides, to within one row.

    Returns:
        `Split(train, test)`, each with the structure of `data`.

    Raises:
        TypeError: a key that is none, a share that is no number, or data that are no arrays.
        ValueError: a share outside (0, 1), fewer than two rows, or arrays of different lengths.

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
    order = _shuffled_rows("train_test_split", key, count, stratify)
    aside = min(max(round(test * count), 1), count - 1)
    # Evenly spaced places in rows sorted by class take an even share of every class.
    chosen = np.zeros(count, bool)
    chosen[np.floor((np.arange(aside) + 0.5) * count / aside).astype(int)] = True
    rows = np.sort(order[~chosen]), np.sort(order[chosen])
    return Split(*(jax.tree.map(lambda leaf, rows=rows: leaf[rows], data) for rows in rows))


def k_folds(key: Array, count: int, k: int, *, stratify: ArrayLike | None = None) -> Folds:
    """Deal the rows into k folds; each is once the validation part while the others train.

    Where k does not divide the number of rows, the folds differ by one row. Every fold trains on exactly
    n - ceil(n / k) rows, so that all folds have one shape: a row that is over sits out of that fold's training.

    Args:
        key: a `jax.random.key`.
        count: the number of rows, n.
        k: the number of folds, from 2 to n.
        stratify: labels, shape (n,): each class is spread evenly over the folds, to within one row.

    Raises:
        TypeError: a key that is none, or numbers that are not whole.
        ValueError: fewer than two folds, more folds than rows, or labels of another length.

    Example:
        >>> folds = k_folds(jax.random.key(0), 10, 3)
        >>> folds.train.shape, folds.validation.shape, folds.counts.sum(axis=1).tolist()
        ((3, 6), (3, 4), [4, 3, 3])
    """
    count, k = check_whole("k_folds", "count", count, least=1), check_whole("k_folds", "k", k, least=2)
    if k > count:
        raise ValueError(f"k_folds: k must be at most the number of rows, {count}, not {k}")
    order = _shuffled_rows("k_folds", key, count, stratify)
    largest = math.ceil(count / k)
    dealt = [order[fold::k] for fold in range(k)]
    train = [np.delete(order, np.s_[fold::k])[: count - largest] for fold in range(k)]
    validation = [np.concatenate([rows, rows[: largest - len(rows)]]) for rows in dealt]
    counts = [np.arange(largest) < len(rows) for rows in dealt]
    return Folds(*(np.stack(rows) for rows in (train, validation, counts)))


def standard_scaling(x: Real[ArrayLike, "batch features"]) -> Scaling:
    """Offset: the mean; factor: the standard deviation (1 for a constant feature). Fit it on the training part only.

    Example:
        >>> scale(standard_scaling(jnp.array([[1.0], [3.0]])), jnp.array([[5.0]]))
        Array([[3.]], dtype=float32)
    """
    x = _table("standard_scaling", x)
    return _scaling(x.mean(axis=0), x.std(axis=0))


def min_max_scaling(x: Real[ArrayLike, "batch features"]) -> Scaling:
    """Offset: the minimum; factor: the range (1 for a constant feature): x lies in [0, 1]. For the training part only.

    Example:
        >>> scale(min_max_scaling(jnp.array([[1.0], [3.0]])), jnp.array([[2.0]]))
        Array([[0.5]], dtype=float32)
    """
    x = _table("min_max_scaling", x)
    return _scaling(x.min(axis=0), x.max(axis=0) - x.min(axis=0))


def scale(scaling: Scaling, x: Real[ArrayLike, "batch features"]) -> Float[Array, "batch features"]:
    """(x - offset) / factor.

    Raises:
        TypeError: another thing than a Scaling, or x that is no array of real numbers.
        ValueError: another number of features than the scaling was fitted on, or NaN or infinity in x.

    Example:
        >>> scale(Scaling(jnp.array([1.0]), jnp.array([2.0])), jnp.array([[5.0]]))
        Array([[2.]], dtype=float32)
    """
    if not isinstance(scaling, Scaling):
        raise TypeError(f"scale: scaling must be a Scaling, from standard_scaling or min_max_scaling, not {scaling!r}")
    _, features = check_shape("scale", "x", x, "batch features")
    check_finite("scale", "x", x)
    if features != jnp.shape(scaling.offset)[0]:
        raise ValueError(
            f"scale: x {jnp.shape(x)} has {features} features, but the scaling {jnp.shape(scaling.offset)[0]}"
        )
    return (jnp.asarray(x) - scaling.offset[None]) / scaling.factor[None]


def minibatches(
    key: Array, count: int, batch_size: int
) -> tuple[Int[Array, "steps batch"], Bool[Array, "steps batch"] | None]:
    """Row numbers of an epoch's minibatches in a fresh order, and which of them count.

    Where `batch_size` does not divide `count`, the last batch is filled with rows from the start of the order, which
    do not count: every row is visited once, and no batch holds invented rows.

    Raises:
        TypeError: a key that is none, or numbers that are not whole.
        ValueError: a number below 1, or a batch larger than the data.

    Example:
        >>> rows, counts = minibatches(jax.random.key(0), 5, 2)
        >>> rows.shape, counts.sum()
        ((3, 2), Array(5, dtype=int32))
    """
    check_key(key)
    count = check_whole("minibatches", "count", count, least=1)
    batch_size = check_whole("minibatches", "batch_size", batch_size, least=1)
    if batch_size > count:
        raise ValueError(f"minibatches: batch_size must be at most the number of rows, {count}, not {batch_size}")
    steps = math.ceil(count / batch_size)
    order = _shuffled(key, count)
    if steps * batch_size == count:
        return order.reshape(steps, batch_size), None
    filled = jnp.concatenate([order, order[: steps * batch_size - count]])
    return filled.reshape(steps, batch_size), jnp.arange(steps * batch_size).reshape(steps, batch_size) < count


def _shuffled(key: Array, count: int) -> Array:
    """The numbers from 0 to count - 1 in a random order.

    Sorting single words, random above and a place below, takes a CPU a seventh of the time of sorting pairs, as
    `jax.random.permutation` does. Equal random parts would leave two places in their old order, so there are as many
    rounds as make that as rare as it is there: it would have to happen to the same two in every round.
    """
    low = (count - 1).bit_length()
    rounds = math.ceil(_RARE * math.log2(count) / (32 - low))
    if not 1 <= rounds <= _ROUNDS:
        return jax.random.permutation(key, count)
    order = places = jnp.arange(count, dtype=jnp.uint32)
    for round_key in jax.random.split(key, rounds):
        words = (jax.random.bits(round_key, (count,), jnp.uint32) >> low << low) | places
        order = order.at[jnp.sort(words) & ((1 << low) - 1)].get(mode="promise_in_bounds")
    return order.astype(jnp.int32)


def _shuffled_rows(where: str, key: Array, count: int, stratify: ArrayLike | None) -> np.ndarray:
    check_key(key)
    # NumPy's generator, seeded by the key: a permutation on the host need not wait for a compiler.
    order = np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(count)
    if stratify is None:
        return order
    if np.shape(stratify) != (count,):
        raise ValueError(f"{where}: stratify must have shape ({count},), one label a row, not {np.shape(stratify)}")
    labels = np.asarray(stratify)
    if labels.dtype.kind == "f":
        check_finite(where, "stratify", labels)
    try:
        return order[np.argsort(labels[order], kind="stable")]
    except TypeError as error:
        raise TypeError(f"{where}: stratify must hold numbers or strings, not both nor others: {error}") from error


def _table(where: str, x: ArrayLike) -> Array:
    check_shape(where, "x", x, "batch features")
    check_rows(where, {"x": x})
    # Whole numbers have a mean and a range that need not be whole.
    return jnp.asarray(x) if jnp.issubdtype(jnp.result_type(x), jnp.floating) else jnp.asarray(x, float)


def _scaling(offset: Array, factor: Array) -> Scaling:
    # A constant feature need not come out as exactly 0: its mean is rounded.
    varies = factor > 10 * jnp.finfo(factor.dtype).eps * jnp.abs(offset)
    return Scaling(offset, jnp.where(varies, factor, jnp.ones((), factor.dtype)))
