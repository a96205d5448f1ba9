"""Reads an iterator in a thread, a few items ahead of whoever takes them."""

import collections
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jax

# How many items are read ahead. The second one waits until the thread has read the first.
_ITEMS_AHEAD = 2
_END: Any = object()

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yields the items of an iterator, the next of which a thread reads meanwhile.

    An error in the thread is raised where its item would have come. When the caller takes no more items, the thread
    ends after the item that it is reading.

    Example:
        >>> list(read_ahead(iter([1, 2, 3])))
        [1, 2, 3]
    """
    # A thread does not inherit what a context manager of JAX has set in another one.
    x64 = bool(jax.config.jax_enable_x64)

    def take() -> Item:
        with jax.enable_x64(x64):
            return next(items, _END)

    executor = ThreadPoolExecutor(1, thread_name_prefix="jaxnn batches")
    try:
        ahead = collections.deque(executor.submit(take) for _ in range(_ITEMS_AHEAD))
        while (item := ahead.popleft().result()) is not _END:
            ahead.append(executor.submit(take))
            yield item
    finally:
        executor.shutdown(cancel_futures=True)
