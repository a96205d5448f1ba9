"""The host's side of a sweep: which trial sits in which lane, and for how long.

A trial takes one lane for each of its repeats and folds; they start together, run in step, and the trial is judged by
their mean. Between two calls of the compiled program the host reads the curves, asks the scheduler about the trials
that reached their rung, and gives the lanes of those that ended to the next ones. Inside a call a lane freezes at its
own rung; how long a call lasts depends on nothing but the epochs that the trials have left, and so does every decision.
"""

import functools
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jaxnn.sweeps.decisions import Continue, Copy, Stop
from jaxnn.sweeps.lanes import Assignment, Lanes
from jaxnn.sweeps.program import Runnable
from jaxnn.sweeps.space import Setting
from jaxnn.sweeps.trials import Layout, Outcome, Running

# The share of its lane-epochs that a call may waste on lanes that wait, frozen, for its end. A longer call costs fewer
# visits of the host, each about half a millisecond.
_WASTE = 0.03

# Called with a trial that ended and a function that reads its parameters, (lanes, …), while they are still there.
Report = Callable[[Outcome, Callable[[], Any]], None]


class Call(NamedTuple):
    """What one call of the compiled program did.

    Attributes:
        epochs: how many it ran.
        busy: the share of its lane-epochs that trained something: lanes that are free, frozen or diverged do not.
        running: the trials that go on.
        waiting: trials that had no lane yet.
        progress: epochs done of the running trials, as a share of all they may do, summed.
        seconds: from handing it the lanes to having read its curves.
    """

    epochs: int
    busy: float
    running: int
    waiting: int
    progress: float
    seconds: float


def run_trials(
    program: Runnable,
    trials: Iterable[tuple[int, Setting]],
    *,
    layout: Layout,
    scheduler: Any,
    report: Report,
) -> Iterator[Call]:
    """Run all trials through the lanes of one program, call by call.

    Args:
        program: compiled for the trials' bucket.
        trials: number and setting of each, in the order in which they start.
        layout: lanes of a trial, and its epochs.
        scheduler: what `asha(...).begin(...)` returns, or None.
        report: gets every outcome.
    """
    queue, free = deque(trials), deque(_groups(program.size, layout.lanes))
    running: list[Running] = []
    lanes = program.empty()
    while queue or running:
        fresh = [_begin(queue.popleft(), free.popleft(), layout, scheduler) for _ in range(min(len(queue), len(free)))]
        running = sorted(running + fresh, key=lambda trial: trial.trial)
        epochs = _length(np.array([trial.limit - trial.epoch for trial in running]), program.longest)
        begun = time.perf_counter()
        if fresh:
            lanes = program.assign(lanes, _assignment(program.size, fresh, layout))
        lanes, news = program.advance(lanes, _limits(program.size, running), epochs)
        seconds = time.perf_counter() - begun
        diverged, curves = news.diverged if news.diverged.any() else None, news.curves
        busy = sum(trial.proceed(epochs, diverged, curves) for trial in running) / (epochs * program.size)
        running, ended, copies = _decide(running, layout, scheduler)
        # Best first: whoever keeps parameters of the best need not read those that better ones would push out at once.
        outcomes = [(trial.outcome(status), trial.lanes) for trial, status in ended]
        for outcome, where in sorted(outcomes, key=lambda each: _rank(each[0].score)):
            report(outcome, lambda where=where, lanes=lanes: _params(lanes, where))
            free.append(where)
        if copies:
            lanes = program.copy(lanes, *_copying(program.size, running, copies))
        progress = sum(trial.epoch for trial in running) / layout.epochs
        yield Call(epochs, busy, len(running), len(queue), progress, seconds)


def _groups(size: int, lanes: int) -> list[slice]:
    return [slice(start, start + lanes) for start in range(0, size - lanes + 1, lanes)]


def _begin(trial: tuple[int, Setting], lanes: slice, layout: Layout, scheduler: Any) -> Running:
    number, setting = trial
    if scheduler is None:
        return Running(number, setting, lanes, layout.epochs, dict(setting.values))
    scheduler.add(number, setting)
    return Running(number, setting, lanes, min(scheduler.start(number), layout.epochs), dict(setting.values))


def _length(left: np.ndarray, longest: int) -> int:
    """The longest call that wastes little, for trials with so many epochs left; never past the last of them."""
    lengths = np.arange(1, min(longest, left.max()) + 1)
    # A trial with t epochs left is frozen in every epoch after its t-th.
    ended = np.cumsum(np.bincount(left, minlength=len(lengths)))[: len(lengths)]
    frozen = np.cumsum(ended)
    return int(lengths[frozen <= _WASTE * lengths * len(left)].max())


def _assignment(size: int, fresh: list[Running], layout: Layout) -> Assignment:
    """What the lanes are given that start."""
    starts, trial, repeat, fold = (np.zeros(size, kind) for kind in (bool, np.int32, np.int32, np.int32))
    values = {name: np.zeros(size, np.float32) for name in fresh[0].values}
    repeats, folds = np.divmod(np.arange(layout.lanes), layout.folds)
    for each in fresh:
        starts[each.lanes], trial[each.lanes] = True, each.trial
        repeat[each.lanes], fold[each.lanes] = repeats, folds
        for name, value in each.values.items():
            values[name][each.lanes] = value
    return Assignment(starts, trial, repeat, values, fold)


def _limits(size: int, running: list[Running]) -> np.ndarray:
    """The epoch at which each lane freezes; 0 for those that hold no trial."""
    limits = np.zeros(size, np.int32)
    for trial in running:
        limits[trial.lanes] = trial.limit
    return limits


def _decide(
    running: list[Running], layout: Layout, scheduler: Any
) -> tuple[list[Running], list[tuple[Running, str]], list[tuple[Running, Copy]]]:
    """Who goes on, who ended and how, and who is to copy whom; the scheduler is asked in the order of the trials."""
    going, ended, copies = [], [], []
    arrived = {}
    if scheduler is not None:
        arrived = {trial.trial: trial.score for trial in running if trial.epoch >= trial.limit or trial.diverged}
        for number, score in arrived.items():
            scheduler.observe(number, score)
    for trial in running:
        if trial.diverged:
            ended.append((trial, "diverged"))
            continue
        if trial.epoch < trial.limit:
            going.append(trial)
            continue
        decision = Stop()
        if scheduler is not None:
            decision = scheduler.report(trial.trial, trial.epoch, arrived[trial.trial])
        if trial.epoch >= layout.epochs:
            ended.append((trial, "finished"))
        elif isinstance(decision, Stop):
            ended.append((trial, "stopped"))
        else:
            assert isinstance(decision, Continue | Copy)
            trial.limit = min(decision.until, layout.epochs)
            going.append(trial)
            if isinstance(decision, Copy):
                copies.append((trial, decision))
    return going, ended, copies


def _rank(score: float) -> float:
    return math.inf if math.isnan(score) else -score


def _params(lanes: Lanes, where: slice) -> Any:
    """Those of some lanes, device by device, which is many times faster than to slice what is sharded."""
    leaves, structure = jax.tree.flatten(lanes.state.params)
    found = []
    for shards in zip(*(leaf.addressable_shards for leaf in leaves), strict=True):
        first, last, _ = shards[0].index[0].indices(leaves[0].shape[0])
        start, stop = max(where.start, first), min(where.stop, last)
        if start < stop:
            found.append(jax.device_get(_cut([shard.data for shard in shards], start - first, stop - start)))
    return jax.tree.unflatten(structure, [np.concatenate(rows) for rows in zip(*found, strict=True)])


@functools.partial(jax.jit, static_argnums=2)
def _cut(leaves: list[Array], start: Array, count: int) -> list[Array]:
    # The start is an argument: a slice between fixed ends would be compiled anew for every lane.
    return [jax.lax.dynamic_slice_in_dim(leaf, start, count) for leaf in leaves]


def _copying(
    size: int, running: list[Running], copies: list[tuple[Running, Copy]]
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Parents and mask by lane, and the hypers of all lanes with those of the copies in place."""
    place = {trial.trial: trial for trial in running}
    parents, mask = np.arange(size), np.zeros(size, bool)
    for trial, copy in copies:
        if copy.parent in place:  # a parent that ended at this very rung has left its lanes
            parents[trial.lanes] = np.arange(size)[place[copy.parent].lanes]
            mask[trial.lanes] = True
            trial.values = dict(copy.values)
            trial.copies.append((trial.epoch, copy.parent, dict(copy.values)))
    values = {name: np.zeros(size, np.float32) for name in copies[0][0].values}
    for trial in running:
        for name, value in trial.values.items():
            values[name][trial.lanes] = value
    return parents, mask, values
