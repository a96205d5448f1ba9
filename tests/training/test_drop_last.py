"""`Recipe(drop_last=True)`: an epoch has full minibatches only, in a single training, in folds and in schedules."""

import jax
import numpy as np
import optax

import jaxnn as nn
from helpers.small_recipes import sine_data, small_recipe
from helpers.unequal_folds import LABELS, SPACE, SPLITS, Splitter, X
from jaxnn.training.recipe import steps_per_epoch

DATA = sine_data(8)


def test_an_epoch_takes_the_steps_of_a_loop_over_full_minibatches() -> None:
    recipe = small_recipe(optax.sgd(0.1, momentum=0.9), 3, drop_last=True)
    state = nn.init_training(recipe, jax.random.key(0))
    after, info = nn.advance(recipe, DATA, state, epochs=1)

    order_key, _ = jax.random.split(jax.random.fold_in(state.key, 0))
    params, optimizer_state, losses = state.params, state.optimizer_state, []
    for rows in nn.minibatches(order_key, 8, 3)[0][:2]:

        def mean_loss(params, rows=rows):
            return nn.squared_error(recipe.model.apply(params, DATA[0][rows]), DATA[1][rows]).mean()

        loss, gradient = jax.value_and_grad(mean_loss)(params)
        updates, optimizer_state = recipe.optimizer.update(gradient, optimizer_state, params)
        params = optax.apply_updates(params, updates)
        losses.append(loss)
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-7), after.params, params)
    np.testing.assert_allclose(info.losses, np.mean(losses), rtol=1e-6)


def test_a_model_gets_no_mask() -> None:
    masks = []

    def train_apply(params, x, *, key, where=None):
        masks.append(where)
        return x * params["scale"], params

    model = nn.Model(lambda key: {"scale": np.ones((1, 1), "f")}, lambda params, x, *, key=None: x, train_apply)
    for drop_last in (True, False):
        recipe = nn.Recipe(model, nn.squared_error, optax.sgd(0.1), 3, drop_last=drop_last)
        state = nn.init_training(recipe, jax.random.key(0))
        masks.clear()
        nn.advance(recipe, DATA, state, epochs=1)
        # The check of the functions passes a mask, and then the training does if there are rows to leave out.
        assert {mask is None for mask in masks[1:]} == {drop_last}


def test_a_schedule_gets_the_steps_that_are_taken() -> None:
    totals = []
    recipe = small_recipe(lambda steps: totals.append(steps) or optax.sgd(0.1), 3, drop_last=True)
    assert steps_per_epoch(recipe, 8) == 2
    nn.fit(recipe, DATA, key=jax.random.key(0), epochs=5)
    assert totals == [10]


def test_a_batch_of_all_rows_drops_nothing() -> None:
    losses = [
        nn.fit(small_recipe(optax.sgd(0.1), size, drop_last=drop), DATA, key=jax.random.key(0), epochs=2).losses
        for size, drop in ((None, True), (None, False), (8, True), (8, False))
    ]
    np.testing.assert_array_equal(losses[0], losses[1])
    np.testing.assert_array_equal(losses[2], losses[3])


def test_folds_of_unequal_sizes_each_drop_their_own_last_minibatch() -> None:
    """A trial of the sweep has the losses of a `fit` on the rows of its fold."""

    def make_recipe(hypers: dict) -> nn.Recipe:
        optimizer = optax.sgd(hypers["learning_rate"], momentum=0.9)
        return nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optimizer, batch_size=7, drop_last=True)

    options = {"key": jax.random.key(0), "trials": 1, "epochs": 3, "keep": 1, "progress": False}
    result = nn.sweep(make_recipe, SPACE, (X, LABELS), folds=Splitter(), **options)
    fit = jax.jit(
        lambda *data: (
            nn.fit(
                result.best.recipe, data, key=jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 0), 0), epochs=3
            ).params
        )
    )
    for fold, (rows, _) in enumerate(SPLITS):
        assert len(rows) % 7
        fitted = fit(X[rows], LABELS[rows])
        kept = jax.tree.map(lambda leaf, fold=fold: leaf[fold], result.best.params)
        jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, rtol=1e-4, atol=1e-6), fitted, kept)
