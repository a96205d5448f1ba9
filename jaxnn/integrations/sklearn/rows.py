"""Row counts in buckets: data sets of similar sizes share a compiled program.

Rows that repeat others fill a data set up to the size of its bucket. They come last, and no step learns from them.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from jaxnn.batches import FoldRows

# The smallest bucket.
_LEAST = 32
# The bounds of buckets are 1, 1.25, 1.5 and 1.75 times powers of two: at most a fifth of the rows is filling.
_PER_DOUBLING = 4
# Larger data sets are not filled up. Their trainings outlast the compilation.
_MOST = 2**16


def choose_bucket(count: int, batch_size: int | None = None) -> int:
    """Returns the number of rows to which a data set of `count` rows is filled up.

    All data sets of a bucket take the same number of steps in an epoch.

    Example:
        >>> [choose_bucket(count) for count in (1, 33, 120, 150, 1437)]
        [32, 40, 128, 160, 1536]
        >>> choose_bucket(1437, batch_size=500)
        1500
    """
    if count > _MOST:
        return count
    double = _LEAST
    while count > 2 * double:
        double *= 2
    step = double // _PER_DOUBLING
    bucket = max(_LEAST, -(-count // step) * step)
    return bucket if batch_size is None else min(bucket, -(-count // batch_size) * batch_size)


def count_rows_in(bucket: int, batch_size: int | None, count: Array) -> FoldRows | None:
    """Returns how many rows of a bucket count, for a traced number; None if the bucket holds one size alone."""
    if bucket > _MOST:
        return None
    smallest = bucket
    while smallest > 1 and choose_bucket(smallest - 1, batch_size) == bucket:
        smallest -= 1
    return FoldRows(tuple(range(smallest, bucket + 1)), count - smallest)


def fill_rows(data: Any, rows: int) -> Any:
    """Repeats the rows of all arrays of a pytree, up to this number."""
    return jax.tree.map(lambda leaf: leaf[np.arange(rows) % len(leaf)], data)
