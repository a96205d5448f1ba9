"""train: the steps of fit in a host loop, with curves, the best parameters, and early stopping."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.training import loop

FLOWERS = nn.datasets.iris()
X = np.asarray(nn.scale(nn.standard_scaling(FLOWERS.x), FLOWERS.x))
TRAIN, VALIDATION = nn.train_test_split(jax.random.key(1), (X, FLOWERS.targets), test=0.3, stratify=FLOWERS.targets)
RECIPE = nn.Recipe(nn.mlp([4, 8, 3]), nn.cross_entropy, optax.adam(0.1), batch_size=32)
CONFIG = loop.LoopConfig(RECIPE, nn.accuracy, None, keep_best=True)


def train(*, seed=0, epochs=3, **options):
    return nn.train(RECIPE, TRAIN, key=jax.random.key(seed), epochs=epochs, **{"progress": False} | options)


def train_validated(**options):
    return train(**{"epochs": 30, "validation": VALIDATION, "score": nn.accuracy} | options)


@pytest.fixture(scope="module")
def validated():
    return train_validated()


@pytest.fixture(scope="module")
def unvalidated():
    return train()


@pytest.fixture(scope="module")
def evaluate():
    """A compiled evaluation of parameters."""
    return jax.jit(lambda params: nn.evaluate(RECIPE, params, VALIDATION, score=nn.accuracy))


@pytest.fixture(scope="module")
def fit():
    """A compiled fit of 30 epochs, from given parameters."""
    return jax.jit(lambda key, params: nn.fit(RECIPE, TRAIN, key=key, epochs=30, params=params))


def test_it_takes_the_steps_of_fit(validated, fit):
    start = nn.init_training(RECIPE, jax.random.key(0))
    fitted = fit(jax.random.key(0), start.params)
    np.testing.assert_allclose(validated.losses, fitted.losses, rtol=2e-4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4), validated.state.params, fitted.params
    )


def test_it_starts_from_the_users_parameters_and_does_not_delete_them(fit):
    params = RECIPE.model.init(jax.random.key(5))
    result = train(params=params)
    fitted = fit(jax.random.key(0), params)
    np.testing.assert_allclose(result.losses, fitted.losses[:3], rtol=1e-4)
    assert not params["output"].weight.is_deleted()


def test_curves_are_the_evaluations_after_each_epoch(validated, unvalidated, evaluate):
    assert unvalidated.state.epoch == 3
    evaluation = evaluate(unvalidated.state.params)
    assert validated.epochs == len(validated.losses) == len(validated.validation_losses) == len(validated.scores) == 30
    np.testing.assert_allclose(validated.validation_losses[2], evaluation.loss, rtol=1e-4)
    np.testing.assert_allclose(validated.scores[2], evaluation.score, rtol=1e-6)


def test_the_best_parameters_are_kept(validated, evaluate):
    assert validated.best_epoch == int(np.argmax(validated.scores)) + 1
    evaluation = evaluate(validated.params)
    np.testing.assert_allclose(evaluation.score, validated.scores.max(), rtol=1e-6)
    assert validated.state.epoch == 30


@pytest.fixture(scope="module")
def in_float64_mode():
    """A training of float32 weights on float32 data, while JAX's default is float64."""
    params = RECIPE.model.init(jax.random.key(5))
    with jax.enable_x64(True):
        return train(params=params, validation=VALIDATION, stop=nn.no_improvement(5))


def test_float32_weights_can_be_trained_in_float64_mode(in_float64_mode):
    assert in_float64_mode.params["output"].weight.dtype == np.float32
    assert in_float64_mode.losses.dtype == np.float64
    assert np.isfinite(in_float64_mode.losses).all()


def test_the_default_score_is_minus_the_mean_validation_loss(in_float64_mode):
    np.testing.assert_allclose(in_float64_mode.scores, -in_float64_mode.validation_losses, rtol=1e-6)


def test_without_a_validation_part_the_last_parameters_are_returned(unvalidated):
    assert unvalidated.validation_losses is None
    assert unvalidated.scores is None
    assert unvalidated.best_epoch == unvalidated.epochs == 3
    jax.tree.map(np.testing.assert_array_equal, unvalidated.params, unvalidated.state.params)


def test_early_stopping_ends_where_the_rule_stops(validated):
    stopped = train_validated(stop=nn.no_improvement(patience=4))
    best, waited, expected = -np.inf, 0, 30
    for epoch, score in enumerate(validated.scores, 1):
        best, waited = (score, 0) if score > best else (best, waited + 1)
        if waited == 4:
            expected = epoch
            break
    assert stopped.epochs == expected < 30
    assert stopped.state.epoch == expected
    np.testing.assert_allclose(stopped.scores, validated.scores[:expected], rtol=1e-6)


def test_chunks_do_not_change_a_bit(validated):
    state = nn.init_training(RECIPE, jax.random.key(0))
    data = jax.tree.map(jnp.asarray, (TRAIN, VALIDATION))

    def run(ends):
        carried = loop.init_loop(CONFIG, state, 30, validated=True)
        run_until = loop.compile_loop(CONFIG, *data, carried)
        for end in ends:
            carried = run_until(carried, end)
        return carried

    one, many = run([30]), run([1, 2, 7, 8, 29, 30])
    jax.tree.map(np.testing.assert_array_equal, one.state.params, many.state.params)
    jax.tree.map(np.testing.assert_array_equal, one.curves, many.curves)
    np.testing.assert_array_equal(one.curves.losses, validated.losses)


def test_the_progress_shows_losses_score_and_speed(capfd):
    train_validated(progress=True)
    shown = capfd.readouterr().err
    names = r"loss [\d.]+, validation_loss [\d.]+, score [\d.]+"
    assert re.fullmatch(rf"train: 30 of 30 epochs, {names}, [\d,.]+ epochs/s, [\d.]+ s so far\n", shown)


def test_it_refuses_to_be_traced():
    with pytest.raises(TypeError, match="use fit inside"):
        jax.jit(lambda key: nn.train(RECIPE, TRAIN, key=key, epochs=2, progress=False).losses)(jax.random.key(0))


def test_a_score_needs_a_validation_part():
    with pytest.raises(ValueError, match="a score needs validation"):
        train(score=nn.accuracy)


def test_bad_validation_data_are_refused_by_name():
    wrong = VALIDATION[0], np.full(len(VALIDATION[1]), 3)
    with pytest.raises(ValueError, match="row 0 holds 3"):
        train(validation=wrong)
