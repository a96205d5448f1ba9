"""Trials that had reached the limit of an earlier run, and train on to more epochs."""

from jaxnn._checks.warn import warn_user
from jaxnn.sweeps.describe import recipe_error
from jaxnn.sweeps.earlier import EarlierRun
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.recipe_check import check_shapes
from jaxnn.sweeps.schedulers.base import Scheduler, TrialScheduler
from jaxnn.sweeps.schedulers.successive_halving import Hyperband
from jaxnn.sweeps.space.space import Setting
from jaxnn.training.state_check import check_fixed_optimizer


def find_longer(plan: Plan, earlier: EarlierRun) -> dict[int, Setting]:
    """Returns the trials of an earlier run that finished and have epochs left, by number."""
    short = {
        number: result
        for number, result in earlier.results.items()
        if result.status == "finished" and result.epochs < plan.layout.epochs
    }
    by_choices = {result.setting.choices: result.setting for result in short.values()}
    limited = {choices for choices, setting in by_choices.items() if plan.limits_epochs(setting)}
    return {
        number: result.setting
        for number, result in short.items()
        if result.setting.choices not in limited or plan.epochs_of(result.setting) > result.epochs
    }


def check_train_on(
    plan: Plan, earlier: EarlierRun, scheduler: Scheduler | None, trial_scheduler: TrialScheduler | None
) -> None:
    """Checks that the trials of an earlier run can train on.

    Raises:
        ValueError: a scheduler that plans all epochs ahead; an optimizer that is a function of the total steps, of a
            trial that has a state or does not start again; or another recipe than that of the earlier run.
    """
    longer = find_longer(plan, earlier)
    if not longer and plan.layout.epochs == earlier.epochs:
        return
    planned = isinstance(scheduler, Hyperband) or (trial_scheduler is not None and trial_scheduler.population)
    if planned:
        raise ValueError(
            f"sweep: {type(scheduler).__name__} plans all epochs before the first, so that trials cannot go on from "
            f"{earlier.epochs} to {plan.layout.epochs} epochs; give another directory"
        )
    for setting in {setting.choices: setting for setting in longer.values()}.values():
        _check_same_recipe(plan, earlier, setting)
    restarts = longer.keys() - earlier.states.keys()
    kept = [
        result.setting
        for number, result in earlier.results.items()
        if number not in restarts and (number in longer or result.score_epoch)
    ]
    for setting in {setting.choices: setting for setting in kept}.values():
        check_fixed_optimizer("sweep", plan.make_recipe(plan.hypers(setting)), plan.layout.epochs)


def warn_of_restarts(longer: dict[int, Setting], earlier: EarlierRun) -> None:
    """Says how many trials are trained again, before they are."""
    restarts = len(longer.keys() - earlier.states.keys())
    if restarts:
        warn_user(
            f"sweep: {restarts} trials that had reached {earlier.epochs} epochs have no kept state, and are trained "
            "again from the start; keep_states=True keeps the states of trainings"
        )


def _check_same_recipe(plan: Plan, earlier: EarlierRun, setting: Setting) -> None:
    before = earlier.traced.get(setting.choices)
    if before is None:
        return
    check_shapes(plan, setting)
    layout = plan.layout._replace(epochs=earlier.epochs)
    program = plan._replace(layout=layout).make_program(setting, count=earlier.lane_counts[setting.choices])
    if program.digest != before:
        raise recipe_error(setting.choices)
