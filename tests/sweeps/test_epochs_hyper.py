"""`Recipe(epochs=...)`: the number of epochs as a hyper, which limits each trial."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import TRAIN, VALIDATION, InjectedError, assert_same_bits, assert_same_sweep, sweep

SPACE = {"learning_rate": nn.log_uniform(1e-3, 1e-1), "epochs": nn.integers(2, 12)}
OPTIONS = {"space": SPACE, "scheduler": None, "epochs": 9, "trials": 12, "keep": 12}


def make_recipe(hypers):
    """A schedule that decays over the total steps of the sweep."""

    def optimizer(steps):
        return optax.chain(
            optax.scale_by_adam(), optax.scale_by_schedule(optax.cosine_decay_schedule(1.0, steps)),
            optax.scale(-hypers["learning_rate"]),
        )  # fmt: skip

    return nn.Recipe(nn.mlp([4, 5, 3]), nn.cross_entropy, optimizer, epochs=hypers["epochs"])


@pytest.fixture(scope="module")
def limited():
    return sweep(make=make_recipe, **OPTIONS)


def test_each_trial_ends_at_its_own_epochs(limited):
    expected = [min(limited.hypers_of(trial.trial)["epochs"], 9) for trial in limited.trials]
    assert [trial.epochs for trial in limited.trials] == expected
    assert len(set(expected)) > 3
    assert {trial.status for trial in limited.trials} == {"finished"}


def test_nothing_else_depends_on_the_limit(limited):
    """Schedules have the length of the sweep, and a trial is the beginning of one without a limit."""
    whole = sweep(make=lambda hypers: make_recipe(hypers)._replace(epochs=None), **OPTIONS)
    for trial, full in zip(limited.trials, whole.trials, strict=True):
        assert_same_bits(trial.curves.losses, full.curves.losses[:, : trial.epochs])


def test_a_row_trains_again_alone(limited):
    for trial in limited.trials[:3]:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), trial.trial), 0)
        alone = nn.fit(limited.recipe_of(trial.trial), TRAIN, key=key, epochs=9)
        assert len(alone.losses) == trial.epochs
        np.testing.assert_allclose(alone.losses, trial.curves.losses[0], rtol=1e-4)


def test_schedulers_see_trials_up_to_their_ends(limited):
    result = sweep(make=make_recipe, **OPTIONS | {"scheduler": nn.asha(grace_period=1)})
    for trial in result.trials:
        most = min(result.hypers_of(trial.trial)["epochs"], 9)
        assert trial.epochs == most if trial.status == "finished" else trial.epochs < most
        np.testing.assert_array_equal(trial.curves.losses, limited.trials[trial.trial].curves.losses[:, : trial.epochs])
    assert {trial.status for trial in result.trials} == {"finished", "stopped"}


def test_it_resumes_and_replays(tmp_path, limited):
    with pytest.raises(InjectedError):
        sweep(tmp_path, make=make_recipe, end_at=5, **OPTIONS)
    assert_same_sweep(sweep(tmp_path, make=make_recipe, **OPTIONS), limited)
    assert_same_sweep(nn.sweeps.load(tmp_path), limited)
    assert_same_bits(limited.replay(3).params, limited.kept[3])


def test_quantized_epochs_are_whole_numbers():
    space = SPACE | {"epochs": nn.quantized(2, 8, 2)}
    result = sweep(make=make_recipe, **OPTIONS | {"space": space, "trials": 4})
    assert [trial.epochs for trial in result.trials] == [result.hypers_of(i)["epochs"] for i in range(4)]


def test_a_population_has_no_limits():
    with pytest.raises(ValueError, match=r"Recipe\(epochs=...\) cannot limit a trial"):
        sweep(make=make_recipe, **OPTIONS | {"scheduler": nn.population_based(perturbation_interval=2), "lanes": 12})


def test_fit_and_train_stop_there_too():
    recipe = nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.sgd(0.1), epochs=3)
    assert len(nn.fit(recipe, TRAIN, key=jax.random.key(0), epochs=8).losses) == 3
    trained = nn.train(recipe, TRAIN, key=jax.random.key(0), epochs=8, validation=VALIDATION, progress=False)
    assert trained.epochs == 3
    assert len(nn.fit(recipe, TRAIN, key=jax.random.key(0), epochs=2).losses) == 2


def test_what_is_no_number_of_epochs_is_refused():
    recipe = nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.sgd(0.1), epochs=0)
    with pytest.raises(ValueError, match="Recipe: epochs must be at least 1, not 0"):
        nn.fit(recipe, TRAIN, key=jax.random.key(0), epochs=8)
    trained = nn.fit(recipe._replace(epochs=None), TRAIN, key=jax.random.key(0), epochs=5)
    with pytest.raises(ValueError, match="must be more than the 5 of state, not 4"):
        nn.train(recipe._replace(epochs=4), TRAIN, key=jax.random.key(0), epochs=9, state=trained.state)
    with pytest.raises(TypeError, match="fit: the epochs of the Recipe must be known here"):
        jax.vmap(lambda epochs: nn.fit(recipe._replace(epochs=epochs), TRAIN, key=jax.random.key(0), epochs=8))(
            np.arange(1, 3)
        )
    with pytest.raises(TypeError, match="epochs"):
        sweep(make=make_recipe, **OPTIONS | {"space": SPACE | {"epochs": nn.uniform(2, 12)}})
