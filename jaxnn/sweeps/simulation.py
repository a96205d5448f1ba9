"""`simulate`: what a scheduler would have done in a sweep that ran without one."""

from collections import Counter
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.engine.lanes import LaneReader
from jaxnn.sweeps.engine.make_plan import check_lanes
from jaxnn.sweeps.engine.plan import SCHEDULER_KEY, Plan
from jaxnn.sweeps.engine.run import run_trials
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.recorded_program import RecordedProgram
from jaxnn.sweeps.results.best_trial import note_stop
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.running import Batch, group_by_choices
from jaxnn.sweeps.schedulers.base import Scheduler, TrialScheduler, check_scheduler, init_scheduler
from jaxnn.sweeps.space.space import Setting


class Simulation(NamedTuple):
    """What a sweep with a scheduler would have done.

    Attributes:
        scheduler: as given.
        trials: every trial as it would have ended; `seconds` are NaN, since nothing was trained.
        epochs: the sum of the trials' epochs. Each repeat and fold of a trial trains as many.
        full_epochs: the same sum without the scheduler.
        trial: the number of the trial with the highest score.
        score: its score, at the epoch at which it would have ended.
        regret: the best score without the scheduler, minus this one.
    """

    scheduler: Any
    trials: tuple[TrialResult, ...]
    epochs: int
    full_epochs: int
    trial: int
    score: float
    regret: float

    @property
    def share(self) -> float:
        """The share of the epochs without the scheduler."""
        return self.epochs / self.full_epochs

    def __repr__(self) -> str:
        chosen = self.trials[self.trial]
        count = Counter(trial.status for trial in self.trials)
        statuses = ", ".join(f"{number} {status}" for status, number in count.most_common())
        return (
            f"Simulation of {self.scheduler!r}: {len(self.trials)} trials ({statuses})\n"
            f"  epochs: {self.epochs} of {self.full_epochs} ({self.share:.1%})\n"
            f"  best: trial {self.trial}, score {self.score:.4g} after epoch {chosen.score_epoch}"
            f"{note_stop(chosen.status)}, regret {self.regret:.4g}"
        )


def simulate(scheduler: Scheduler, result: SweepResult, *, lanes: int | None = None) -> Simulation:
    """Replays a scheduler on the recorded curves of a sweep that ran without one; nothing is trained.

    One sweep without a scheduler thus tells what each scheduler, with each of its settings, would have saved and lost.
    Trials start and report in the order of a sweep with this scheduler. That sweep, with the same key, has the same
    trials, epochs and scores, to the bit, if its lanes are the same. The settings are those of the result: a sampler
    that learns from scores might have asked for others.

    Args:
        scheduler: `asha(...)`, `hyperband(...)`, `median_stopping(...)`, or an object with `init` that stops trials.
        result: of a sweep that has ended, with `evaluate_at="epochs"`. It may come from `nn.sweeps.load`.
        lanes: the number of trainings side by side, over all devices; None is that of a sweep with a scheduler, and of
            a loaded result as many as it has. They change nothing for the schedulers of this library: trials reach a
            rung in the order in which they start. A scheduler of yours may depend on them.

    Raises:
        TypeError: something that is no scheduler, or no result of a sweep.
        ValueError: `population_based`, whose copies learn what was not recorded; a sweep with a scheduler, with
            `evaluate_at="rungs"`, with unfinished trials or without a score.

    Example:
        >>> import jaxnn as nn, optax
        >>> x = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
        >>> line = x, 3 * x
        >>> def make_recipe(hypers):
        ...     return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["learning_rate"]))
        >>> space, key = {"learning_rate": nn.log_uniform(1e-3, 0.5)}, jax.random.key(0)
        >>> full = nn.sweep(make_recipe, space, line, key=key, trials=16, epochs=27, validation=line, progress=False)
        >>> simulation = nn.sweeps.simulate(nn.asha(grace_period=3), full)
        >>> simulation.share < 0.6, simulation.regret < 0.01
        (True, True)
    """
    if scheduler is None:
        raise TypeError("simulate: give a scheduler, such as asha(...), not None")
    check_scheduler(scheduler)
    if not isinstance(result, SweepResult):
        raise TypeError(f"simulate: result must be what sweep or nn.sweeps.load returned, not {result!r}")
    _check_recorded(result)
    trial_scheduler = _start(scheduler, result)
    ended = BestTrials(keep=1)
    ran = [(trial.trial, trial.setting) for trial in result.trials if trial.status != "failed"]
    for group in group_by_choices(ran):
        _run_group(result, group, trial_scheduler, lanes, ended)
    # Of equal scores the one whose parameters a sweep keeps.
    chosen = max(ended.results.values(), key=lambda trial: (trial.has_params, trial.rank, trial.trial in ended.kept))
    trials = tuple(ended.results.get(trial.trial, trial) for trial in result.trials)
    epochs, full_epochs = (sum(trial.epochs for trial in each) for each in (trials, result.trials))
    regret = result.best.score - chosen.score
    return Simulation(scheduler, trials, epochs, full_epochs, chosen.trial, chosen.score, regret)


def _check_recorded(result: SweepResult) -> None:
    """Checks that the curves of a result are those of trials that no scheduler has stopped."""
    chosen = result.trials[result.best.trial]  # an error if no trial has a score
    statuses = Counter(trial.status for trial in result.trials)
    if statuses["unfinished"]:
        raise ValueError(
            f"simulate: {statuses['unfinished']} of {len(result.trials)} trials are unfinished; let the sweep end first"
        )
    stopped = [trial for trial in result.trials if trial.stopped_by_scheduler]
    if stopped or any(trial.copies for trial in result.trials):
        raise ValueError(
            f"simulate: the curves must be those of a sweep without a scheduler, but {len(stopped)} of "
            f"{len(result.trials)} trials were stopped"
        )
    if np.isnan(chosen.curves.validation_losses).any():
        raise ValueError(
            'simulate: the curves have gaps; the sweep must evaluate after every epoch, evaluate_at="epochs"'
        )


def _start(scheduler: Scheduler, result: SweepResult) -> TrialScheduler:
    """Returns the scheduler of the sweep, which draws as in one with the same key."""
    plan = result.plan
    # A loaded result has no key, and no scheduler that only stops trials draws.
    key = jax.random.fold_in(plan.key, SCHEDULER_KEY) if isinstance(plan, Plan) else jax.random.key(0)
    trial_scheduler = init_scheduler(scheduler, plan.layout.epochs, plan.space, key)
    assert trial_scheduler is not None
    if trial_scheduler.population:
        raise ValueError(
            f"simulate: {type(scheduler).__name__} copies parameters between trials and changes their hypers; what a "
            "copy learns was not recorded. asha, hyperband and median_stopping only stop trials"
        )
    return trial_scheduler


def _run_group(
    result: SweepResult, group: Batch, scheduler: TrialScheduler, lanes: int | None, ended: BestTrials
) -> None:
    """Runs trials of one program on their curves, by the host loop of a sweep."""
    plan, setting = result.plan, group[0][1]
    recorded = {number: result.trials[number] for number, _ in group}
    program = RecordedProgram(recorded, plan.layout, *_count_lanes(result, setting, lanes))
    limited = isinstance(plan, Plan) and plan.limits_epochs(setting)

    def limit(number: int, setting: Setting) -> int:
        if recorded[number].status == "finished":
            return recorded[number].epochs
        return plan.epochs_of(setting) if limited else plan.layout.epochs

    def collect(trial: TrialResult, _: LaneReader) -> None:
        ended.add(trial._replace(seconds=float("nan")), lambda: None)

    for _ in run_trials(
        program, group, layout=plan.layout, scheduler=scheduler, on_trial_end=collect, epochs_of=limit
    ):  # fmt: skip
        pass


def _count_lanes(result: SweepResult, setting: Setting, lanes: int | None) -> tuple[int, int]:
    """Returns the lanes of a sweep with a scheduler, and the most epochs of a chunk."""
    plan = result.plan
    if not isinstance(plan, Plan):
        least = plan.layout.lanes
        # A loaded result does not tell its lanes.
        lanes = len(result.trials) * least if lanes is None else check_whole("simulate", "lanes", lanes, least=least)
        return lanes, plan.layout.epochs
    program = result.programs.get(setting.choices)
    devices = len(jax.local_devices()) if program is None else program.size // program.width
    scheduled = plan._replace(has_scheduler=True)
    if lanes is not None:
        scheduled = scheduled._replace(lanes=check_lanes("simulate", lanes, plan.layout, len(jax.local_devices())))
    footprint = plan.measure_footprint(setting)
    width = scheduled.count_lanes(footprint, devices).width
    if lanes is None and setting.choices in plan.lane_counts:
        # Fewer where the memory holds no more.
        width = min(width, plan.lane_counts[setting.choices].width)
    return width * devices, plan.max_epochs(footprint, width)
