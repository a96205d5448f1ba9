"""Random learning curves, and a scheduler that decides about them as in a sweep."""

import jax
import numpy as np

from helpers.scheduler_references import Report
from jaxnn.sweeps.samplers import RandomSampler
from jaxnn.sweeps.schedulers.base import Scheduler, Stop, TrialScheduler
from jaxnn.sweeps.space.distributions import log_uniform
from jaxnn.sweeps.space.integers import integers
from jaxnn.sweeps.space.space import Setting, choice

SPACE = {"rate": log_uniform(1e-3, 1.0), "warmup": integers(0, 9), "width": choice(8, 16)}


def init_scheduler(
    scheduler: Scheduler, epochs: int, *, trials: int = 0, space: dict | None = None, seed: int = 0
) -> TrialScheduler:
    """Returns the trial scheduler, to which the trials have been added in order."""
    space = space or SPACE
    trial_scheduler = scheduler.init(epochs, space, jax.random.key(seed))
    for trial, setting in enumerate(random_settings(space, trials)):
        trial_scheduler.add(trial, setting)
    return trial_scheduler


def random_settings(space: dict, trials: int) -> list[Setting]:
    """Returns the settings of the random sampler."""
    return list(RandomSampler().init(space, jax.random.key(1), None).ask(trials))


def make_curves(trials: int, epochs: int, seed: int) -> np.ndarray:
    """Returns scores that rise to a different level in each trial, cross on the way, and have ties and a few NaN."""
    rng = np.random.default_rng(seed)
    levels, rates = rng.random((trials, 1)), rng.uniform(0.05, 1, (trials, 1))
    curves = levels * (1 - np.exp(-rates * np.arange(epochs + 1))) + 0.05 * rng.normal(size=(trials, epochs + 1))
    curves = (64 * curves).round() / 64  # sums of these are exact: a running mean is the mean
    curves[rng.random(curves.shape) < 0.02] = np.nan
    return curves


def run_trials(trial_scheduler: TrialScheduler, curves: np.ndarray, seed: int, lanes: int = 12) -> list[Report]:
    """Returns all reports, with the decisions; the running trials report in a random order."""
    rng = np.random.default_rng(seed)
    waiting = list(range(len(curves)))
    next_reports: dict[int, int] = {}
    reports = []
    while waiting or next_reports:
        while waiting and len(next_reports) < lanes:
            trial = waiting.pop(0)
            next_reports[trial] = trial_scheduler.start(trial)
        trial = int(rng.choice(list(next_reports)))
        epoch = next_reports[trial]
        score = float(curves[trial, epoch])
        decision = trial_scheduler.report(trial, epoch, score)
        reports.append((trial, epoch, score, decision))
        if isinstance(decision, Stop):
            del next_reports[trial]
        else:
            assert decision.until > epoch
            next_reports[trial] = decision.until
    return reports
