"""The compiled program of a sweep: lanes sharded over the devices without collectives.

One program serves all trials with equal choices, however many there are.
"""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.stages import Compiled, Traced
from jaxtyping import Array

from jaxnn._kernels.compiler_options import choose_compiler_options
from jaxnn._kernels.digest import digest_program, digest_shard
from jaxnn._kernels.lapack import can_hang
from jaxnn._kernels.program_cache import request_program
from jaxnn.sweeps.engine.chunk_result import ChunkResult, pack_result, unpack_result
from jaxnn.sweeps.engine.chunk_runner import EarlierState
from jaxnn.sweeps.engine.columns import from_columns, to_columns
from jaxnn.sweeps.engine.epochs import advance_lanes
from jaxnn.sweeps.engine.host_functions import HostFunctions
from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.lanes import Lanes, LaneUpdates, ProgramSpec, copy_lanes, init_lane, put_states, start_lanes
from jaxnn.sweeps.engine.sharding import BY_LANE, replicate, shard_shapes, trace_by_device


class Program:
    """A `ProgramSpec` for `width` lanes on every device, `tile` at a time.

    Its two parts, the start of trainings and their epochs, are compiled by `compile`, or when they are first needed.
    The start runs once a trial, and holds half of the operations. It is compiled beside the epochs, with fewer
    optimizations. The host passes one array to a chunk, of `columns`, and reads one. Lanes are not donated to a chunk:
    finished trials' parameters are read after the next chunk is dispatched.

    Attributes:
        size, width, max_epochs, lookahead: see `ChunkRunner`.
        lane_count: `width` and `tile`.
        shapes: the shapes and dtypes of the lanes.
    """

    lookahead = 1

    def __init__(
        self,
        spec: ProgramSpec,
        key: Array,
        names: tuple[str, ...],
        width: int,
        tile: int,
        *,
        devices: Sequence[Any] | None = None,
        executor: Executor | None = None,
    ) -> None:
        mesh = Mesh(np.array(devices or jax.local_devices()), ("lane",))
        # Both the journal and the table of compiled programs look at them.
        self._digest = functools.cache(lambda traced: digest_program(traced.jaxpr))
        self._host_functions = HostFunctions(spec) if spec.on_host else None
        self.size, self.width, self.max_epochs = width * mesh.size, width, spec.max_epochs
        self._spec, self._tile, self._mesh, self._executor = spec, tile, mesh, executor
        self._sharding, self.lane_count = NamedSharding(mesh, BY_LANE), LaneCount(width, tile)
        self._shared, self._shared_key = replicate(((spec.data, spec.validation, spec.folds), key), mesh)
        values, zeros = {name: self._zeros(np.float32) for name in names}, self._zeros(np.int32)
        self._updates = LaneUpdates(self._zeros(bool), zeros, zeros, values, zeros, zeros)
        # Not a partial of the spec: JAX prints the function that it maps, and a partial would print the data.
        self.shapes = jax.eval_shape(jax.vmap(lambda updates: init_lane(spec, key, updates)), self._updates)

    def compile(self) -> "Program":
        """Traces and compiles the program; with an executor, in its threads."""
        # The start has a short trace, so that it compiles while the epochs are traced.
        for part in ("_start", "_advance"):
            getattr(self, part)
        return self

    def wait(self) -> None:
        """Waits until the program is compiled."""
        self._start.result()
        self._advance.result()

    def empty(self) -> Lanes:
        """Returns the lanes before the first training."""
        return self.place(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), self.shapes))

    def place(self, tree: Any) -> Any:
        """Places arrays with a lane axis on the devices."""
        return jax.device_put(tree, self._sharding)

    def copy(self, lanes: Lanes, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Lanes:
        """Copies what the parents have learned into the lanes of the mask."""
        return self._copy.result()(lanes, *self.place((parents, mask, values)))

    def put(self, lanes: Lanes, states: list[EarlierState]) -> Lanes:
        """Puts the states of earlier trials into their lanes.

        Raises:
            ValueError: the state of another training.
        """
        shapes, structure = jax.tree.flatten(self.shapes)
        leaves, mask = [np.zeros(leaf.shape, leaf.dtype) for leaf in shapes], self._zeros(bool)
        for _, rows, state in states:
            mask[rows] = True
            if [leaf.shape[1:] for leaf in state] != [leaf.shape[1:] for leaf in shapes]:
                raise ValueError("sweep: a kept state has other shapes than this recipe makes; use the same recipe")
            for leaf, part in zip(leaves, state, strict=True):
                leaf[rows] = part
        return self._put.result()(lanes, *self.place((jax.tree.unflatten(structure, leaves), mask)))

    def advance(self, lanes: Lanes, updates: LaneUpdates, epochs: int) -> tuple[Lanes, Callable[[], ChunkResult]]:
        """Dispatches a chunk, each lane up to its own limit; returns the lanes and a function that reads the result."""
        columns = self.place(to_columns((updates, np.full(self.size, epochs, np.int32))))
        if updates.starts.any():
            lanes = self._start_trainings(lanes, columns)
        lanes, numbers = self._advance.result()(lanes, columns, self._shared)

        def read() -> ChunkResult:
            result = unpack_result(self._spec, numbers, epochs)
            if self._host_functions is not None:
                result = self._host_functions.evaluate(lanes, updates.limit, result)
            return result

        return lanes, read

    def count_memory(self) -> int:
        """Returns the bytes that a device needs for a chunk beside the lanes of the next."""
        memory = self._advance.result().memory_analysis()
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
            after, read = self.advance(lanes[-1], self._updates._replace(starts=np.ones(self.size, bool)), 0)
            lanes.append(after)
            reads.append(read)
        for read in reads:
            read()

    def compiled_text(self) -> str:
        """Returns the optimized HLO of the epochs."""
        return self._advance.result().as_text() or ""

    @functools.cached_property
    def traced(self) -> Traced:
        """The traced epochs of a chunk."""
        spec, tile = self._spec, self._tile

        def advance(lanes: Lanes, columns: Array, shared: Any) -> Any:
            updates, epochs = from_columns(self._layout, columns)
            lanes, curves = advance_lanes(spec, tile, lanes, updates.limit, shared, epochs[0])
            return lanes, pack_result(spec, lanes, curves)

        return self._trace(advance, self._shared, self._mesh)

    @functools.cached_property
    def digest(self) -> str:
        """What the program computes, as text that is equal in every process."""
        return " ".join(self._digest(traced).text for traced in (self._traced_start[0], self.traced))

    @functools.cached_property
    def digest_of_device(self) -> str:
        """What each device computes, as text that is equal in every process with any number of devices."""
        return " ".join(digest_shard(traced.jaxpr) for traced in (self._traced_start[0], self.traced))

    @property
    def can_hang(self) -> bool:
        """Whether the devices may wait for one another for ever."""
        return can_hang(self.traced.jaxpr, list(self._mesh.devices.flat))

    def _start_trainings(self, lanes: Lanes, columns: Array) -> Lanes:
        """Puts new trainings into the lanes that start one."""
        _, mesh = self._traced_start
        if mesh is self._mesh:
            return self._start.result()(lanes, columns, self._shared_key)
        moved = jax.device_put((lanes, columns), NamedSharding(mesh, BY_LANE))
        return self.place(self._start.result()(*moved, replicate(self._shared_key, mesh)))

    @functools.cached_property
    def _traced_start(self) -> tuple[Traced, Mesh]:
        """The traced start of new trainings, and its devices: only one where several may wait for one another."""
        spec = self._spec

        def start(lanes: Lanes, columns: Array, key: Array) -> Lanes:
            updates, _ = from_columns(self._layout, columns)
            return start_lanes(spec, key, lanes, updates)

        traced = self._trace(start, self._shared_key, self._mesh)
        if not can_hang(traced.jaxpr, list(self._mesh.devices.flat)):
            return traced, self._mesh
        one_device = Mesh(self._mesh.devices[:1], self._mesh.axis_names)
        return self._trace(start, replicate(self._shared_key, one_device), one_device), one_device

    @functools.cached_property
    def _advance(self) -> Future[Compiled]:
        return self._request(self.traced, self._mesh, executor=self._executor)

    @functools.cached_property
    def _start(self) -> Future[Compiled]:
        return self._request(*self._traced_start, runs_once=True, executor=self._executor)

    @functools.cached_property
    def _copy(self) -> Future[Compiled]:
        # Lanes are donated, as no others than the copies are read later.
        numbers = self._zeros(np.int32), self._zeros(bool), self._updates.values
        return self._request_update(copy_lanes, *numbers, donate=True)

    @functools.cached_property
    def _put(self) -> Future[Compiled]:
        return self._request_update(put_states, self.shapes, self._zeros(bool), donate=False)

    def _request_update(self, function: Callable[..., Lanes], *arguments: Any, donate: bool) -> Future[Compiled]:
        """Compiles a function of the lanes and other arrays; it may be needed after the executor has ended."""
        jitted = jax.jit(function, donate_argnums=(0,) if donate else (), out_shardings=self._sharding)
        return self._request(jitted.trace(*shard_shapes((self.shapes, *arguments), self._mesh)), self._mesh)

    def _request(
        self, traced: Traced, mesh: Mesh, *, runs_once: bool = False, executor: Executor | None = None
    ) -> Future[Compiled]:
        devices = tuple(mesh.devices.flat)
        options = choose_compiler_options(devices, runs_once=runs_once)
        return request_program(
            traced, digest=self._digest(traced), conditions=devices, options=options, executor=executor
        )

    def _trace(self, function: Callable[[Lanes, Array, Any], Any], shared: Any, mesh: Mesh) -> Traced:
        return trace_by_device(function, self.shapes, to_columns(self._layout), shared, mesh)

    @property
    def _layout(self) -> tuple[LaneUpdates, np.ndarray]:
        """What a chunk gets from the host, by lane: the updates and the number of epochs."""
        return self._updates, self._zeros(np.int32)

    def _zeros(self, dtype: type) -> np.ndarray:
        return np.zeros(self.size, dtype)
