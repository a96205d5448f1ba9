"""Recorded curves, and a scheduler that is asked about them as a sweep would ask it."""

import jax
import numpy as np

from helpers.scheduler_references import Report
from jaxnn.sweeps.samplers import RandomSampler
from jaxnn.sweeps.schedulers.base import Scheduler, Stop, TrialScheduler
from jaxnn.sweeps.space.distributions import integers, log_uniform
from jaxnn.sweeps.space.space import Setting, choice

SPACE = {"rate": log_uniform(1e-3, 1.0), "warmup": integers(0, 9), "width": choice(8, 16)}


def begin(
    scheduler: Scheduler, epochs: int, *, trials: int = 0, space: dict | None = None, seed: int = 0
) -> TrialScheduler:
    """The running object, with the trials added in order."""
    space = space or SPACE
    running = scheduler.init(epochs, space, jax.random.key(seed))
    for trial, setting in enumerate(random_settings(space, trials)):
        running.add(trial, setting)
    return running


def random_settings(space: dict, trials: int) -> list[Setting]:
    return list(RandomSampler().init(space, jax.random.key(1), None).ask(trials))


def recorded_curves(trials: int, epochs: int, seed: int) -> np.ndarray:
    """Scores that rise to a level of the trial's own and cross on the way, with ties and a few NaN."""
    rng = np.random.default_rng(seed)
    levels, rates = rng.random((trials, 1)), rng.uniform(0.05, 1, (trials, 1))
    curves = levels * (1 - np.exp(-rates * np.arange(epochs + 1))) + 0.05 * rng.normal(size=(trials, epochs + 1))
    curves = (64 * curves).round() / 64  # sums of these are exact: a running mean is the mean
    curves[rng.random(curves.shape) < 0.02] = np.nan
    return curves


def play(running: TrialScheduler, curves: np.ndarray, seed: int, lanes: int = 12) -> list[Report]:
    """All reports, with the answers; the lanes come to their next report in an order of chance."""
    rng = np.random.default_rng(seed)
    waiting = list(range(len(curves)))
    until: dict[int, int] = {}
    reports = []
    while waiting or until:
        while waiting and len(until) < lanes:
            trial = waiting.pop(0)
            until[trial] = running.start(trial)
        trial = int(rng.choice(list(until)))
        epoch, score = until[trial], float(curves[trial, until[trial]])
        decision = running.report(trial, epoch, score)
        reports.append((trial, epoch, score, decision))
        if isinstance(decision, Stop):
            del until[trial]
        else:
            assert decision.until > epoch
            until[trial] = decision.until
    return reports
