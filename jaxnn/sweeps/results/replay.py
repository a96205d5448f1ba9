"""Replay of a trial, with the trials from which it copied: the same program and keys give the same bits."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.sweeps.engine.lanes import LaneReader
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.run import run_trials
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.engine.trim import Trimmer, final_setting
from jaxnn.sweeps.results.workers import Workers
from jaxnn.sweeps.schedulers.base import Continue, Copy, Decision, Stop, TrialScheduler
from jaxnn.sweeps.space.space import Choices
from jaxnn.training.evaluation import Curves


class Replay(NamedTuple):
    """A trial that was computed again.

    Attributes:
        params: its parameters, with the lanes (repeats × folds) on the first axis.
        curves: `losses`, `validation_losses`, `scores` and the `metrics` by name, each of shape (lanes, epochs).
    """

    params: Any
    curves: Curves


class Programs(dict[Choices, Program]):
    """The programs of a sweep by their choices; a pickle holds none of them, since they are compiled."""

    def __reduce__(self) -> Any:
        return Programs, ()


def replay_trial(
    plan: Plan,
    programs: Programs,
    trials: tuple[TrialResult, ...],
    trial: int,
    workers: Workers | None,
    executor: Any,
) -> Replay:
    """Runs a trial of a sweep again, in this process or on an executor, see `SweepResult.replay`."""
    own = trials[trial]
    if not own.score_epoch:
        raise ValueError(f"sweep: trial {trial} is {own.status}, so nothing can be replayed: {own.reason}")
    plan.recipe(*final_setting(plan.inherited, own))  # a result that was loaded has none, and says so
    if workers is not None:
        # Many modules, which sweeps without blocks do not need.
        from jaxnn.sweeps.blocks.remote import choose_executor, replay_there

        executor = choose_executor(workers, executor)
        if executor is not None:
            return replay_there(plan, trials, trial, workers, executor)
    elif executor is not None:
        raise ValueError("replay: executor= runs trials of a sweep in blocks; this sweep had none, see its block=")
    return replay(plan, programs, dict(enumerate(trials)), [trial])[trial]


def replay(
    plan: Plan, programs: Programs, results: Mapping[int, TrialResult], trials: Sequence[int]
) -> dict[int, Replay]:
    """Runs trials again, each to the epoch of its score; those that copied none run together."""
    groups: dict[Any, list[int]] = {}
    for trial in trials:
        setting, copies = results[trial].setting, results[trial].copies
        groups.setdefault((trial,) if copies else setting.choices, []).append(trial)
    replayed: dict[int, Replay] = {}
    for group in groups.values():
        replayed |= _replay_group(plan, programs, results, group)
    return replayed


def _replay_group(
    plan: Plan, programs: Programs, results: Mapping[int, TrialResult], trials: list[int]
) -> dict[int, Replay]:
    """Runs trials of one program, or one trial with those from which it copied."""
    setting = results[trials[0]].setting
    if setting.choices not in programs:
        programs[setting.choices] = plan.make_program(setting)
    numbers = sorted(find_ancestors(results, trials))
    ran = {number: results[number] for number in numbers} | {trial: _end_at_score(results[trial]) for trial in trials}
    stops = {epoch for result in ran.values() for epoch in _find_stops(plan, result)}
    scheduler = _Recorded(ran, stops)
    replayed: dict[int, Replay] = {}
    trim = Trimmer(plan)

    def collect(result: TrialResult, reader: LaneReader) -> None:
        if result.trial in trials:
            replayed[result.trial] = Replay(trim(result, reader.read_params()), result.curves)

    settings = [(number, results[number].setting) for number in numbers]
    layout = plan.layout._replace(epochs=max(ran[trial].epochs for trial in trials), keep_epoch="last")
    for _ in run_trials(programs[setting.choices], settings, layout=layout, scheduler=scheduler, on_trial_end=collect):
        pass
    return replayed


def _end_at_score(result: TrialResult) -> TrialResult:
    """Returns a result as if the trial had ended at the epoch of its score."""
    end = result.score_epoch
    copies = tuple(copy for copy in result.copies if copy[0] < end)
    return result._replace(epochs=end, curves=jax.tree.map(lambda curve: curve[:, :end], result.curves), copies=copies)


def find_ancestors(results: Mapping[int, TrialResult] | Sequence[TrialResult], trials: list[int]) -> set[int]:
    """Returns the numbers of trials and of their ancestors: their parents, the parents of these, and so on."""
    ancestors, waiting = set(), list(trials)
    while waiting:
        number = waiting.pop()
        if number not in ancestors:
            ancestors.add(number)
            waiting += [parent for _, parent, _ in results[number].copies]
    return ancestors


def _find_stops(plan: Plan, result: TrialResult) -> list[int]:
    """Returns the epochs at which a trial must stop to be evaluated as it was."""
    if plan.evaluate_at == "rungs":
        evaluated = ~np.isnan(result.curves.validation_losses[0])
    else:
        on_host = plan.on_host.get(result.setting.choices, ())
        curves = [result.curves.metrics[name] for name in on_host]
        # The numbers of a lane that its rule ended are repeated up to the end of the others.
        evaluated = ~np.isnan(curves).any(axis=(0, 1)) if on_host else []
    return (np.flatnonzero(evaluated) + 1).tolist()


class _Recorded(TrialScheduler):
    """A scheduler that repeats recorded decisions, and stops at some more epochs."""

    def __init__(self, results: dict[int, TrialResult], stops: set[int]) -> None:
        self._results = results
        # All trials stop at all copies, so that a parent is at the epoch at which it was copied.
        stops = stops | {epoch for result in results.values() for epoch, _, _ in result.copies}
        self._stops = sorted(stops)

    def start(self, trial: int) -> int:
        return self._next_stop(trial, 0)

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        del score
        if epoch >= self._results[trial].epochs:
            return Stop()
        for copy_epoch, parent, values in self._results[trial].copies:
            if copy_epoch == epoch:
                return Copy(parent, values, self._next_stop(trial, epoch))
        return Continue(self._next_stop(trial, epoch))

    def _next_stop(self, trial: int, epoch: int) -> int:
        return min((stop for stop in (*self._stops, self._results[trial].epochs) if stop > epoch), default=epoch)
