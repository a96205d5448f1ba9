"""The host's side of a sweep: which trial sits in which lane, and for how long.

A trial takes one lane for each of its repeats and folds; they start together, run in step, and the trial is judged by
their mean. Between two calls of the compiled program the host reads the curves, asks the scheduler about the trials
that reached their rung, and gives the lanes of those that ended to the next ones. Inside a call a lane freezes at its
own rung; how long a call lasts depends on nothing but the epochs that the trials have left, and so does every decision.

Without a scheduler it is known beforehand when a trial ends, unless it diverges. Then the next call is sent before the
news of the last one are read, and the devices need not wait for the host; the lanes of a trial that diverges are given
away a call later.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxnn.sweeps.engine.lanes import Orders
from jaxnn.sweeps.engine.learned import read_params
from jaxnn.sweeps.engine.program import News, Runnable
from jaxnn.sweeps.engine.trial import Layout, Outcome, Running
from jaxnn.sweeps.schedulers.base import Continue, Copy, Stop
from jaxnn.sweeps.space.space import Setting

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
        seconds: from its beginning, when it had been sent and the call before was over, to having read its curves.
    """

    epochs: int
    busy: float
    running: int
    waiting: int
    progress: float
    seconds: float


class _Sent(NamedTuple):
    """A call under way: the lanes as it leaves them, and the trials in it with how many of its epochs are their own."""

    lanes: Any
    read: Callable[[], News]
    epochs: int
    members: list[tuple[Running, int]]
    at: float


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
    queue, places = deque(trials), _places(program, layout.lanes)
    running: list[Running] = []
    sent: deque[_Sent] = deque()
    lanes, over = program.empty(), 0.0
    ahead = program.ahead if scheduler is None else 0
    while queue or running or sent:
        if queue or running:
            taken = {trial.lanes.start for trial in running}
            free = [where for where in places if where.start not in taken]
            fresh = [_begin(queue.popleft(), where, layout, scheduler) for where in free[: len(queue)]]
            running = sorted(running + fresh, key=lambda trial: trial.trial)
            sent.append(_send(program, lanes, running, fresh, layout))
            lanes = sent[-1].lanes
            running = [trial for trial in running if trial.sent < layout.epochs]
            if len(sent) <= ahead:
                continue
        call = sent.popleft()
        news, begun = call.read(), max(call.at, over)
        over = time.perf_counter()
        # The others diverged in the call before, when this one was under way.
        members = [member for member in call.members if not member[0].diverged]
        busy = _note(members, news, begun) / (call.epochs * program.size)
        ended, copies = _decide([trial for trial, _ in members], layout, scheduler)
        _tell(ended, call.lanes, report)
        gone = {trial.trial for trial, _ in ended}
        running = [trial for trial in running if trial.trial not in gone]
        if copies:
            lanes = program.copy(lanes, *_copying(program.size, running, copies))
        yield Call(call.epochs, busy, *_under_way(running, sent, len(queue), layout), over - begun)


def _send(program: Runnable, lanes: Any, running: list[Running], fresh: list[Running], layout: Layout) -> _Sent:
    """Hand a call to the devices."""
    epochs = _length(np.array([trial.limit - trial.sent for trial in running]), program.longest)
    orders = _orders(program.size, running, fresh, layout)
    now = time.perf_counter()
    lanes, read = program.advance(lanes, orders, epochs)
    return _Sent(lanes, read, epochs, [(trial, trial.send(epochs)) for trial in running], now)


def _note(members: list[tuple[Running, int]], news: News, begun: float) -> int:
    """What a call told, for its trials; how many lane-epochs were at work."""
    diverged = news.diverged if news.diverged.any() else None
    return sum(trial.proceed(done, diverged, news.curves, begun) for trial, done in members)


def _tell(ended: list[tuple[Running, str]], lanes: Any, report: Report) -> None:
    """Best first: whoever keeps parameters of the best need not read those that better ones would push out at once."""
    outcomes = [(trial.outcome(status), trial.lanes) for trial, status in ended]
    for outcome, where in sorted(outcomes, key=lambda each: _rank(each[0].score)):
        report(outcome, lambda where=where: read_params(lanes, where))


def _under_way(running: list[Running], sent: Iterable[_Sent], waiting: int, layout: Layout) -> tuple[int, int, float]:
    """How many trials run and wait, and the progress of the former."""
    sent_for = [trial for call in sent for trial, _ in call.members if not trial.diverged]
    found = {trial.trial: trial.epoch for trial in [*running, *sent_for]}
    return len(found), waiting, sum(found.values()) / layout.epochs


def _places(program: Runnable, lanes: int) -> list[slice]:
    """Where trials of so many lanes can lie.

    A place of each device in turn: those of one device may run one after another, and free ones then cost no time.
    """
    starts = range(0, program.size - lanes + 1, lanes)
    return [slice(start, start + lanes) for start in sorted(starts, key=lambda start: start % program.width)]


def _begin(trial: tuple[int, Setting], lanes: slice, layout: Layout, scheduler: Any) -> Running:
    number, setting = trial
    if scheduler is None:
        return Running(number, setting, lanes, layout.epochs, dict(setting.values))
    scheduler.add(number, setting)
    return Running(number, setting, lanes, min(scheduler.start(number), layout.epochs), dict(setting.values))


def _length(left: np.ndarray, longest: int) -> int:
    """The longest call that wastes little, for trials with so many epochs left; never past the last of them."""
    most = min(longest, int(left.max()))
    if left.min() >= most:
        return most
    lengths = np.arange(1, most + 1)
    # A trial with t epochs left is frozen in every epoch after its t-th.
    ended = np.cumsum(np.bincount(left, minlength=len(lengths)))[: len(lengths)]
    frozen = np.cumsum(ended)
    return int(lengths[frozen <= _WASTE * lengths * len(left)].max())


def _orders(size: int, running: list[Running], fresh: list[Running], layout: Layout) -> Orders:
    """What the lanes are told: who starts where, and where each one freezes."""
    starts, trial, repeat, fold, limit = (np.zeros(size, kind) for kind in (bool, *[np.int32] * 4))
    values = {name: np.zeros(size, np.float32) for name in running[0].values}
    repeats, folds = np.divmod(np.arange(layout.lanes), layout.folds)
    for each in running:
        limit[each.lanes] = each.limit
    for each in fresh:
        starts[each.lanes], trial[each.lanes] = True, each.trial
        repeat[each.lanes], fold[each.lanes] = repeats, folds
        for name, value in each.values.items():
            values[name][each.lanes] = value
    return Orders(starts, trial, repeat, values, fold, limit)


def _decide(
    running: list[Running], layout: Layout, scheduler: Any
) -> tuple[list[tuple[Running, str]], list[tuple[Running, Copy]]]:
    """Who ended and how, and who is to copy whom; the scheduler is asked in the order of the trials."""
    ended, copies = [], []
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
            if isinstance(decision, Copy):
                copies.append((trial, decision))
    return ended, copies


def _rank(score: float) -> float:
    return math.inf if math.isnan(score) else -score


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
