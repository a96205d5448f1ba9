"""What tells two fits apart: digests of arrays, and the values of parameters that can be compared."""

import contextlib
import hashlib
import numbers
from collections.abc import Hashable
from typing import Any

import joblib
import numpy as np


class NotComparableError(TypeError):
    """A value of which a copy cannot be told to be equal."""


def digest_array(array: Any) -> Hashable:
    """Returns a digest of the content of an array, a DataFrame or None."""
    if array is None:
        return None
    if isinstance(array, np.ndarray) and not array.dtype.hasobject:
        memory: Any = np.ascontiguousarray(array)
        content = hashlib.blake2b(memory, digest_size=16).hexdigest()
        return content, array.shape, array.dtype.str
    return joblib.hash(array)


def freeze(value: Any) -> Hashable:
    """Returns what is equal for equal values, also for copies of them.

    Raises:
        NotComparableError: a value that only its identity tells from others.

    Example:
        >>> freeze({"sizes": [8, 16]}) == freeze({"sizes": [8, 16]}), freeze((1, 2)) == freeze([1, 2])
        (True, False)
    """
    if value is None or isinstance(value, str | bytes | numbers.Number | np.generic):
        return type(value), value
    if isinstance(value, list | tuple):
        return type(value), tuple(map(freeze, value))
    if isinstance(value, dict):
        return dict, tuple((name, freeze(each)) for name, each in value.items())
    if isinstance(value, np.random.RandomState):
        return np.random.RandomState, joblib.hash(value.get_state())
    if isinstance(value, np.ndarray):
        return digest_array(value)
    if hasattr(value, "get_params") and not isinstance(value, type):
        return type(value), freeze(value.get_params(deep=False))
    if callable(value):
        with contextlib.suppress(TypeError):
            hash(value)
            return value
    raise NotComparableError(f"{type(value).__name__} cannot be compared")


class TransformerMemory:
    """The `memory` of a pipeline within one search: it fits equal transformers on equal rows once.

    Attributes:
        digests: those of the arrays that it returns, by their identity; with the arrays, which must live on.
        untrained: how many networks have been fitted that are trained later. A transformer that holds one is not
            remembered.
    """

    def __init__(self) -> None:
        self._results: dict[Hashable, Any] = {}
        self.digests: dict[int, tuple[Any, Hashable]] = {}
        self.untrained = 0

    def __deepcopy__(self, _: Any) -> "TransformerMemory":
        return self

    def cache(self, function: Any, ignore: Any = None) -> Any:
        """Returns a function that remembers its results, as `joblib.Memory` does."""
        ignored = frozenset(ignore or ())

        def call(transformer: Any, x: Any, y: Any, *rest: Any, **options: Any) -> Any:
            compared = {name: value for name, value in options.items() if name not in ignored}
            try:
                key = freeze(transformer), self.digest(x), digest_array(y), freeze(rest), freeze(compared)
            except NotComparableError:
                return function(transformer, x, y, *rest, **options)
            if key not in self._results:
                before, result = self.untrained, function(transformer, x, y, *rest, **options)
                if self.untrained > before:
                    return result
                self._results[key] = result
                self.digests[id(self._results[key][0])] = self._results[key][0], key
            return self._results[key]

        return call

    def digest(self, array: Any) -> Hashable:
        """Returns a digest of the content of an array; one that it has made needs no look at the content."""
        known = self.digests.get(id(array))
        return digest_array(array) if known is None else known[1]
