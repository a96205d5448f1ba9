"""Where a training takes its minibatches from: arrays that the compiled loop holds, or batches that stream into it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from jax.stages import Traced

from jaxnn._checks.arrays import by_name
from jaxnn.training.loop import LoopConfig, LoopState, compile_loop, trace_loop
from jaxnn.training.prepare import Prepared, prepare
from jaxnn.training.stream import Stream, open_stream, prepare_stream
from jaxnn.training.stream_loop import StreamTraces, compile_stream, trace_stream

# Runs the compiled loop up to an epoch.
RunUntil = Callable[[LoopState, int], LoopState]


class Feed(ABC):
    """What `train` needs to know of its data.

    Attributes:
        by_epoch: whether every epoch is a call of its own.
    """

    by_epoch: bool

    @abstractmethod
    def prepare(self, *arguments: Any, **options: Any) -> Prepared:
        """Checks the arguments of a training and draws the initial weights; see `prepare`."""

    @abstractmethod
    def trace(self, config: LoopConfig, validation: Any, loop: LoopState) -> tuple[Traced, ...]:
        """Returns the traced functions of the training."""

    @abstractmethod
    def compile(
        self, config: LoopConfig, validation: Any, loop: LoopState, trace: Callable[[], tuple[Traced, ...]]
    ) -> RunUntil:
        """Compiles the loop; `trace` returns what the method does, which also describes a run directory."""

    @abstractmethod
    def describe(self) -> tuple[Any, dict[str, Any]]:
        """Returns the arrays by name, and what else a run directory records."""


class ArrayFeed(Feed):
    """Arrays `(x, targets)`."""

    by_epoch = False

    def __init__(self, data: Any) -> None:
        self._data = data

    def prepare(self, recipe: Any, *arguments: Any, **options: Any) -> Prepared:
        start = prepare("train", recipe, self._data, *arguments, **options)
        self._data = start.data
        return start

    def trace(self, config: LoopConfig, validation: Any, loop: LoopState) -> tuple[Traced, ...]:
        return (trace_loop(config, self._data, validation, loop),)

    def compile(
        self, config: LoopConfig, validation: Any, loop: LoopState, trace: Callable[[], tuple[Traced, ...]]
    ) -> RunUntil:
        return compile_loop(config, self._data, validation, loop, trace=lambda: trace()[0])

    def describe(self) -> tuple[Any, dict[str, Any]]:
        return by_name(self._data), {}


class StreamFeed(Feed):
    """Batches that stream."""

    by_epoch = True

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def prepare(self, recipe: Any, *arguments: Any, **options: Any) -> Prepared:
        return prepare_stream(recipe, self._stream, *arguments, **options)

    def trace(self, config: LoopConfig, validation: Any, loop: LoopState) -> tuple[Traced, ...]:
        return trace_stream(config, self._stream, validation, loop)

    def compile(
        self, config: LoopConfig, validation: Any, loop: LoopState, trace: Callable[[], tuple[Traced, ...]]
    ) -> RunUntil:
        return compile_stream(config, self._stream, validation, loop, trace=lambda: StreamTraces(*trace()))

    def describe(self) -> tuple[Any, dict[str, Any]]:
        return None, self._stream.describe()


def open_feed(data: Any, steps: int | None, state: Any, directory: Any) -> Feed:
    """Returns the feed of the data that `train` gets; a stream is opened for its first epoch.

    Raises:
        TypeError, ValueError: as `open_stream`.
    """
    stream = open_stream(data, steps, state, directory)
    return ArrayFeed(data) if stream is None else StreamFeed(stream)
