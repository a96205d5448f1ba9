"""The compiled program of a sweep: the lanes of one task, sharded over the devices without a collective.

One program serves all trials that share their choices, however many they are.
"""

import functools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnn.sweeps import lanes
from jaxnn.sweeps.lanes import Assignment, Curves, Lanes, Task

# Where every core is a device, XLA must not also spread one device's loops over all cores: the devices would wait for
# one another. Measured on two cores: 1.3 times the steps of iris networks, no change for CNNs.
_ONE_CORE = {"xla_cpu_multi_thread_eigen": False}


class Program(NamedTuple):
    """A task, compiled for a number of lanes.

    Attributes:
        size: lanes, over all devices.
        empty: `empty() -> Lanes`, before the first training.
        assign: `assign(lanes, mask, assignment) -> Lanes`: a fresh training in every lane of the mask.
        copy: `copy(lanes, parents, mask, values) -> Lanes`: what the parent has learned, in every lane of the mask.
        advance: `advance(lanes, limits, epochs) -> (Lanes, Curves)`: so many epochs, each lane up to its own limit.
        text: the compiled text of `advance`.
    """

    size: int
    empty: Callable[[], Lanes]
    assign: Callable[[Lanes, Any, Assignment], Lanes]
    copy: Callable[[Lanes, Any, Any, dict[str, Any]], Lanes]
    advance: Callable[[Lanes, Any, int], tuple[Lanes, Curves]]
    text: Callable[[], str | None]


def make_program(task: Task, names: tuple[str, ...], width: int, tile: int, compilers: Executor) -> Program:
    """A task's program for `width` lanes on every device, `tile` at a time; `names` are its traced hypers.

    It is traced here and compiled by the executor's threads, its parts side by side; the first call waits for them.
    """
    mesh = Mesh(np.array(jax.devices()), ("lane",))
    lane, every = PartitionSpec("lane"), PartitionSpec()
    count = width * mesh.size
    shard = functools.partial(jax.shard_map, mesh=mesh, out_specs=lane, check_vma=False)
    place = functools.partial(jax.device_put, device=NamedSharding(mesh, lane))
    shared = jax.device_put((task.data, task.validation, task.folds), NamedSharding(mesh, every))
    options: Any = _ONE_CORE if mesh.size > 1 and mesh.devices.flat[0].platform == "cpu" else None
    jitted = functools.partial(jax.jit, donate_argnums=0, compiler_options=options)

    def numbers(kind: type, *shape: int) -> np.ndarray:
        return np.zeros((count, *shape), kind)

    given = Assignment(numbers(np.uint32, 2), {name: numbers(np.float32) for name in names}, numbers(np.int32))
    shapes = jax.eval_shape(jax.vmap(functools.partial(lanes.start, task)), given)

    def empty() -> Lanes:
        return place(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes))

    advance = jitted(shard(functools.partial(lanes.advance, task, tile), in_specs=(lane, lane, every, every)))
    assign = jitted(shard(functools.partial(lanes.assign, task), in_specs=lane))
    copy = jitted(lanes.copy, out_shardings=NamedSharding(mesh, lane))
    advancing = compilers.submit(advance.lower(empty(), place(numbers(np.int32)), shared, np.int32(1)).compile)
    assigning = compilers.submit(assign.lower(empty(), *place((numbers(bool), given))).compile)

    return Program(
        count,
        empty,
        lambda state, mask, assignment: assigning.result()(state, *place((mask, assignment))),
        lambda state, parents, mask, values: copy(state, *place((parents, mask, values))),
        lambda state, limits, epochs: advancing.result()(state, place(limits), shared, np.int32(epochs)),
        lambda: advancing.result().as_text(),
    )
