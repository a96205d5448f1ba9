"""The host loop of a sweep: which trial occupies which lanes, and for how long.

A trial occupies one lane for each of its repeats and folds. They start together and advance together, and the trial's
score is their mean. Between two chunks of the compiled program the host reads the curves and asks the scheduler about
trials that reached their limit. Then it refills the lanes of those that ended. Inside a chunk a lane freezes at its own
limit: the next rung, or the last epoch. The length of a chunk depends only on the epochs that the trials have left.

Without a scheduler a trial's end is known in advance, unless it diverges. The next chunk is then dispatched before the
result of the last is read, so that the devices do not wait for the host. Lanes of a trial that diverges are refilled
one chunk later. A source whose settings depend on results is asked only after these were read.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxnn._kernels.garbage import pause_collection
from jaxnn.sweeps.engine.chunk_length import choose_epochs
from jaxnn.sweeps.engine.chunk_result import ChunkResult
from jaxnn.sweeps.engine.chunk_runner import ChunkRunner
from jaxnn.sweeps.engine.decisions import apply_copies, decide
from jaxnn.sweeps.engine.lanes import LaneReader, LaneUpdates
from jaxnn.sweeps.engine.running_trial import RunningTrial
from jaxnn.sweeps.engine.source import ListedTrials, TrialSource
from jaxnn.sweeps.engine.trial import TrialLayout, TrialResult
from jaxnn.sweeps.schedulers.base import Copy, TrialScheduler, start_trial
from jaxnn.sweeps.space.space import Setting

# Called with a trial's result, and what reads its lanes while they are on the devices.
OnTrialEnd = Callable[[TrialResult, LaneReader], None]
# What trials go on from, by number: the result of an earlier run, and the state that its lanes had at the end.
Earlier = Mapping[int, tuple[TrialResult, list[np.ndarray]]]


class ChunkStats(NamedTuple):
    """Statistics of one chunk.

    Attributes:
        epochs: the number of epochs.
        busy: the share of its lane-epochs that trained a trial; free, frozen and diverged lanes do not count.
        running: the number of trials that continue after it.
        waiting: the number of trials without a lane.
        progress: the sum over the running trials of the epochs done, as a share of all epochs of a trial.
        seconds: from its dispatch, or the end of the chunk before, until its curves were read.
        compile_seconds: in which no chunk ran before it, because the sweep traced and waited for programs.
        worker: the computer and process that ran it, of a sweep in blocks; empty without.
    """

    epochs: int
    busy: float
    running: int
    waiting: int
    progress: float
    seconds: float
    compile_seconds: float = 0.0
    worker: str = ""


class _InFlight(NamedTuple):
    """A dispatched chunk; `members` are its trials, each with the number of the chunk's epochs that it trains."""

    lanes: Any
    read: Callable[[], ChunkResult]
    epochs: int
    members: list[tuple[RunningTrial, int]]
    dispatched_at: float


class _ChunkEnd(NamedTuple):
    """What a chunk led to: the lane-epochs that it trained, the numbers of the trials that ended, and the copies."""

    trained: int
    ended: set[int]
    copies: list[tuple[RunningTrial, Copy]]


def run_trials(
    program: ChunkRunner,
    trials: Iterable[tuple[int, Setting]] | TrialSource,
    *,
    layout: TrialLayout,
    scheduler: TrialScheduler | None,
    on_trial_end: OnTrialEnd,
    epochs_of: Callable[[int, Setting], int] | None = None,
    earlier: Earlier | None = None,
) -> Iterator[ChunkStats]:
    """Runs trials through the lanes of one program; yields after each chunk.

    Args:
        program: compiled for the trials' choices.
        trials: (number, setting) of each, in the order in which they start; or what gives them as lanes become free.
        layout: lanes and epochs of a trial.
        scheduler: of the sweep, or None.
        on_trial_end: called with the result of each trial that ends, the best of a chunk first.
        epochs_of: returns the most epochs of a trial, from its number and setting; None is those of the layout for all.
        earlier: what some of the trials go on from; the scheduler does not know their epochs.
    """
    epochs_of = epochs_of or (lambda *_: layout.epochs)
    is_asked = isinstance(trials, TrialSource)
    source, slots = trials if is_asked else ListedTrials(trials), _lane_slots(program, layout.lanes)
    running: list[RunningTrial] = []
    in_flight: deque[_InFlight] = deque()
    lanes, last_read = program.empty(), 0.0
    lookahead = 0 if is_asked or scheduler is not None else program.lookahead
    while source.waiting or running or in_flight:
        if source.waiting or running:
            with pause_collection():
                started = _start_trials(source, slots, running, layout, scheduler, epochs_of)
                running = sorted(running + started, key=lambda trial: trial.trial)
                if not running:
                    return
                if earlier:
                    lanes, started = _go_on(program, lanes, started, earlier)
                in_flight.append(_dispatch(program, lanes, running, started, layout))
            lanes = in_flight[-1].lanes
            running = [trial for trial in running if trial.dispatched < trial.epochs]
            if len(in_flight) <= lookahead:
                continue
        chunk = in_flight.popleft()
        result, chunk_started = chunk.read(), max(chunk.dispatched_at, last_read)
        last_read = time.perf_counter()
        end = _end_chunk(chunk, result, chunk_started, layout, scheduler, on_trial_end)
        running = [trial for trial in running if trial.trial not in end.ended]
        if end.copies:
            lanes = program.copy(lanes, *apply_copies(program.size, running, end.copies))
        unfinished, progress = _count_unfinished(running, in_flight, layout)
        busy = end.trained / (chunk.epochs * program.size)
        yield ChunkStats(chunk.epochs, busy, unfinished, source.waiting, progress, last_read - chunk_started)


def _lane_slots(program: ChunkRunner, lanes: int) -> list[slice]:
    """Returns the slices of lanes that trials can occupy.

    Slots of different devices alternate: lanes of one device may run one after another, and free ones cost no time.
    """
    starts = range(0, program.size - lanes + 1, lanes)
    return [slice(start, start + lanes) for start in sorted(starts, key=lambda start: start % program.width)]


def _start_trials(
    source: TrialSource,
    slots: list[slice],
    running: list[RunningTrial],
    layout: TrialLayout,
    scheduler: TrialScheduler | None,
    epochs_of: Callable[[int, Setting], int],
) -> list[RunningTrial]:
    """Puts waiting trials into free slots."""
    occupied = {trial.lanes.start for trial in running}
    free = [slot for slot in slots if slot.start not in occupied]
    taken = source.take(len(free)) if free else []
    pairs = zip(taken, free, strict=False)
    return [_start_trial(number, setting, slot, layout, scheduler, epochs_of) for (number, setting), slot in pairs]


def _start_trial(
    number: int,
    setting: Setting,
    slot: slice,
    layout: TrialLayout,
    scheduler: TrialScheduler | None,
    epochs_of: Callable[[int, Setting], int],
) -> RunningTrial:
    limit = epochs = epochs_of(number, setting)
    if scheduler is not None:
        limit = min(start_trial(scheduler, number, setting), limit)
    keeps_best = layout.keep_epoch == "best"
    return RunningTrial(number, setting, slot, limit, dict(setting.values), epochs, keeps_best, layout.metrics)


def _go_on(
    program: ChunkRunner, lanes: Any, started: list[RunningTrial], earlier: Earlier
) -> tuple[Any, list[RunningTrial]]:
    """Puts the states of earlier trials into their lanes; returns the lanes, and the trials that start anew."""
    states = []
    for trial in started:
        if trial.trial in earlier:
            result, state = earlier[trial.trial]
            trial.go_on(result)
            states.append((trial.trial, trial.lanes, state))
    lanes = program.put(lanes, states) if states else lanes
    return lanes, [trial for trial in started if trial.trial not in earlier]


def _dispatch(
    program: ChunkRunner, lanes: Any, running: list[RunningTrial], started: list[RunningTrial], layout: TrialLayout
) -> _InFlight:
    """Sends a chunk to the devices."""
    epochs = choose_epochs(np.array([trial.limit - trial.dispatched for trial in running]), program.max_epochs)
    updates = _make_updates(program.size, running, started, layout)
    now = time.perf_counter()
    lanes, read = program.advance(lanes, updates, epochs)
    return _InFlight(lanes, read, epochs, [(trial, trial.dispatch(epochs)) for trial in running], now)


def _make_updates(
    size: int, running: list[RunningTrial], started: list[RunningTrial], layout: TrialLayout
) -> LaneUpdates:
    """Returns which lanes start a training, and where each lane freezes."""
    starts, trial, repeat, fold, limit = (np.zeros(size, dtype) for dtype in (bool, *[np.int32] * 4))
    values = {name: np.zeros(size, np.float32) for name in running[0].values}
    repeats, folds = np.divmod(np.arange(layout.lanes), layout.folds)
    for each in running:
        limit[each.lanes] = each.limit
    for each in started:
        starts[each.lanes], trial[each.lanes] = True, each.trial
        repeat[each.lanes], fold[each.lanes] = repeats, folds
        for name, value in each.values.items():
            values[name][each.lanes] = value
    return LaneUpdates(starts, trial, repeat, values, fold, limit)


def _end_chunk(
    chunk: _InFlight,
    result: ChunkResult,
    chunk_started: float,
    layout: TrialLayout,
    scheduler: TrialScheduler | None,
    on_trial_end: OnTrialEnd,
) -> _ChunkEnd:
    """Records the result of a chunk in its trials, asks the scheduler, and reports the trials that ended."""
    with pause_collection():
        # A trial that ended early in the last chunk is still in this one, which had already been dispatched.
        members = [member for member in chunk.members if not member[0].ended_early]
        has_ends = result.has_ends
        trained = sum(trial.record(own, result, chunk_started, has_ends=has_ends) for trial, own in members)
        ended, copies = decide([trial for trial, _ in members], layout, scheduler)
        _report_best_first(ended, chunk.lanes, on_trial_end)
    return _ChunkEnd(trained, {trial.trial for trial, _ in ended}, copies)


def _report_best_first(ended: list[tuple[RunningTrial, str]], lanes: Any, on_trial_end: OnTrialEnd) -> None:
    """Reports the best first, so that no parameters are copied that the next trial would replace."""
    results = [(trial.end(status), trial.lanes) for trial, status in ended]
    for result, slot in sorted(results, key=lambda pair: -pair[0].rank):
        on_trial_end(result, LaneReader(lanes, slot))


def _count_unfinished(
    running: list[RunningTrial], in_flight: Iterable[_InFlight], layout: TrialLayout
) -> tuple[int, float]:
    """Returns the number of unfinished trials, and the sum of their progress."""
    dispatched = [trial for chunk in in_flight for trial, _ in chunk.members if not trial.ended_early]
    epochs = {trial.trial: trial.epoch for trial in [*running, *dispatched]}
    return len(epochs), sum(epochs.values()) / layout.epochs
