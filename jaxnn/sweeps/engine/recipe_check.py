"""Checks of the recipes of a sweep, made for each combination of choices before anything compiles."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.warn import warn_user
from jaxnn.augment.mix import compute_losses
from jaxnn.sweeps.engine.hypers import RecordedHypers, check_sizes, check_traced
from jaxnn.sweeps.engine.metrics import find_on_host
from jaxnn.sweeps.engine.parts import check_batch_size
from jaxnn.sweeps.engine.plan import Plan, count_examples
from jaxnn.sweeps.space.fill import fill_space
from jaxnn.sweeps.space.space import Choices, Setting
from jaxnn.sweeps.space.traced import find_seed
from jaxnn.training.augmentation import augment_batch, check_augmentation
from jaxnn.training.buffer_check import check_buffers
from jaxnn.training.epoch import init_training, to_loop_layout, train_epoch
from jaxnn.training.penalty import add_penalty
from jaxnn.training.prepare import check_functions
from jaxnn.training.recipe import Recipe


def check_shapes(plan: Plan, setting: Setting) -> None:
    """Checks that the recipe of a setting matches the data, on shapes."""
    recipe = plan.recipe(setting.choices, plan.as_python_numbers(setting))
    check_batch_size(plan.folds, recipe.batch_size)
    full_batch = recipe._replace(batch_size=None, augment=None)
    params = jax.eval_shape(recipe.model.init, plan.key)
    check_augmentation("sweep", recipe, plan.data, params)
    check_functions("sweep", full_batch, plan.data, count_examples(plan.data), params)
    check_buffers("sweep", recipe, plan.data, plan.rows, params)
    if plan.validation is not None:
        check_functions("sweep: validation", full_batch, plan.validation, count_examples(plan.validation), params)
    scored = plan.data if plan.validation is None else plan.validation
    mask = None if plan.folds is None else np.ones(count_examples(scored), bool)
    functions = plan.metrics if plan.score is None else {"score": plan.score} | plan.metrics
    plan.on_host[setting.choices] = find_on_host(functions, recipe, params, scored, mask, plan.evaluate_at)


def check_hypers(plan: Plan, setting: Setting) -> None:
    """Checks that `make_recipe` can compute with traced hypers, and warns of those that it never reads."""
    values = plan.as_python_numbers(setting)
    hypers = RecordedHypers(fill_space(plan.space, setting.choices, values))
    jax.eval_shape(lambda key: _call_functions(plan, plan.recipe_maker(hypers), key), plan.key)
    seed = (find_seed(plan.space, setting.choices) or "").split(".")[0]
    late = [name for name in plan.space if name not in (seed, *hypers.read)]
    if late:
        # A schedule may read a hyper when it is called. Tracing a whole step takes longer.
        jax.eval_shape(lambda key: _make_step(plan, plan.recipe_maker(hypers), key), plan.key)
        names = [name for name in values if name.split(".")[0] in hypers.read.intersection(late)]
        check_traced(functools.partial(_compute, plan, setting.choices, _make_step), values, plan.key, names)
    unused = [name for name in late if name not in hypers.read]
    if unused:
        warn_user(f"sweep: make_recipe does not use {', '.join(map(repr, unused))}")

    compute = functools.partial(_compute, plan, setting.choices, _call_functions)
    inherited = plan.inherited(setting.choices)
    if inherited:
        check_sizes(compute, values, plan.key, inherited)
    check_traced(compute, values, plan.key, values)


def _compute(plan: Plan, choices: Choices, call: Callable[..., Any], values: dict[str, Any], key: Array) -> Any:
    return call(plan, plan.traced_recipe(choices, values), key)


def _call_functions(plan: Plan, recipe: Recipe, key: Array) -> Any:
    """Calls the functions of a recipe: initializes a training and computes its losses."""
    state = init_training(recipe, key)
    x, targets = augment_batch(recipe.augment, jax.random.clone(key), *plan.data)
    losses = compute_losses(recipe.loss, recipe.model.apply(state.params, x), targets)
    losses = add_penalty(recipe.penalty, losses, state.params)
    if recipe.model.train_apply is None:
        return state, losses
    return state, losses, recipe.model.train_apply(state.params, x, key=jax.random.clone(key), where=None)


def _make_step(plan: Plan, recipe: Recipe, key: Array) -> Any:
    """Makes a step on the full batch."""
    recipe = recipe._replace(batch_size=None)
    return train_epoch(recipe, to_loop_layout(recipe, plan.data), init_training(recipe, key))
