"""Stopping rules and frozen parameters inside `fit`: what has stopped, or is frozen, keeps its bits."""

import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.small_recipes import lane, line, small_recipe

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
    "small step": (nn.small_step(0.05), lambda info: stop_at_small_step(info, 0.05)),
    # Adam at this rate overshoots: the loss has gone up and come down again before the patience is at its end.
    "no improvement": (nn.no_improvement(patience=4), lambda info: stop_at_no_improvement(info, 4, 0.0)),
    "tolerance": (nn.no_improvement(3, tolerance=0.05), lambda info: stop_at_no_improvement(info, 3, 0.05)),
    "never": (nn.small_step(1e-30), lambda info: EPOCHS),
}


RECIPE = small_recipe(optax.adam(0.3), batch_size=4)


@functools.cache
def whole_curve() -> nn.EpochInfo:
    """Of the whole training, without a rule."""
    return nn.advance(RECIPE, line(), nn.init_training(RECIPE, jax.random.key(0)), epochs=EPOCHS)[1]


@functools.cache
def fitted(name: str) -> nn.FitResult:
    return nn.fit(RECIPE, line(), key=jax.random.key(0), epochs=EPOCHS, stop=RULES[name][0])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_stops_where_plain_python_does_and_the_last_loss_repeats(name: str) -> None:
    info, fit = whole_curve(), fitted(name)
    stop = RULES[name][1](info)
    assert (1 < stop < EPOCHS) or name == "never"
    assert int(fit.epochs) == int(fit.state.epoch) == stop
    assert fit.losses.shape == (EPOCHS,)
    np.testing.assert_allclose(fit.losses[:stop], info.losses[:stop], rtol=1e-5)
    np.testing.assert_array_equal(fit.losses[stop:], np.repeat(fit.losses[stop - 1], EPOCHS - stop))


def test_a_step_size_is_the_largest_change_of_any_parameter() -> None:
    recipe, data = small_recipe(optax.sgd(0.1)), line()
    state = nn.init_training(recipe, jax.random.key(0))
    after, info = nn.advance(recipe, data, state, epochs=1)
    changes = jax.tree.map(lambda a, b: np.abs(a - b).max(), after.params, state.params)
    np.testing.assert_allclose(info.step_sizes, [max(jax.tree.leaves(changes))], rtol=1e-6)


def test_a_stopped_training_is_frozen_bit_for_bit() -> None:
    long, rule = fitted("small step"), RULES["small step"][0]
    stop = int(long.epochs)
    assert stop < 40
    short = nn.fit(RECIPE, line(), key=jax.random.key(0), epochs=40, stop=rule)
    chex.assert_trees_all_equal(short.params, long.params)
    chex.assert_trees_all_equal(short.state.optimizer_state, long.state.optimizer_state)
    # And frozen at the right epoch: the parameters are those of as many epochs without a rule.
    expected = nn.fit(RECIPE, line(), key=jax.random.key(0), epochs=stop).params
    chex.assert_trees_all_close(long.params, expected, rtol=1e-4, atol=1e-5)


def test_lanes_of_a_vmap_stop_at_their_own_epochs(x64: None) -> None:
    rates = jnp.array([0.05, 0.1, 0.2])

    def run(learning_rate: jax.Array) -> nn.FitResult:
        recipe = small_recipe(optax.sgd(learning_rate))
        return nn.fit(recipe, line(), key=jax.random.key(0), epochs=EPOCHS, stop=nn.small_step(0.02))

    together, alone = jax.jit(jax.vmap(run))(rates), jax.jit(run)
    assert np.unique(together.epochs).size == 3
    for i, rate in enumerate(rates):
        one = alone(rate)
        assert int(together.epochs[i]) == int(one.epochs)
        chex.assert_trees_all_close(
            lane((together.params, together.losses), i), (one.params, one.losses), rtol=0, atol=1e-12
        )
        stop = int(one.epochs)
        assert (np.asarray(together.losses[i, stop - 1 :]) == np.asarray(together.losses[i, stop - 1])).all()


def test_a_stopped_training_stays_differentiable(x64: None) -> None:
    def last_loss(learning_rate: Any) -> jax.Array:
        recipe = small_recipe(optax.sgd(learning_rate))
        return nn.fit(recipe, line(), key=jax.random.key(0), epochs=12, stop=nn.small_step(0.09)).losses[-1]

    rates = np.array([0.1 - 1e-6, 0.1, 0.1 + 1e-6])
    losses, slopes = jax.jit(jax.vmap(jax.value_and_grad(last_loss)))(rates)
    np.testing.assert_allclose(slopes[1], (losses[2] - losses[0]) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.small_step(0.0), "small_step: tolerance must be positive, not 0.0"),
        (lambda: nn.no_improvement(0), "no_improvement: patience must be at least 1, not 0"),
        (lambda: nn.no_improvement(5, -0.1), "no_improvement: tolerance must not be negative, not -0.1"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match="^" + words):
        make()


def freezing(optimizer: optax.GradientTransformation, frozen: Any) -> dict[str, optax.GradientTransformation]:
    return {
        "selective_transform": optax.selective_transform(optimizer, freeze_mask=frozen),
        "chain with freeze": optax.chain(optimizer, optax.freeze(frozen)),
    }


@pytest.mark.parametrize("way", ["selective_transform", "chain with freeze"])
def test_frozen_parameters_keep_their_bits_and_the_others_move(way: str) -> None:
    frozen = {
        "hidden_1": nn.Affine(weight=True, bias=False),
        "output": nn.Affine(weight=True, bias=True),
    }
    recipe = small_recipe(freezing(optax.adam(0.1), frozen)[way], batch_size=3)
    start = recipe.model.init(jax.random.key(0))
    params = nn.fit(recipe, line(), key=jax.random.key(1), epochs=3, params=start).params
    for layer, leaf in (("hidden_1", "weight"), ("output", "weight"), ("output", "bias")):
        np.testing.assert_array_equal(getattr(params[layer], leaf), getattr(start[layer], leaf))
    assert np.all(params["hidden_1"].bias != start["hidden_1"].bias)
