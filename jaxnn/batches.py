"""Shuffled batches of arrays that stay where they are, such as files that `numpy.memmap` opens."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import by_name, check_key, check_whole, count_rows
from jaxnn._checks.data import check_pair


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
