"""The program of a training, and what decides its bits, for any number of epochs.

A run that goes on to more epochs describes itself with those of its start, and loads curves of that length.
"""

import functools
from typing import Any

from jax.stages import Traced

from jaxnn._checks.arrays import by_name
from jaxnn.training.feed import Feed
from jaxnn.training.loop import LoopConfig, LoopState, init_loop
from jaxnn.training.prepare import Prepared
from jaxnn.training.run_files import describe_training, digest_traces


class LoopProgram:
    """The compiled loop of a training before its first epoch.

    Args:
        config: the functions.
        start: the checked arguments.
        feed: gives the data.
        arrays: those that the caller gave beside the data, by name.
        options: plain values that decide bits, by name.
    """

    def __init__(
        self, config: LoopConfig, start: Prepared, feed: Feed, arrays: dict[str, Any], options: dict[str, Any]
    ) -> None:
        self._config, self._start, self._feed = config, start, feed
        self._arrays, self._options = arrays, options
        # Kept, since a run may ask for the same number of epochs twice.
        self.init = functools.cache(self._init)
        self.trace = functools.cache(self._trace)

    def describe(self, epochs: int) -> dict[str, Any]:
        """Describes everything that decides the bits of a training of `epochs` epochs."""
        rows, options = self._feed.describe()
        validation = self._start.validation
        arrays = self._arrays | {"data": rows, "validation": None if validation is None else by_name(validation)}
        options = {"epochs": epochs} | self._options | options
        return describe_training(self._config, digest_traces(self.trace(epochs)), self.init(epochs), options, arrays)

    def _init(self, epochs: int) -> LoopState:
        """Returns the state before the first epoch."""
        return init_loop(self._config, self._start.state, epochs, validated=self._start.validation is not None)

    def _trace(self, epochs: int) -> tuple[Traced, ...]:
        """Traces the functions that are compiled."""
        return self._feed.trace(self._config, self._start.validation, self.init(epochs))
