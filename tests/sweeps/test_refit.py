"""`refit=True` trains the best setting on all rows, as `fit` does with the key of the trial."""

import pickle

import jax
import numpy as np
import optax

import jaxnn as nn
from helpers.resumable_runs import assert_same_bits
from helpers.unequal_folds import LABELS, Splitter, X

SPACE = {"learning_rate": nn.log_uniform(1e-2, 1e-1)}
RAW = X * np.array([1.0, 100.0, 1e-3, 10.0]) + 5.0


def make_recipe(hypers):
    def optimizer(steps):
        schedule = optax.linear_schedule(1.0, 0.1, steps)
        return optax.chain(optax.scale_by_schedule(schedule), optax.scale_by_learning_rate(hypers["learning_rate"]))

    return nn.Recipe(nn.mlp([4, 6, 3], dropout=0.1), nn.cross_entropy, optimizer, batch_size=8)


def sweep(data=(RAW, LABELS), **options):
    options = {"folds": Splitter(), "prepare": nn.standard_scaling, "trials": 5, "epochs": 9} | options
    return nn.sweep(make_recipe, SPACE, data, key=jax.random.key(0), lanes=12, refit=True, progress=False, **options)


def assert_is_a_fit(result, scaled, epochs=9):
    refit = result.refit
    assert (refit.trial, refit.hypers) == (result.best.trial, result.best.hypers)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), refit.trial), 0)
    # The schedule has the steps of all rows and of all epochs, also where the trial was stopped.
    recipe = make_recipe(refit.hypers)
    recipe = recipe._replace(optimizer=recipe.optimizer(9 * -(-len(scaled) // 8)))
    fitted = jax.jit(lambda x, labels, key: nn.fit(recipe, (x, labels), key=key, epochs=epochs))(scaled, LABELS, key)
    np.testing.assert_allclose(refit.losses, fitted.losses, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), refit.params, fitted.params)
    np.testing.assert_array_equal(refit.predict(RAW), nn.predict(refit.recipe.model, refit.params, scaled))


def test_the_refit_is_a_fit_on_all_rows_scaled_together_and_a_finished_sweep_repeats_it(tmp_path):
    result = sweep(directory=tmp_path / "run")
    scaling = nn.standard_scaling(RAW)
    assert_same_bits(result.refit.preparation, scaling)
    assert_is_a_fit(result, nn.scale(scaling, RAW))
    again = sweep(directory=tmp_path / "run").refit
    assert_same_bits((again.params, again.losses), (result.refit.params, result.refit.losses))
    loaded = pickle.loads(pickle.dumps(result)).refit
    np.testing.assert_array_equal(loaded.predict(RAW), result.refit.predict(RAW))
    assert repr(loaded).startswith(f"Refit of trial {loaded.trial} on all rows\n  losses: ")


def test_the_rows_of_a_validation_part_are_learned_too():
    train, validation = (RAW[:40], LABELS[:40]), (RAW[40:], LABELS[40:])
    result = sweep(train, folds=None, validation=validation)
    assert_is_a_fit(result, nn.scale(nn.standard_scaling(RAW), RAW))


def test_a_setting_that_was_stopped_trains_as_long_as_its_trial():
    class StopAll(nn.sweeps.TrialScheduler):
        def init(self, epochs, space, key):
            return self

        def start(self, trial):
            return 2

        def report(self, trial, epoch, score):
            return nn.sweeps.Stop()

    result = sweep(data=(X, LABELS), prepare=None, scheduler=StopAll())
    assert {trial.epochs for trial in result.trials} == {2}
    assert result.refit.preparation is None
    assert len(result.refit.losses) == 2


def test_a_sweep_without_a_score_has_no_refit():
    diverging = {"learning_rate": nn.log_uniform(1e38, 3e38)}
    result = nn.sweep(
        make_recipe, diverging, (X, LABELS), key=jax.random.key(0), trials=2, epochs=2, folds=2, refit=True,
        progress=False,
    )  # fmt: skip
    assert {trial.status for trial in result.trials} == {"diverged"}
    assert result.refit is None


def test_the_refit_has_the_key_of_a_seed_and_ends_at_the_best_epoch_and_an_extended_sweep_has_one_too():
    space = SPACE | {"seed": nn.seeds()}
    result = nn.sweep(
        make_recipe, space, (X, LABELS), key=jax.random.key(0), trials=4, epochs=9, folds=Splitter(), lanes=12,
        keep_epoch="best", refit=True, progress=False,
    )  # fmt: skip
    for swept in (result, result.extend(trials=12)):
        best = swept.best
        assert (swept.refit.trial, len(swept.refit.losses)) == (best.trial, best.epoch)
        recipe = swept.refit.recipe
        trained = nn.train(
            recipe, (X, LABELS), key=jax.random.key(best.hypers["seed"]), epochs=best.epoch, progress=False
        )
        np.testing.assert_array_equal(trained.losses, swept.refit.losses)
