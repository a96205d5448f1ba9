"""The compiled program of a sweep: the lanes of one task, sharded over the devices without a collective.

One program serves all trials that share their choices, however many they are.
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

from jaxnn.io.runs.fingerprint import describe_program
from jaxnn.sweeps.engine import lanes
from jaxnn.sweeps.engine.epochs import advance as advance_lanes
from jaxnn.sweeps.engine.lanes import Lanes, Orders, Task

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
    """What the engine needs of a program.

    Attributes:
        size: lanes, over all devices.
        width: lanes of each device.
        longest: epochs in one call at most.
        ahead: how many calls may be under way before the news of the first are read.
    """

    size: int
    width: int
    longest: int
    ahead: int

    def empty(self) -> Any: ...

    def copy(self, state: Any, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Any: ...

    def advance(self, state: Any, orders: Orders, epochs: int) -> tuple[Any, Callable[[], News]]: ...


class Program:
    """A task for `width` lanes on every device, `tile` at a time; `names` are its traced hypers, `key` is the sweep's.

    It is compiled when `compile` is called, or else when it is first needed. What the host hands over with a call is
    one array, and what it reads another: with two devices each array costs a tenth of a millisecond. The lanes that a
    call is given are not donated: who looks ahead still reads what the trials have learned that ended in them.

    Attributes:
        size, width, longest, ahead: as the engine needs them.
        shapes: of the lanes.
    """

    ahead = 1

    def __init__(self, task: Task, key: Array, names: tuple[str, ...], width: int, tile: int) -> None:
        mesh = Mesh(np.array(jax.devices()), ("lane",))
        lane, every = PartitionSpec("lane"), PartitionSpec()
        self.size, self.width, self.longest = width * mesh.size, width, task.longest
        self._sharding = NamedSharding(mesh, lane)
        everywhere = (task.data, task.validation, task.folds), key
        self._shared = jax.device_put(everywhere, NamedSharding(mesh, every))
        values, whole = {name: self._numbers(np.float32) for name in names}, self._numbers(np.int32)
        self._orders = Orders(self._numbers(bool), whole, whole, values, whole, whole)
        # A function, not a partial of the task: JAX asks for the text of what it maps, and that spells out the data.
        self.shapes = jax.eval_shape(jax.vmap(lambda orders: lanes.start(task, key, orders)), self._orders)

        def advance(state: Lanes, columns: Array, everywhere: Any) -> Any:
            shared, key = everywhere
            orders, epochs = from_columns((self._orders, whole), columns)
            state = lanes.assign(task, key, state, orders)
            state, curves = advance_lanes(task, tile, state, orders.limit, shared, epochs[0])
            return state, jnp.concatenate([state.diverged[:, None].astype(float), *curves], axis=1)

        sharded = jax.shard_map(advance, mesh=mesh, in_specs=(lane, lane, every), out_specs=lane, check_vma=False)
        options: Any = _ONE_CORE if mesh.size > 1 and mesh.devices.flat[0].platform == "cpu" else None
        self._advance = jax.jit(sharded, compiler_options=options)
        self._copy = jax.jit(lanes.copy, donate_argnums=0, compiler_options=options, out_shardings=self._sharding)
        self._compiling: Future | None = None

    def compile(self, compilers: Executor) -> "Program":
        """Trace it here, and have it compiled by one of the executor's threads."""
        self._compiling = compilers.submit(self._traced.lower().compile)
        return self

    def empty(self) -> Lanes:
        """Lanes before the first training."""
        return self._place(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), self.shapes))

    def taken_up(self, state: Lanes) -> Lanes:
        """Lanes that were saved, on the devices again."""
        return self._place(state)

    def copy(self, state: Lanes, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Lanes:
        """What the parent has learned, in every lane of the mask."""
        return self._copy(state, *self._place((parents, mask, values)))

    def advance(self, state: Lanes, orders: Orders, epochs: int) -> tuple[Lanes, Callable[[], News]]:
        """So many epochs, each lane up to its own limit, and a function that waits for the news of it."""
        columns = self._place(to_columns((orders, np.full(self.size, epochs, np.int32))))
        state, told = self._compiled(state, columns, self._shared)

        def read() -> News:
            found = np.asarray(told)
            curves = found[:, 1:].reshape(self.size, -1, self.longest)
            return News(found[:, 0].astype(np.int32), curves[..., :epochs].swapaxes(0, 1))

        return state, read

    def text(self) -> str:
        """The compiled text of `advance`."""
        assert self._compiling is not None
        return self._compiling.result().as_text()

    @functools.cached_property
    def traced(self) -> str:
        """A digest of what its lanes compute."""
        return describe_program(self._traced.jaxpr)

    @functools.cached_property
    def _traced(self) -> Traced:
        columns = self._place(to_columns((self._orders, self._numbers(np.int32))))
        return self._advance.trace(self.empty(), columns, self._shared)

    @functools.cached_property
    def _compiled(self) -> Callable[..., Any]:
        return self._advance if self._compiling is None else self._compiling.result()

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
