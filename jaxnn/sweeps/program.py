"""The compiled program of a sweep: the lanes of one task, sharded over the devices without a collective.

One program serves all trials that share their choices, however many they are.
"""

import functools
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.stages import Traced
from jaxtyping import Array

from jaxnn.runs.fingerprint import describe_program
from jaxnn.sweeps import lanes
from jaxnn.sweeps.epochs import advance as advance_lanes
from jaxnn.sweeps.lanes import Assignment, Lanes, Task

# Where every core is a device, XLA must not also spread one device's loops over all cores: the devices would wait for
# one another. Measured on two cores: 1.3 times the steps of iris networks, no change for CNNs.
_ONE_CORE = {"xla_cpu_multi_thread_eigen": False}


class News(NamedTuple):
    """What the host reads after a call.

    Attributes:
        diverged: of each lane, the epoch whose losses were not finite; 0 as long as all were.
        curves: (quantity, lane, epoch), in the order of `Curves`; NaN where a lane was frozen or not judged.
    """

    diverged: np.ndarray
    curves: np.ndarray


@runtime_checkable
class Runnable(Protocol):
    """What the engine needs of a program."""

    size: int
    longest: int

    def empty(self) -> Any: ...

    def assign(self, state: Any, given: Assignment) -> Any: ...

    def copy(self, state: Any, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Any: ...

    def advance(self, state: Any, limits: np.ndarray, epochs: int) -> tuple[Any, News]: ...


class Program:
    """A task for `width` lanes on every device, `tile` at a time; `names` are its traced hypers, `key` is the sweep's.

    Its parts are compiled when `compile` is called, or else when they are first needed. What the host hands over with a
    call is one array, and the curves come back as one: with two devices each array costs a tenth of a millisecond.

    Attributes:
        size: lanes, over all devices.
        longest: epochs in one call at most.
        shapes: of the lanes.
    """

    def __init__(self, task: Task, key: Array, names: tuple[str, ...], width: int, tile: int) -> None:
        mesh = Mesh(np.array(jax.devices()), ("lane",))
        lane, every = PartitionSpec("lane"), PartitionSpec()
        self.size, self.longest = width * mesh.size, task.longest
        self._sharding = NamedSharding(mesh, lane)
        everywhere = (task.data, task.validation, task.folds), key
        self._shared, self._key = jax.device_put(everywhere, NamedSharding(mesh, every))
        values, whole = {name: self._numbers(np.float32) for name in names}, self._numbers(np.int32)
        self._given = Assignment(self._numbers(bool), whole, whole, values, whole)
        # Functions, not partials of the task: JAX asks for the text of what it maps, and theirs spells out the data.
        self.shapes = jax.eval_shape(jax.vmap(lambda given: lanes.start(task, key, given)), self._given)

        def advance(state: Lanes, columns: Array, shared: Any) -> Any:
            limits, epochs = columns.T
            state, curves = advance_lanes(task, tile, state, limits, shared, epochs[0])
            return state, jnp.stack(curves, axis=1)

        def assign(state: Lanes, columns: Array, key: Array) -> Lanes:
            return lanes.assign(task, key, state, from_columns(self._given, columns))

        shard = functools.partial(jax.shard_map, mesh=mesh, out_specs=lane, check_vma=False)
        options: Any = _ONE_CORE if mesh.size > 1 and mesh.devices.flat[0].platform == "cpu" else None
        jitted = functools.partial(jax.jit, donate_argnums=0, compiler_options=options)
        self._advance = jitted(shard(advance, in_specs=(lane, lane, every)))
        self._assign = jitted(shard(assign, in_specs=(lane, lane, every)))
        self._copy = jitted(lanes.copy, out_shardings=self._sharding)
        self._compiling: dict[str, Future] = {}

    def compile(self, compilers: Executor) -> "Program":
        """Trace it here, and have it compiled by the executor's threads, one part while the other is being traced."""
        self._compiling["advance"] = compilers.submit(self._traced_advance.lower().compile)
        self._compiling["assign"] = compilers.submit(self._traced_assign.lower().compile)
        return self

    def empty(self) -> Lanes:
        """Lanes before the first training."""
        return self._place(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), self.shapes))

    def taken_up(self, state: Lanes) -> Lanes:
        """Lanes that were saved, on the devices again."""
        return self._place(state)

    def assign(self, state: Lanes, given: Assignment) -> Lanes:
        """A fresh training in every lane that starts one."""
        assign = self._compiling["assign"].result() if self._compiling else self._assign
        return assign(state, self._place(to_columns(given)), self._key)

    def copy(self, state: Lanes, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Lanes:
        """What the parent has learned, in every lane of the mask."""
        return self._copy(state, *self._place((parents, mask, values)))

    def advance(self, state: Lanes, limits: np.ndarray, epochs: int) -> tuple[Lanes, News]:
        """So many epochs, each lane up to its own limit."""
        advance = self._compiling["advance"].result() if self._compiling else self._advance
        state, curves = advance(state, self._place(self._orders(limits, epochs)), self._shared)
        diverged, curves = jax.device_get((state.diverged, curves))
        return state, News(diverged, curves[..., :epochs].swapaxes(0, 1))

    def text(self) -> str:
        """The compiled text of `advance`."""
        return self._compiling["advance"].result().as_text()

    @functools.cached_property
    def traced(self) -> str:
        """A digest of what its lanes compute."""
        return "".join(describe_program(part.jaxpr) for part in (self._traced_advance, self._traced_assign))

    @functools.cached_property
    def _traced_advance(self) -> Traced:
        orders = self._orders(self._numbers(np.int32), 1)
        return self._advance.trace(self.empty(), self._place(orders), self._shared)

    @functools.cached_property
    def _traced_assign(self) -> Traced:
        return self._assign.trace(self.empty(), self._place(to_columns(self._given)), self._key)

    def _orders(self, limits: np.ndarray, epochs: int) -> np.ndarray:
        return to_columns((limits, np.full(self.size, epochs, np.int32)))

    def _place(self, tree: Any) -> Any:
        return jax.device_put(tree, self._sharding)

    def _numbers(self, kind: type) -> np.ndarray:
        return np.zeros(self.size, kind)


def to_columns(tree: Any) -> np.ndarray:
    """Arrays of a number for each lane, side by side in one of int32; a float32 by its bits.

    Example:
        >>> to_columns((np.array([True]), np.array([7], np.int32), {"rate": np.array([1.0], np.float32)}))
        array([[         1,          7, 1065353216]], dtype=int32)
    """
    leaves = jax.tree.leaves(tree)
    return np.stack([leaf.view(np.int32) if leaf.dtype == np.float32 else leaf for leaf in leaves], 1, dtype=np.int32)


def from_columns(like: Any, columns: Array) -> Any:
    """The arrays again, of the tree and the dtypes of `like`."""
    leaves, structure = jax.tree.flatten(like)
    found = [
        jax.lax.bitcast_convert_type(column, np.float32) if leaf.dtype == np.float32 else column.astype(leaf.dtype)
        for leaf, column in zip(leaves, columns.T, strict=True)
    ]
    return jax.tree.unflatten(structure, found)
