"""Reads an iterator in a thread, a few items ahead of whoever takes them."""

import collections
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jax
import numpy as np

_END: Any = object()

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item], most: int = 2) -> Generator[list[Item], None, None]:
    """Yields the items of an iterator in groups: those that a thread has read meanwhile, at least one of them.

    An error in the thread is raised where its item would have come. When the caller takes no more items, the thread
    ends after the item that it is reading. Ctrl-C does not wait for that one, which may never come.

    Args:
        items: an iterator.
        most: the most items of a group, and how many are read ahead.

    Example:
        >>> sum(read_ahead(iter([1, 2, 3])), [])
        [1, 2, 3]
    """
    # A thread does not inherit what a context manager of JAX has set in another one.
    x64 = jax.dtypes.canonicalize_dtype(np.float64) == np.float64

    def take() -> Item:
        with jax.enable_x64(x64):
            return next(items, _END)

    executor, waits = ThreadPoolExecutor(1, thread_name_prefix="jaxnn batches"), True
    try:
        ahead = collections.deque(executor.submit(take) for _ in range(most))
        ended = False
        while not ended:
            group = [ahead.popleft().result()]
            while ahead and ahead[0].done() and ahead[0].exception() is None:
                group.append(ahead.popleft().result())
            ended = group[-1] is _END
            ahead += [executor.submit(take) for _ in range(most - len(ahead))]
            group = [item for item in group if item is not _END]
            if group:
                yield group
    except KeyboardInterrupt:
        waits = False
        raise
    finally:
        executor.shutdown(waits, cancel_futures=True)
