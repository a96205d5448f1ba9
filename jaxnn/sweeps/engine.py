"""The host's side of a sweep: which trial sits in which lane, how long, and what came of it.

A trial takes one lane for each of its repeats and folds; they start together, run in step, and the trial is judged by
their mean. Between two calls of the compiled program the host reads the curves, asks the scheduler about the trials
that reached their rung, and gives the lanes of those that ended to the next ones. A call lasts until the first trial
reaches its rung, so that no lane waits and no decision depends on anything but epochs.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jaxnn.sweeps.lanes import LONGEST, Assignment, Curves, Lanes, Program
from jaxnn.sweeps.schedulers import Continue, Copy, Stop
from jaxnn.sweeps.space import Setting


class Outcome(NamedTuple):
    """What came of a trial.

    Attributes:
        trial: its number.
        setting: its hypers, as it started.
        status: "finished", "stopped" by the scheduler, or "diverged".
        epochs: how many it ran.
        score: the mean over its lanes after the last epoch; NaN where it diverged.
        spread: the standard deviation over its lanes.
        seconds: from its start to its end, beside all the others.
        curves: of its lanes, each of shape (lanes, epochs).
        copies: (epoch, parent, values) of each copy under population-based training.
    """

    trial: int
    setting: Setting
    status: str
    epochs: int
    score: float
    spread: float
    seconds: float
    curves: Curves
    copies: tuple[tuple[int, int, dict[str, float]], ...]


@dataclass
class _Running:
    """A trial in its lanes."""

    trial: int
    setting: Setting
    lanes: slice
    limit: int
    values: dict[str, float]
    epoch: int = 0
    started: float = field(default_factory=time.perf_counter)
    history: list[Curves] = field(default_factory=list)
    copies: list[tuple[int, int, dict[str, float]]] = field(default_factory=list)


class Layout(NamedTuple):
    """How trials lie in lanes: `repeats` × `folds` lanes each, and the epoch at which every trial ends."""

    repeats: int
    folds: int
    epochs: int

    @property
    def lanes(self) -> int:
        """Lanes of one trial."""
        return self.repeats * self.folds


# Called with a trial that ended and a function that reads its parameters, (lanes, …), while they are still there.
Report = Callable[[Outcome, Callable[[], Any]], None]


def run_trials(
    program: Program,
    trials: Iterable[tuple[int, Setting]],
    *,
    key: Array,
    layout: Layout,
    scheduler: Any,
    report: Report,
) -> Iterator[float]:
    """Run all trials through the lanes of one program; yields the share of lanes in use, call by call.

    Args:
        program: compiled for the trials' bucket.
        trials: number and setting of each, in the order in which they start.
        key: the sweep's; a trial's own is `fold_in(fold_in(key, trial), repeat)`.
        layout: lanes of a trial, and its epochs.
        scheduler: what `asha(...).begin(...)` returns, or None.
        report: gets every outcome.
    """
    queue, free = deque(trials), deque(_groups(program.size, layout.lanes))
    running: list[_Running] = []
    lanes = program.empty()
    while queue or running:
        fresh = [_begin(queue.popleft(), free.popleft(), layout, scheduler) for _ in range(min(len(queue), len(free)))]
        running += fresh
        if fresh:
            lanes = program.assign(lanes, *_assignment(program.size, fresh, key, layout))
        epochs = min(LONGEST, min(trial.limit - trial.epoch for trial in running))
        lanes, curves = program.advance(lanes, _limits(program.size, running), epochs)
        diverged, curves = jax.device_get((lanes.diverged, curves))
        yield len(running) * layout.lanes / program.size
        for trial in running:
            trial.epoch += epochs
            trial.history.append(Curves(*(curve[trial.lanes, :epochs] for curve in curves)))
        running, ended, copies = _decide(running, diverged, layout, scheduler)
        for trial, status in ended:
            report(_outcome(trial, status, diverged), lambda trial=trial, lanes=lanes: _params(lanes, trial.lanes))
            free.append(trial.lanes)
        if copies:
            lanes = program.copy(lanes, *_copying(program.size, running, copies))


def _groups(size: int, lanes: int) -> list[slice]:
    return [slice(start, start + lanes) for start in range(0, size - lanes + 1, lanes)]


def _begin(trial: tuple[int, Setting], lanes: slice, layout: Layout, scheduler: Any) -> _Running:
    number, setting = trial
    if scheduler is None:
        return _Running(number, setting, lanes, layout.epochs, dict(setting.values))
    scheduler.add(number, setting)
    return _Running(number, setting, lanes, min(scheduler.start(number), layout.epochs), dict(setting.values))


def _assignment(size: int, fresh: list[_Running], key: Array, layout: Layout) -> tuple[np.ndarray, Assignment]:
    """The mask of the lanes that start, and what each of them is given."""
    mask, fold, repeat, number = (np.zeros(size, kind) for kind in (bool, np.int32, np.int32, np.int32))
    values = {name: np.zeros(size, np.float32) for name in fresh[0].values}
    for trial in fresh:
        mask[trial.lanes], number[trial.lanes] = True, trial.trial
        repeat[trial.lanes], fold[trial.lanes] = np.divmod(np.arange(layout.lanes), layout.folds)
        for name, value in trial.values.items():
            values[name][trial.lanes] = value
    return mask, Assignment(trial_keys(key, number, repeat), values, fold)


@jax.jit
def trial_keys(key: Array, trials: Array, repeats: Array) -> Array:
    """The key of each lane, as numbers: `fold_in(fold_in(key, trial), repeat)`; all folds of a repeat start alike."""
    keys = jax.vmap(lambda trial, repeat: jax.random.fold_in(jax.random.fold_in(key, trial), repeat))(trials, repeats)
    return jax.random.key_data(keys)


def _limits(size: int, running: list[_Running]) -> np.ndarray:
    """The epoch at which each lane freezes; 0 for those that hold no trial."""
    limits = np.zeros(size, np.int32)
    for trial in running:
        limits[trial.lanes] = trial.limit
    return limits


def _decide(
    running: list[_Running], diverged: np.ndarray, layout: Layout, scheduler: Any
) -> tuple[list[_Running], list[tuple[_Running, str]], list[tuple[_Running, Copy]]]:
    """Who goes on, who ended and how, and who is to copy whom; the scheduler is asked in the order of the trials."""
    going, ended, copies = [], [], []
    running = sorted(running, key=lambda trial: trial.trial)
    arrived = [trial for trial in running if trial.epoch >= trial.limit or diverged[trial.lanes].any()]
    scores = {trial.trial: _score(trial, diverged) for trial in arrived}
    if scheduler is not None:
        for number, score in scores.items():
            scheduler.observe(number, score)
    for trial in running:
        if diverged[trial.lanes].any():
            ended.append((trial, "diverged"))
            continue
        if trial.epoch < trial.limit:
            going.append(trial)
            continue
        decision = Stop()
        if scheduler is not None:
            decision = scheduler.report(trial.trial, trial.epoch, scores[trial.trial])
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


def _score(trial: _Running, diverged: np.ndarray) -> float:
    """The mean of its lanes' latest scores; NaN, the worst, where one has diverged."""
    return float("nan") if diverged[trial.lanes].any() else float(trial.history[-1].scores[:, -1].mean())


def _outcome(trial: _Running, status: str, diverged: np.ndarray) -> Outcome:
    curves = Curves(*(np.concatenate(parts, axis=1) for parts in zip(*trial.history, strict=True)))
    epochs = trial.epoch
    if status == "diverged":
        epochs = int(min(epoch for epoch in diverged[trial.lanes] if epoch))
        curves = Curves(*(curve[:, :epochs] for curve in curves))
    scores = np.full(1, np.nan) if status == "diverged" else curves.scores[:, -1]
    seconds = time.perf_counter() - trial.started
    summary = float(scores.mean()), float(scores.std()), seconds
    return Outcome(trial.trial, trial.setting, status, epochs, *summary, curves, tuple(trial.copies))


def _params(lanes: Lanes, where: slice) -> Any:
    # A copy: a view of the buffer would keep the next call from taking it over.
    return jax.tree.map(lambda leaf: np.array(leaf[where]), lanes.state.params)


def _copying(
    size: int, running: list[_Running], copies: list[tuple[_Running, Copy]]
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
