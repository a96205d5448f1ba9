"""Trials that had reached the limit of an earlier run, and train on to more epochs."""

from jaxnn._checks.warn import warn_user
from jaxnn.sweeps.describe import recipe_error
from jaxnn.sweeps.earlier import EarlierRun
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.recipe_check import check_shapes
from jaxnn.sweeps.schedulers.base import Scheduler, TrialScheduler
from jaxnn.sweeps.schedulers.successive_halving import Hyperband
from jaxnn.sweeps.space.space import Choices, Setting
from jaxnn.training.state_check import check_fixed_optimizer


def find_longer(plan: Plan, earlier: EarlierRun) -> dict[int, Setting]:
    """Returns the trials that were at the limit of an earlier run and have epochs left, by number."""
    if plan.layout.epochs <= earlier.epochs:
        return {}
    # Making a recipe for each trial takes time, which few sweeps need.
    limited: dict[Choices, bool] = {}
    longer = {}
    for number, result in earlier.results.items():
        if result.status != "finished" or result.epochs < earlier.epochs:
            continue
        setting = result.setting
        if setting.choices not in limited:
            limited[setting.choices] = plan.recipe(*setting).epochs is not None
        if not limited[setting.choices] or plan.epochs_of(setting) > result.epochs:
            longer[number] = setting
    return longer


def check_train_on(
    plan: Plan, earlier: EarlierRun, scheduler: Scheduler | None, trial_scheduler: TrialScheduler | None
) -> None:
    """Checks that the trials of an earlier run can train on.

    Raises:
        ValueError: a scheduler that plans all epochs ahead, an optimizer that is a function of the total steps where
            states were kept, or another recipe than that of the earlier run.
    """
    if plan.layout.epochs <= earlier.epochs:
        return
    planned = isinstance(scheduler, Hyperband) or (trial_scheduler is not None and trial_scheduler.population)
    if planned:
        raise ValueError(
            f"sweep: {type(scheduler).__name__} plans all epochs before the first, so that trials cannot go on from "
            f"{earlier.epochs} to {plan.layout.epochs} epochs; give another directory"
        )
    longer = find_longer(plan, earlier)
    for setting in {setting.choices: setting for setting in longer.values()}.values():
        _check_same_recipe(plan, earlier, setting)
    with_states = {setting.choices: setting for number, setting in longer.items() if number in earlier.states}
    for setting in with_states.values():
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
