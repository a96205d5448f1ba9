"""What the host loop needs of a compiled program."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxnn.sweeps.engine.chunk_result import ChunkResult
from jaxnn.sweeps.engine.lanes import LaneUpdates

# The number of a trial, its lanes, and the state that `LaneReader.read_state` read.
EarlierState = tuple[int, slice, list[np.ndarray]]


@runtime_checkable
class ChunkRunner(Protocol):
    """What the engine needs of a program; `Program` documents the methods.

    Attributes:
        size: the number of lanes, over all devices.
        width: the number of lanes of each device.
        max_epochs: the most epochs of a chunk.
        lookahead: the number of chunks that may be in flight before the result of the first is read.
    """

    size: int
    width: int
    max_epochs: int
    lookahead: int

    def empty(self) -> Any: ...

    def copy(self, lanes: Any, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Any: ...

    def put(self, lanes: Any, states: list[EarlierState]) -> Any: ...

    def advance(self, lanes: Any, updates: LaneUpdates, epochs: int) -> tuple[Any, Callable[[], ChunkResult]]: ...
