"""Stopping rules and frozen parameters inside `fit`: stopped trainings and frozen parameters keep their bits."""

import functools
from collections.abc import Callable
from typing import Any

import chex
import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.small_recipes import select_lane, sine_data, small_recipe

EPOCHS = 60


def stop_at_small_step(info: nn.EpochInfo, tolerance: float) -> int:
    return next((i + 1 for i, step in enumerate(np.asarray(info.step_sizes)) if step < tolerance), EPOCHS)


def stop_at_no_improvement(info: nn.EpochInfo, patience: int, tolerance: float) -> int:
    best, waited = -np.inf, 0
    for i, loss in enumerate(np.asarray(info.losses)):
        if -loss > best + tolerance:
            best, waited = -loss, 0
        else:
            waited += 1
        if waited == patience:
            return i + 1
    return EPOCHS


RULES = {
    # The step after the stop is larger than the tolerance again: a stopped training must stay stopped.
    "small step": (nn.small_step(0.06), lambda info: stop_at_small_step(info, 0.06)),
    # Adam overshoots at this rate: the loss rises and falls again before the patience ends.
    "no improvement": (nn.no_improvement(patience=4), lambda info: stop_at_no_improvement(info, 4, 0.0)),
    # Without the tolerance, it would stop 12 epochs later.
    "tolerance": (nn.no_improvement(4, tolerance=0.05), lambda info: stop_at_no_improvement(info, 4, 0.05)),
    "never": (nn.small_step(1e-30), lambda info: EPOCHS),
}


RECIPE = small_recipe(optax.adam(0.3), batch_size=4)


@functools.cache
def train_without_rule() -> tuple[nn.EpochInfo, list[Any]]:
    """Returns the numbers of all epochs, and the parameters before the first epoch and after each."""
    step = jax.jit(lambda state: nn.advance(RECIPE, sine_data(), state, epochs=1))
    state, infos = nn.init_training(RECIPE, jax.random.key(0)), []
    params = [state.params]
    for _ in range(EPOCHS):
        state, info = step(state)
        infos.append(info)
        params.append(state.params)
    return jax.tree.map(lambda *numbers: np.concatenate(numbers), *infos), params


@functools.cache
def compile_fit(kind: type, epochs: int = EPOCHS) -> Callable[[nn.StoppingRule], nn.FitResult]:
    """Returns a fit with rules of this class; their numbers are arguments, so that rules share the compiled fit."""

    @jax.jit
    def fit(numbers: Any) -> nn.FitResult:
        return nn.fit(RECIPE, sine_data(), key=jax.random.key(0), epochs=epochs, stop=kind(*numbers))

    return lambda rule: fit(tuple(rule))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_stops_where_plain_python_does_and_the_last_loss_repeats(name: str) -> None:
    rule, find_stop = RULES[name]
    info, fitted = train_without_rule()[0], compile_fit(type(rule))(rule)
    stop = find_stop(info)
    assert (1 < stop < EPOCHS) or name == "never"
    assert int(fitted.epochs) == int(fitted.state.epoch) == stop
    losses = np.asarray(fitted.losses)
    assert losses.shape == (EPOCHS,)
    np.testing.assert_allclose(losses[:stop], info.losses[:stop], rtol=1e-5)
    np.testing.assert_array_equal(losses[stop:], np.repeat(losses[stop - 1], EPOCHS - stop))


def test_a_step_size_is_the_largest_change_of_any_parameter() -> None:
    recipe, data = small_recipe(optax.sgd(0.1)), sine_data()
    state = nn.init_training(recipe, jax.random.key(0))
    after, info = nn.advance(recipe, data, state, epochs=1)
    changes = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(), after.params, state.params)
    np.testing.assert_allclose(info.step_sizes, [max(jax.tree.leaves(changes))], rtol=1e-6)


def test_a_stopped_training_is_frozen_bit_for_bit() -> None:
    rule = RULES["small step"][0]
    long, short = compile_fit(type(rule))(rule), compile_fit(type(rule), epochs=40)(rule)
    stop = int(long.epochs)
    assert stop < 40
    chex.assert_trees_all_equal(short.params, long.params)
    chex.assert_trees_all_equal(short.state.optimizer_state, long.state.optimizer_state)
    # It froze at the right epoch: its parameters are those of the same number of epochs without a rule.
    chex.assert_trees_all_close(long.params, train_without_rule()[1][stop], rtol=1e-4, atol=1e-5)


def test_lanes_of_a_vmap_stop_at_their_own_epochs(x64: None) -> None:
    rates = np.array([0.05, 0.1, 0.2])

    def run(learning_rate: jax.Array) -> nn.FitResult:
        recipe = small_recipe(optax.sgd(learning_rate))
        return nn.fit(recipe, sine_data(), key=jax.random.key(0), epochs=EPOCHS, stop=nn.small_step(0.02))

    together, run_alone = jax.jit(jax.vmap(run))(rates), jax.jit(run)
    epochs, losses = np.asarray(together.epochs), np.asarray(together.losses)
    assert np.unique(epochs).size == 3
    for i, rate in enumerate(rates):
        one = run_alone(rate)
        assert epochs[i] == int(one.epochs)
        chex.assert_trees_all_close(
            select_lane((jax.tree.map(np.asarray, together.params), losses), i),
            (one.params, one.losses),
            rtol=0,
            atol=1e-12,
        )
        stop = int(one.epochs)
        assert (losses[i, stop - 1 :] == losses[i, stop - 1]).all()


def test_a_stopped_training_stays_differentiable(x64: None) -> None:
    def last_loss(learning_rate: Any) -> jax.Array:
        recipe = small_recipe(optax.sgd(learning_rate))
        return nn.fit(recipe, sine_data(), key=jax.random.key(0), epochs=12, stop=nn.small_step(0.09)).losses[-1]

    rates = np.array([0.1 - 1e-6, 0.1, 0.1 + 1e-6])
    losses, slopes = jax.jit(jax.vmap(jax.value_and_grad(last_loss)))(rates)
    np.testing.assert_allclose(slopes[1], (losses[2] - losses[0]) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("make_rule", "message"),
    [
        (lambda: nn.small_step(0.0), "small_step: tolerance must be positive, not 0.0"),
        (lambda: nn.no_improvement(0), "no_improvement: patience must be at least 1, not 0"),
        (lambda: nn.no_improvement(5, -0.1), "no_improvement: tolerance must not be negative, not -0.1"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(make_rule: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message):
        make_rule()


FROZEN = {"hidden_1": nn.Affine(weight=True, bias=False), "output": nn.Affine(weight=True, bias=True)}


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.selective_transform(optax.adam(0.1), freeze_mask=FROZEN),
        optax.chain(optax.adam(0.1), optax.freeze(FROZEN)),
    ],
    ids=["selective_transform", "chain with freeze"],
)
def test_frozen_parameters_keep_their_bits_and_the_others_change(optimizer: optax.GradientTransformation) -> None:
    recipe = small_recipe(optimizer, batch_size=3)
    start = recipe.model.init(jax.random.key(0))
    params = nn.fit(recipe, sine_data(), key=jax.random.key(1), epochs=3, params=start).params
    for layer, leaf in (("hidden_1", "weight"), ("output", "weight"), ("output", "bias")):
        np.testing.assert_array_equal(getattr(params[layer], leaf), getattr(start[layer], leaf))
    assert np.all(np.asarray(params["hidden_1"].bias) != np.asarray(start["hidden_1"].bias))
