"""Trainings side by side: many jobs of one task on the same rows, in the lanes of one compiled program."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn._kernels.batch_last import swap_batch_axes
from jaxnn.integrations.sklearn.job import Job, Trained, fill_job, finish_job, run_job
from jaxnn.integrations.sklearn.task import Numbers, Task, compile_task, start
from jaxnn.training.epoch import to_loop_layout
from jaxnn.training.loop import LoopState, run_epoch

# The most lanes of a program.
_MAX_LANES = {"cpu": 32, "accelerator": 1024}


class Batch(NamedTuple):
    """Jobs that run together; the last ones may repeat others, to fill the lanes."""

    jobs: list[Job]
    real: int


def run_jobs(groups: Sequence[Sequence[Job]]) -> list[list[Trained]]:
    """Returns the results of jobs.

    Args:
        groups: each has jobs of one task on the same data, which differ in numbers, seeds and epochs.
    """
    order = [sorted(range(len(group)), key=lambda i, group=group: _expected_end(group[i])) for group in groups]
    batches = [
        batch for group, places in zip(groups, order, strict=True) for batch in _divide([group[i] for i in places])
    ]
    # One batch uses little more than one core.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    x64 = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]

    def run(batch: Batch) -> list[Trained]:
        with jax.enable_x64(x64):  # the setting of the calling thread
            return _run_batch(batch)

    with ThreadPoolExecutor(cores if jax.default_backend() == "cpu" else 1) as pool:
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


def _run_batch(batch: Batch) -> list[Trained]:
    first = batch.jobs[0]
    data, validation = fill_job(first)
    numbers = jax.tree.map(lambda *leaves: np.stack(leaves), *(job.numbers for job in batch.jobs))
    seeds = np.array([job.seed for job in batch.jobs], np.uint32)
    # Lanes of one seed share the order of their rows, which is then drawn and looked up once.
    arguments = numbers, seeds if len(set(seeds.tolist())) > 1 else seeds[0]
    limits = np.array([job.epochs for job in batch.jobs], np.int32)
    whole = *arguments, data, validation, limits
    loops = jax.tree.map(np.asarray, compile_task(run_lanes, first.task, *whole, side_by_side=True)(*whole))
    lanes = [jax.tree.map(lambda leaf, i=i: leaf[i], loops) for i in range(batch.real)]
    # A training that diverges goes back to its last finite epoch, which it does alone.
    return [
        run_job(job) if lane.diverged or not _is_finite(lane) else finish_job(job, lane)
        for job, lane in zip(batch.jobs, lanes, strict=False)
    ]


def _is_finite(loop: LoopState) -> bool:
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(loop.state.params))


def run_lanes(task: Task, numbers: Numbers, seeds: Array, data: Any, validation: Any, limits: Array) -> LoopState:
    """Returns the states at the end of all lanes, without their keys.

    Args:
        task: that of all.
        numbers: those of each lane.
        seeds: one for each lane, or one for all.
        data, validation: those of all lanes.
        limits: the epoch limit of each lane.
    """
    shared = None if seeds.ndim == 0 else 0
    loops = jax.vmap(lambda numbers, seed: _strip(start(task, numbers, seed, None)), (0, shared))(numbers, seeds)
    get_key = lambda seed: start(task, jax.tree.map(lambda leaf: leaf[0], numbers), seed, None).state.key  # noqa: E731
    keys = get_key(seeds) if shared is None else jax.vmap(get_key)(seeds)
    layout = task.configure(jax.tree.map(lambda leaf: leaf[0], numbers)).recipe
    data, validation = to_loop_layout(layout, data), swap_batch_axes(validation)

    def train_one(numbers: Numbers, loop: LoopState, key: Array, epoch: Array) -> LoopState:
        # The epoch is that of all lanes, so that lanes of one key share what they draw.
        loop = loop._replace(state=loop.state._replace(key=key, epoch=epoch))
        return _strip(run_epoch(task.configure(numbers), data, validation, loop))

    def train_all(carry: tuple[Array, LoopState]) -> tuple[Array, LoopState]:
        epoch, before = carry
        after = jax.vmap(train_one, (0, 0, shared, None))(numbers, before, jax.random.clone(keys), epoch)
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
