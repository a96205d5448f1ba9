"""The compiled program of a sweep: lanes sharded over the devices without collectives.

One program serves all trials with equal choices, however many there are.
"""

import functools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.stages import Traced
from jaxtyping import Array

from jaxnn.sweeps.engine.epochs import advance_lanes
from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.lanes import Lanes, LaneUpdates, ProgramSpec, copy_lanes, init_lane, start_lanes

# Where every core is a device, XLA must not spread one device's loops over all cores, or devices wait for one another.
# Measured on two cores: iris networks train 1.3 times faster, and CNNs equally fast.
_ONE_CORE = {"xla_cpu_multi_thread_eigen": False}


class ChunkResult(NamedTuple):
    """What the host reads after a chunk.

    Attributes:
        diverged: the epoch in which a loss of each lane was not finite; 0 without one.
        curves: (quantity, lane, epoch), in the order of `Curves`; NaN where a lane was frozen or not evaluated.
    """

    diverged: np.ndarray
    curves: np.ndarray


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

    def advance(self, lanes: Any, updates: LaneUpdates, epochs: int) -> tuple[Any, Callable[[], ChunkResult]]: ...


class Program:
    """A `ProgramSpec` for `width` lanes on every device, `tile` at a time.

    It is compiled by `compile`, or when it is first needed. The host passes one array to a chunk and reads one; with
    two devices each array costs a tenth of a millisecond. Lanes are not donated to a chunk: finished trials' parameters
    are read after the next chunk is dispatched.

    Attributes:
        size, width, max_epochs, lookahead: see `ChunkRunner`.
        lane_count: `width` and `tile`.
        shapes: the shapes and dtypes of the lanes.
    """

    lookahead = 1

    def __init__(self, spec: ProgramSpec, key: Array, names: tuple[str, ...], width: int, tile: int) -> None:
        mesh = Mesh(np.array(jax.devices()), ("lane",))
        by_lane, replicated = PartitionSpec("lane"), PartitionSpec()
        self.size, self.width, self.max_epochs = width * mesh.size, width, spec.max_epochs
        self.lane_count = LaneCount(width, tile)
        self._sharding = NamedSharding(mesh, by_lane)
        shared = (spec.data, spec.validation, spec.folds), key
        self._shared = jax.device_put(shared, NamedSharding(mesh, replicated))
        values, zeros = {name: self._zeros(np.float32) for name in names}, self._zeros(np.int32)
        self._updates = LaneUpdates(self._zeros(bool), zeros, zeros, values, zeros, zeros)
        # Not a partial of the spec: JAX prints the function that it maps, and a partial would print the data.
        self.shapes = jax.eval_shape(jax.vmap(lambda updates: init_lane(spec, key, updates)), self._updates)

        def advance(lanes: Lanes, columns: Array, shared: Any) -> Any:
            data, key = shared
            updates, epochs = from_columns((self._updates, zeros), columns)
            lanes = start_lanes(spec, key, lanes, updates)
            lanes, curves = advance_lanes(spec, tile, lanes, updates.limit, data, epochs[0])
            return lanes, jnp.concatenate([lanes.diverged[:, None].astype(float), *curves], axis=1)

        sharded = jax.shard_map(
            advance, mesh=mesh, in_specs=(by_lane, by_lane, replicated), out_specs=by_lane, check_vma=False
        )
        options: Any = _ONE_CORE if mesh.size > 1 and mesh.devices.flat[0].platform == "cpu" else None
        self._advance = jax.jit(sharded, compiler_options=options)
        self._copy = jax.jit(copy_lanes, donate_argnums=0, compiler_options=options, out_shardings=self._sharding)
        self._compiling: Future | None = None

    def compile(self, executor: Executor) -> "Program":
        """Traces the program here and compiles it in a thread of the executor."""
        self._compiling = executor.submit(self.traced.lower().compile)
        return self

    def empty(self) -> Lanes:
        """Returns the lanes before the first training."""
        return self.place(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), self.shapes))

    def place(self, tree: Any) -> Any:
        """Places arrays with a lane axis on the devices."""
        return jax.device_put(tree, self._sharding)

    def copy(self, lanes: Lanes, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Lanes:
        """Copies what the parents have learned into the lanes of the mask."""
        return self._copy(lanes, *self.place((parents, mask, values)))

    def advance(self, lanes: Lanes, updates: LaneUpdates, epochs: int) -> tuple[Lanes, Callable[[], ChunkResult]]:
        """Dispatches a chunk, each lane up to its own limit; returns the lanes and a function that reads the result."""
        columns = self.place(to_columns((updates, np.full(self.size, epochs, np.int32))))
        lanes, numbers = self._compiled(lanes, columns, self._shared)

        def read() -> ChunkResult:
            table = np.asarray(numbers)
            curves = table[:, 1:].reshape(self.size, -1, self.max_epochs)
            return ChunkResult(table[:, 0].astype(np.int32), curves[..., :epochs].swapaxes(0, 1))

        return lanes, read

    def count_memory(self) -> int:
        """Returns the bytes that a device needs for a chunk beside the lanes of the next, once it is compiled."""
        assert self._compiling is not None
        memory = self._compiling.result().memory_analysis()
        if memory is None:  # not every platform tells
            return 0
        return memory.argument_size_in_bytes + memory.temp_size_in_bytes + 2 * memory.output_size_in_bytes

    def rehearse(self) -> None:
        """Dispatches as many chunks as a sweep does, without epochs, so that missing memory is found before it starts.

        Raises:
            JaxRuntimeError: the devices have too little free memory.
        """
        lanes, reads = [self.empty()], []
        for _ in range(self.lookahead + 1):
            after, read = self.advance(lanes[-1], self._updates, 0)
            lanes.append(after)
            reads.append(read)
        for read in reads:
            read()

    def compiled_text(self) -> str:
        """Returns the optimized HLO of `advance`."""
        assert self._compiling is not None
        return self._compiling.result().as_text()

    @functools.cached_property
    def traced(self) -> Traced:
        """The traced `advance`."""
        columns = self.place(to_columns((self._updates, self._zeros(np.int32))))
        return self._advance.trace(self.empty(), columns, self._shared)

    @functools.cached_property
    def _compiled(self) -> Callable[..., Any]:
        return self._advance if self._compiling is None else self._compiling.result()

    def _zeros(self, dtype: type) -> np.ndarray:
        return np.zeros(self.size, dtype)


def to_columns(tree: Any) -> np.ndarray:
    """Packs arrays of one number per lane into the columns of one int32 array, a float32 by its bits.

    Example:
        >>> to_columns((np.array([True]), np.array([7], np.int32), {"rate": np.array([1.0], np.float32)}))
        array([[         1,          7, 1065353216]], dtype=int32)
    """
    leaves = jax.tree.leaves(tree)
    return np.stack([leaf.view(np.int32) if leaf.dtype == np.float32 else leaf for leaf in leaves], 1, dtype=np.int32)


def from_columns(like: Any, columns: Array) -> Any:
    """Unpacks what `to_columns` packed, into the structure and dtypes of `like`."""
    leaves, structure = jax.tree.flatten(like)
    unpacked = [
        jax.lax.bitcast_convert_type(column, np.float32) if leaf.dtype == np.float32 else column.astype(leaf.dtype)
        for leaf, column in zip(leaves, columns.T, strict=True)
    ]
    return jax.tree.unflatten(structure, unpacked)
