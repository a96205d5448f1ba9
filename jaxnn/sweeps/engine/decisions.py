"""What becomes of the trials after a chunk: which have ended, go on, or copy what another has learned."""

from operator import attrgetter

import numpy as np

from jaxnn.sweeps.engine.running_trial import RunningTrial
from jaxnn.sweeps.engine.trial import TrialLayout
from jaxnn.sweeps.schedulers.base import Copy, Stop, TrialScheduler, report_trial


def decide(
    trials: list[RunningTrial], layout: TrialLayout, scheduler: TrialScheduler | None
) -> tuple[list[tuple[RunningTrial, str]], list[tuple[RunningTrial, Copy]]]:
    """Asks the scheduler in the order of trials; returns the trials that ended, with their status, and the copies."""
    ended, copies = [], []
    arrived = {} if scheduler is None else _observe(trials, scheduler)
    for trial in trials:
        if trial.ended_early:
            ended.append((trial, "diverged" if trial.diverged else "stopped"))
        elif trial.epoch < trial.limit:
            continue
        elif scheduler is None:
            ended.append((trial, "finished"))
        elif trial.epoch >= trial.epochs:
            # A trial with fewer epochs than others may end between two rungs.
            if trial.epochs == layout.epochs:
                scheduler.report(trial.trial, trial.epoch, arrived[trial.trial])
            ended.append((trial, "finished"))
        else:
            decision = report_trial(scheduler, trial.trial, trial.epoch, arrived[trial.trial])
            if isinstance(decision, Stop):
                ended.append((trial, "stopped"))
                continue
            trial.limit = min(decision.until, trial.epochs)
            if isinstance(decision, Copy):
                copies.append((trial, decision))
    return ended, copies


def _observe(trials: list[RunningTrial], scheduler: TrialScheduler) -> dict[int, float]:
    """Tells the scheduler the scores of the trials that reached their limit or ended early; returns them."""
    # A copy takes the parameters of the latest epoch, so that a population is compared by it.
    score_of = attrgetter("latest_score" if scheduler.population else "score")
    arrived = {trial.trial: score_of(trial) for trial in trials if trial.epoch >= trial.limit or trial.ended_early}
    for number, score in arrived.items():
        scheduler.observe(number, score)
    return arrived


def apply_copies(
    size: int, running: list[RunningTrial], copies: list[tuple[RunningTrial, Copy]]
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Applies the copies to the trials; returns each lane's parent, the mask of copies, and the hypers of all lanes."""
    by_number = {trial.trial: trial for trial in running}
    parents, mask = np.arange(size, dtype=np.int32), np.zeros(size, bool)
    for trial, copy in copies:
        if copy.parent in by_number:  # a parent that ended at this rung has left its lanes
            parents[trial.lanes] = np.arange(size)[by_number[copy.parent].lanes]
            mask[trial.lanes] = True
            trial.values = dict(copy.values)
            trial.copies.append((trial.epoch, copy.parent, dict(copy.values)))
    values = {name: np.zeros(size, np.float32) for name in copies[0][0].values}
    for trial in running:
        for name, value in trial.values.items():
            values[name][trial.lanes] = value
    return parents, mask, values
