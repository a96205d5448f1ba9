"""Folds of unequal sizes: no row is left out, and each lane equals a lone training on the rows of its fold."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.unequal_folds import LABELS, SPACE, SPLITS, Splitter, X

EPOCHS, TRIALS = 6, 2


def with_schedule(learning_rate):
    """Returns RMSprop with weight decay whose rate falls over the steps of the largest fold.

    Adam would take powers of numbers, of which XLA has 9 digits of float64 without optimizations.
    """

    def make(steps):
        return optax.chain(
            optax.scale_by_rms(),
            optax.add_decayed_weights(0.05),
            optax.scale_by_schedule(optax.linear_schedule(1.0, 0.1, steps)),
            optax.scale_by_learning_rate(learning_rate),
        )

    return make


def momentum(learning_rate):
    return optax.sgd(learning_rate, momentum=0.9)


RECIPES = {
    "full batch": (None, 0.0, with_schedule),
    "minibatches with dropout": (8, 0.4, with_schedule),
    "a sum over minibatches of 16, and a mean of the parameters": (16, 0.0, momentum),
}


def recipe_maker(name):
    batch_size, dropout, optimizer = RECIPES[name]

    def make_recipe(hypers):
        return nn.Recipe(
            nn.mlp([4, 9, 3], dropout=dropout), nn.cross_entropy, optimizer(hypers["learning_rate"]), batch_size,
            reduction=jnp.sum if "sum" in name else jnp.mean, ema=0.9 if "mean" in name else None,
        )  # fmt: skip

    return make_recipe


def sweep(make_recipe, data=(X, LABELS)):
    return nn.sweep(
        make_recipe, SPACE, data, key=jax.random.key(5), trials=TRIALS, epochs=EPOCHS, keep=TRIALS, lanes=12,
        folds=Splitter(), progress=False,
    )  # fmt: skip


def assert_lanes_are_lone_fits(result, make_recipe, data, tolerance):
    x, targets = data

    def train(rate, x, targets, key):
        recipe = result.plan.recipe_maker({"learning_rate": rate})  # with the total steps of the largest fold
        return nn.fit(recipe, (x, targets), key=key, epochs=EPOCHS)

    fit = jax.jit(train)
    for trial in range(TRIALS):
        rate = float(np.float32(result.hypers_of(trial)["learning_rate"]))
        for lane, (train_rows, validation_rows) in enumerate(SPLITS):
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(5), trial), 0)
            fitted = fit(rate, x[train_rows], targets[train_rows], key)
            curves = result.trials[trial].curves
            np.testing.assert_allclose(curves.losses[lane], fitted.losses, rtol=tolerance)
            jax.tree.map(
                lambda actual, expected: np.testing.assert_allclose(
                    actual, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max()
                ),
                result.params(trial, lane=lane),
                fitted.params,
            )
            scored = x[validation_rows], targets[validation_rows]
            expected = nn.evaluate(result.recipe_of(trial), fitted.params, scored).loss
            np.testing.assert_allclose(curves.validation_losses[lane, -1], expected, rtol=tolerance)


@pytest.mark.parametrize("name", RECIPES)
def test_a_lane_is_a_lone_fit_on_the_rows_of_its_fold(name):
    make_recipe = recipe_maker(name)
    result = sweep(make_recipe)
    assert_lanes_are_lone_fits(result, make_recipe, (X, LABELS), 1e-5)


@pytest.mark.parametrize("name", ["full batch", "minibatches with dropout"])
def test_a_lane_is_a_lone_fit_to_10_digits_in_float64(name, x64):
    make_recipe, data = recipe_maker(name), (X.astype(float), LABELS)
    assert_lanes_are_lone_fits(sweep(make_recipe, data), make_recipe, data, 1e-10)
