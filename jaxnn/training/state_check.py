"""Checks of a training state with which a training goes on."""

import functools
from typing import Any

import jax
import numpy as np
import optax

from jaxnn._checks.arrays import check_key, leaf_name
from jaxnn._checks.names import name_value
from jaxnn.training.epoch import TrainingState
from jaxnn.training.optimizer import init_optimizer
from jaxnn.training.recipe import Recipe


def check_state(caller: str, recipe: Recipe, state: Any) -> None:
    """Checks the type of a state, its key, and that its optimizer state is one that the recipe's optimizer makes.

    Raises:
        TypeError: not a TrainingState.
        ValueError: the state of another optimizer, or for parameters of other shapes.
    """
    _check_type(caller, state)
    expected = jax.eval_shape(functools.partial(init_optimizer, recipe), state.params)
    if jax.tree.structure(expected) != jax.tree.structure(state.optimizer_state):
        raise ValueError(f"{caller}: state holds an optimizer state that the recipe's optimizer does not make")
    made = jax.tree_util.tree_leaves_with_path(expected)
    for (path, leaf), given in zip(made, jax.tree.leaves(state.optimizer_state), strict=True):
        if np.shape(given) != leaf.shape:
            raise ValueError(
                f"{caller}: state: optimizer_state.{leaf_name(path)} must have shape {leaf.shape}, as the recipe's "
                f"optimizer makes it, not {np.shape(given)}"
            )


def check_goes_on(caller: str, recipe: Recipe, state: Any, params: Any, epochs: int) -> None:
    """Checks that a training can go on from a state up to `epochs` epochs, before its arrays are checked.

    Raises:
        TypeError: not a TrainingState.
        ValueError: initial parameters beside the state, no epoch to come, or an optimizer of the total steps.
    """
    _check_type(caller, state)
    if params is not None:
        raise ValueError(f"{caller}: give params or state, not both: state holds the parameters to go on with")
    if epochs <= state.epoch:
        raise ValueError(
            f"{caller}: epochs counts from the start and must be more than the {state.epoch} of state, not {epochs}"
        )
    check_fixed_optimizer(caller, recipe, epochs)


def check_fixed_optimizer(caller: str, recipe: Recipe, epochs: int) -> None:
    """Checks that the optimizer of a training that goes on does not depend on its total steps.

    Raises:
        ValueError: a function of the total steps; the message names it.
    """
    if not isinstance(recipe.optimizer, optax.GradientTransformation | optax.MultiSteps):
        raise ValueError(
            f"{caller}: the optimizer {name_value(recipe.optimizer)} is a function of the total steps, and those of "
            f"{epochs} epochs would change the schedule of the epochs done; to go on, give an optax transformation, "
            "such as recipe._replace(optimizer=recipe.optimizer(total_steps))"
        )


def _check_type(caller: str, state: Any) -> None:
    if not isinstance(state, TrainingState):
        raise TypeError(f"{caller}: state must be a TrainingState, from init_training, not {type(state).__name__}")
    check_key(state.key)
