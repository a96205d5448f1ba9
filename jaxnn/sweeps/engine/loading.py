"""Data as the user gives them: arrays, or functions that load them wherever a sweep runs.

The process that starts a sweep loads them too: it checks them by row, draws folds and a refit from them, and knows what
each worker must have loaded.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn._checks.names import name_value
from jaxnn.data import Folds
from jaxnn.sweeps.engine.preparation import Prepare, prepare_again

# `(x, targets)`, or a function that returns them.
Given = tuple[Any, Any] | Callable[[], tuple[Any, Any]]


class DataSource(NamedTuple):
    """What a worker makes the data of a plan of.

    Attributes:
        data: `(x, targets)`, or a function that returns them.
        validation: likewise; None with folds.
        prepare: see `sweep`.
    """

    data: Given
    validation: Given | None
    prepare: Prepare | None

    def with_numpy(self) -> "DataSource":
        """Returns it with NumPy arrays, which any process can read."""
        data, validation = (
            part if callable(part) else jax.tree.map(np.asarray, part) for part in (self.data, self.validation)
        )
        return DataSource(data, validation, self.prepare)

    def make(self, folds: Folds | None) -> tuple[tuple[Any, Any], tuple[Any, Any] | None]:
        """Returns data and validation part of a plan with these folds, prepared."""
        data, validation = _load("data", self.data), _load("validation", self.validation)
        if self.prepare is None:
            return data, validation
        return prepare_again(self.prepare, data, validation, folds)


class Loaded(NamedTuple):
    """The data of a sweep as arrays, and what workers make them of; None if the user gave arrays, which travel."""

    data: Any
    validation: Any
    source: DataSource | None


def load_given(data: Given, validation: Given | None, prepare: Prepare | None) -> Loaded:
    """Returns the data of a sweep, which functions may load.

    Raises:
        TypeError: a function that needs arguments, or does not return a pair.
        Exception: one of such a function.
    """
    source = DataSource(data, validation, prepare) if callable(data) or callable(validation) else None
    return Loaded(_load("data", data), _load("validation", validation), source)


def _load(name: str, given: Any) -> Any:
    if not callable(given):
        return given
    needed = _list_arguments(given)
    if needed:
        raise TypeError(
            f"sweep: {name} must be a function without arguments, but {name_value(given)} needs {', '.join(needed)}"
        )
    loaded = given()
    if not isinstance(loaded, tuple) or len(loaded) != 2:
        raise TypeError(f"sweep: {name}() must return a pair (x, targets), not {type(loaded).__name__}")
    return loaded


def _list_arguments(function: Callable[..., Any]) -> list[str]:
    """Returns the names of the arguments that a function needs."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some functions of C tell none
        return []
    optional = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [each.name for each in parameters if each.default is each.empty and each.kind not in optional]
