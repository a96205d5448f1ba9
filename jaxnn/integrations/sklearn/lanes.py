"""Trainings side by side: many jobs of one task on the same rows, in the lanes of one compiled program."""

import os
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn._kernels.batch_last import swap_batch_axes
from jaxnn.integrations.sklearn.job import Job, Trained, fill_job, finish_job, run_job, start_job, warm_up
from jaxnn.integrations.sklearn.task import Numbers, Task, compile_task_once, start
from jaxnn.training.epoch import to_loop_layout
from jaxnn.training.loop import LoopState, run_epoch

# The most lanes of a program.
_MAX_LANES = {"cpu": 32, "accelerator": 1024}


class Batch(NamedTuple):
    """Jobs that run together; the last ones may repeat others, to fill the lanes."""

    jobs: list[Job]
    real: int


class OnceEach:
    """Values that several threads need, each made once."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Returns the value of a key; the first thread makes it, and others wait."""
        with self._lock:
            is_new = key not in self._values
            value = self._values.setdefault(key, Future())
        if is_new:
            try:
                value.set_result(make())
            except BaseException as error:
                value.set_exception(error)
        return value.result()


def run_jobs(groups: Sequence[Sequence[Job]], *, expected: Job | None = None) -> list[list[Trained]]:
    """Returns the results of jobs.

    Args:
        groups: each has jobs of one task on the same data, which differ in numbers, seeds and epochs.
        expected: a job like one that will run alone later, whose programs are compiled meanwhile.
    """
    order = [sorted(range(len(group)), key=lambda i, group=group: _expected_end(group[i])) for group in groups]
    batches = [
        batch for group, places in zip(groups, order, strict=True) for batch in _divide([group[i] for i in places])
    ]
    # One batch uses little more than one core.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    x64 = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]

    programs = OnceEach()

    def run(batch: Batch) -> list[Trained]:
        with jax.enable_x64(x64):  # the setting of the calling thread
            return _run_batch(batch, programs)

    def warm(job: Job) -> None:
        with jax.enable_x64(x64):
            warm_up(job)

    with ThreadPoolExecutor(cores if jax.default_backend() == "cpu" else 1) as pool:
        if expected is not None:
            pool.submit(warm, expected)  # an error comes again where it runs alone
        done = [result for results in pool.map(run, batches) for result in results]
    answers, at = [], 0
    for group, places in zip(groups, order, strict=True):
        results = dict(zip(places, done[at : at + len(group)], strict=True))
        answers.append([results[i] for i in range(len(group))])
        at += len(group)
    return answers


def _expected_end(job: Job) -> tuple[int, float]:
    """Orders jobs so that those of a batch end at about the same time: its lanes wait for one another."""
    return job.epochs, float(job.numbers.learning_rate)


def _divide(jobs: list[Job]) -> list[Batch]:
    most = _MAX_LANES["cpu" if jax.default_backend() == "cpu" else "accelerator"]
    count = -(-len(jobs) // most)
    lanes = -(-len(jobs) // count)
    parts = [jobs[i : i + lanes] for i in range(0, len(jobs), lanes)]
    return [Batch([part[i % len(part)] for i in range(lanes)], len(part)) for part in parts]


def _run_batch(batch: Batch, programs: OnceEach) -> list[Trained]:
    task, same = batch.jobs[0].task, _start_alike(batch.jobs)
    numbers = jax.tree.map(lambda *leaves: np.stack(leaves), *(job.numbers for job in batch.jobs))
    given = *fill_job(batch.jobs[0]), np.array([job.epochs for job in batch.jobs], np.int32)

    def compile_lanes() -> Any:
        # Shapes suffice: the programs of the first states may be compiled by another thread meanwhile.
        return compile_task_once(run_lanes, task, numbers, *_describe_start(batch.jobs), *given)

    shapes = tuple((leaf.shape, leaf.dtype) for leaf in jax.tree.leaves((numbers, given)))
    program = programs.get((task, same, shapes), compile_lanes)
    arguments = numbers, *_start(batch.jobs), *given
    loops = jax.tree.map(np.asarray, program(*arguments))
    lanes = [jax.tree.map(lambda leaf, i=i: leaf[i], loops) for i in range(batch.real)]
    # A training that diverges goes back to its last finite epoch, which it does alone.
    return [
        (run_job(job) if lane.diverged or not _is_finite(lane) else finish_job(job, lane))._replace(learned=None)
        for job, lane in zip(batch.jobs, lanes, strict=False)
    ]


def _start(jobs: list[Job]) -> tuple[LoopState, np.ndarray]:
    """Returns the states before the first epoch, without their keys, and the bits of the keys; of one, if all agree."""
    same = _start_alike(jobs)
    loops = [start_job(job) for job in (jobs[:1] if same else jobs)]
    keys = [np.asarray(jax.random.key_data(loop.state.key)) for loop in loops]
    stripped = [jax.tree.map(np.asarray, _strip(loop)) for loop in loops]
    if same:
        return jax.tree.map(lambda leaf: np.repeat(leaf[None], len(jobs), axis=0), stripped[0]), keys[0]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *stripped), np.stack(keys)


def _describe_start(jobs: list[Job]) -> tuple[Any, Any]:
    """Returns the shapes of what `_start` returns."""
    first = jobs[0]
    loop = jax.eval_shape(partial(start, first.task.without_rows()), first.numbers, first.seed, first.params)
    key = jax.eval_shape(jax.random.key_data, loop.state.key)

    def stack(leaf: Any) -> Any:
        return jax.ShapeDtypeStruct((len(jobs), *leaf.shape), leaf.dtype)

    return jax.tree.map(stack, _strip(loop)), key if _start_alike(jobs) else stack(key)


def _start_alike(jobs: list[Job]) -> bool:
    """Returns whether all jobs start in the same state."""
    # The state of a user's optimizer may hold its numbers.
    return len({int(job.seed) for job in jobs}) == 1 and isinstance(jobs[0].task.optimizer, str)


def _is_finite(loop: LoopState) -> bool:
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(loop.state.params))


def run_lanes(
    task: Task, numbers: Numbers, loops: LoopState, key_data: Array, data: Any, validation: Any, limits: Array
) -> LoopState:
    """Returns the states at the end of all lanes, without their keys.

    Args:
        task: that of all.
        numbers: those of each lane.
        loops: the states before the first epoch, without their keys.
        key_data: the bits of a key for each lane, or of one for all, whose draws are then made once.
        data, validation: those of all lanes.
        limits: the epoch limit of each lane.
    """
    shared = None if key_data.ndim == 1 else 0
    keys = jax.random.wrap_key_data(key_data)
    layout = task.configure(jax.tree.map(lambda leaf: leaf[0], numbers)).recipe
    # The rows are those of all lanes. Then lanes of one key draw one order, and look up each minibatch once.
    numbers = numbers._replace(count=numbers.count[0])
    lane_axes = jax.tree.map(lambda _: 0, numbers)._replace(count=None)
    data, validation = to_loop_layout(layout, data), swap_batch_axes(validation)

    def train_one(numbers: Numbers, loop: LoopState, key: Array, epoch: Array) -> LoopState:
        # The epoch is that of all lanes, so that lanes of one key share what they draw.
        loop = loop._replace(state=loop.state._replace(key=key, epoch=epoch))
        return _strip(run_epoch(task.configure(numbers), data, validation, loop))

    def train_all(carry: tuple[Array, LoopState]) -> tuple[Array, LoopState]:
        epoch, before = carry
        after = jax.vmap(train_one, (lane_axes, 0, shared, None))(numbers, before, jax.random.clone(keys), epoch)
        active = _continues(before, epoch, limits)
        kept = jax.tree.map(lambda new, old: _select(active, new, old), after, before)
        return epoch + 1, kept

    def goes_on(carry: tuple[Array, LoopState]) -> Array:
        return _continues(carry[1], carry[0], limits).any()

    return jax.lax.while_loop(goes_on, train_all, (jnp.zeros((), jnp.int32), loops))[1]


def _strip(loop: LoopState) -> LoopState:
    return loop._replace(state=loop.state._replace(key=None))


def _continues(loops: LoopState, epoch: Array, limits: Array) -> Array:
    return (epoch < limits) & ~loops.stopped & (loops.diverged == 0)


def _select(active: Array, new: Array, old: Array) -> Array:
    return jnp.where(active.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
