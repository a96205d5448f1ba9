"""The order of minibatches: drawn in a compiled program, or on the host for arrays that stay where they are.

`minibatches` draws a new order inside the compiled program for every epoch. `shuffled_batches` reads rows from arrays
such as files that `numpy.memmap` opens.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from jaxnn._checks.arrays import by_name, check_key, check_whole, count_rows
from jaxnn._checks.data import check_pair
from jaxnn._kernels.permutation import permute, permute_one_of


class FoldRows(NamedTuple):
    """How many of its rows a training has, if that differs between folds that share a program.

    Attributes:
        counts: the number of training rows of every fold; the rows come first, and padding follows.
        fold: the fold that is trained, a traced number.
    """

    counts: tuple[int, ...]
    fold: Array

    @property
    def own_count(self) -> Array:
        """The number of rows of this fold."""
        return jnp.array(self.counts, jnp.int32)[self.fold]


def minibatches(
    key: Array, count: int, batch_size: int, *, drop_last: bool = False
) -> tuple[Int[Array, "steps batch"], Bool[Array, "steps batch"] | None]:
    """Draws the row numbers of an epoch's minibatches in random order.

    Args:
        key: a `jax.random.key`, a new one for every epoch.
        count: the number of rows.
        batch_size: the number of rows in a batch.
        drop_last: whether to leave out a last batch that is not full.

    Returns:
        Row numbers, shape (steps, batch_size), and a mask of the same shape. If `batch_size` does not divide `count`,
        rows from the start of the order pad the last batch, and the mask is False there. Otherwise, and with
        `drop_last`, the mask is None.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, or a number is not whole.
        ValueError: a number below 1, or a batch larger than the data.

    Example:
        >>> rows, mask = minibatches(jax.random.key(0), 5, 2)
        >>> rows.shape, mask.sum()
        ((3, 2), Array(5, dtype=int32))
    """
    check_key(key)
    count = check_whole("minibatches", "count", count, least=1)
    batch_size = check_whole("minibatches", "batch_size", batch_size, least=1)
    if batch_size > count:
        raise ValueError(f"minibatches: batch_size must be at most the number of rows, {count}, not {batch_size}")
    steps = count // batch_size if drop_last else math.ceil(count / batch_size)
    order = permute(key, count)
    if drop_last:
        return order[: steps * batch_size].reshape(steps, batch_size), None
    if steps * batch_size == count:
        return order.reshape(steps, batch_size), None
    padded = jnp.concatenate([order, order[: steps * batch_size - count]])
    return padded.reshape(steps, batch_size), jnp.arange(steps * batch_size).reshape(steps, batch_size) < count


def fold_minibatches(rows: FoldRows, key: Array, batch_size: int, *, drop_last: bool = False) -> tuple[Array, Array]:
    """Draws `minibatches(key, count, batch_size, …)` for the rows of a fold, with empty ones up to the longest fold.

    Returns:
        Row numbers and a mask, each of shape (steps, batch_size); the steps are those of the largest fold. An empty
        minibatch holds rows of the fold, under a mask that is False.
    """
    steps = max(rows.counts) // batch_size if drop_last else math.ceil(max(rows.counts) / batch_size)
    places = jnp.arange(steps * batch_size, dtype=jnp.int32)
    order = permute_one_of(key, rows.counts, rows.fold)[places % rows.own_count]
    order = order.reshape(steps, batch_size)
    trained = rows.own_count // batch_size * batch_size if drop_last else rows.own_count
    return order, (places < trained).reshape(steps, batch_size)


class ShuffledBatches:
    """See `shuffled_batches`."""

    def __init__(self, seed: tuple[int, ...], data: tuple[Any, Any], batch_size: int, drop_last: bool) -> None:
        self._seed, self._data, self._batch_size = seed, data, batch_size
        self._count = len(jax.tree.leaves(data)[0])
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Returns the number of batches of an epoch."""
        return self._count // self._batch_size if self._drop_last else -(-self._count // self._batch_size)

    def __call__(self, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Yields the batches of an epoch, from 0, in an order of its own."""
        epoch = check_whole("shuffled_batches", "epoch", epoch, least=0)
        order = np.random.default_rng((*self._seed, epoch)).permutation(self._count)
        for i in range(len(self)):
            # Sorted, so that a file is read in one direction; the order within a batch does not matter.
            rows = np.sort(order[i * self._batch_size : (i + 1) * self._batch_size])
            yield jax.tree.map(lambda leaf, rows=rows: leaf[rows], self._data)


def shuffled_batches(key: Array, data: tuple[Any, Any], batch_size: int, *, drop_last: bool = False) -> ShuffledBatches:
    """Returns a function of the epoch that yields `(x, targets)` in minibatches, every example once, in random order.

    `train` takes it as data. Rows are read from the arrays when a batch is asked for, so that the arrays may be larger
    than memory, such as those of `numpy.load(path, mmap_mode="r")`. The order depends on the key and the epoch alone: a
    resumed run gets the same batches. Random rows are slow to read from a hard disk, and fast from an SSD or the file
    cache of the system.

    Args:
        key: a `jax.random.key`.
        data: `(x, targets)`, each an array or a pytree of arrays, the examples on the first axis.
        batch_size: the number of examples in a batch.
        drop_last: whether to leave out a last batch of fewer examples, other ones in each epoch.

    Raises:
        TypeError: not a key, or data that is not a pair of arrays.
        ValueError: arrays of different lengths, or a batch larger than the data.

    Example:
        >>> batches = shuffled_batches(jax.random.key(0), (np.ones((5, 2)), np.arange(5)), 2)
        >>> len(batches), [targets.tolist() for x, targets in batches(0)]
        (3, [[2, 4], [0, 3], [1]])
    """
    check_key(key)
    check_pair("shuffled_batches", data)
    count = count_rows("shuffled_batches", by_name(data))
    batch_size = check_whole("shuffled_batches", "batch_size", batch_size, least=1)
    if batch_size > count:
        raise ValueError(
            f"shuffled_batches: batch_size must be at most the number of examples, {count}, not {batch_size}"
        )
    seed = tuple(np.asarray(jax.random.key_data(key)).ravel().tolist())
    return ShuffledBatches(seed, data, batch_size, drop_last)
