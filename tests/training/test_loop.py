"""train: the steps of fit under a host loop, with curves, the best parameters, and early stopping."""

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
TASK = loop.LoopConfig(RECIPE, nn.accuracy, None, keep_best=True)


@pytest.fixture(scope="module")
def judged():
    return nn.train(
        RECIPE, TRAIN, key=jax.random.key(0), epochs=30, validation=VALIDATION, score=nn.accuracy, progress=False
    )


def test_it_takes_the_steps_of_fit(judged):
    fitted = jax.jit(lambda key: nn.fit(RECIPE, TRAIN, key=key, epochs=30))(jax.random.key(0))
    np.testing.assert_allclose(judged.losses, fitted.losses, rtol=2e-4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4), judged.state.params, fitted.params
    )


def test_curves_are_the_evaluations_of_each_epoch(judged):
    state, recipe = nn.init_training(RECIPE, jax.random.key(0)), RECIPE
    state, _ = nn.advance(recipe, TRAIN, state, epochs=3)
    evaluation = nn.evaluate(recipe, state.params, VALIDATION, score=nn.accuracy)
    assert judged.epochs == len(judged.losses) == len(judged.validation_losses) == len(judged.scores) == 30
    np.testing.assert_allclose(judged.validation_losses[2], evaluation.loss, rtol=1e-4)
    np.testing.assert_allclose(judged.scores[2], evaluation.score, rtol=1e-6)


def test_the_best_parameters_are_kept(judged):
    assert judged.best_epoch == int(np.argmax(judged.scores)) + 1
    evaluation = nn.evaluate(RECIPE, judged.params, VALIDATION, score=nn.accuracy)
    np.testing.assert_allclose(evaluation.score, judged.scores.max(), rtol=1e-6)
    assert judged.state.epoch == 30


def test_the_default_score_is_minus_the_mean_validation_loss():
    training = nn.train(RECIPE, TRAIN, key=jax.random.key(0), epochs=3, validation=VALIDATION, progress=False)
    np.testing.assert_allclose(training.scores, -training.validation_losses, rtol=1e-6)


def test_without_validation_the_last_parameters_come_back():
    training = nn.train(RECIPE, TRAIN, key=jax.random.key(0), epochs=3, progress=False)
    assert training.validation_losses is None
    assert training.scores is None
    assert training.best_epoch == training.epochs == 3
    jax.tree.map(np.testing.assert_array_equal, training.params, training.state.params)


def test_early_stopping_ends_where_the_rule_says(judged):
    rule = nn.no_improvement(patience=4)
    stopped = nn.train(
        RECIPE, TRAIN, key=jax.random.key(0), epochs=30, validation=VALIDATION, score=nn.accuracy, stop=rule,
        progress=False,
    )  # fmt: skip
    best, waited, expected = -np.inf, 0, 30
    for epoch, score in enumerate(judged.scores, 1):
        best, waited = (score, 0) if score > best else (best, waited + 1)
        if waited == 4:
            expected = epoch
            break
    assert stopped.epochs == expected < 30
    assert stopped.state.epoch == expected
    np.testing.assert_allclose(stopped.scores, judged.scores[:expected], rtol=1e-6)


def test_chunks_do_not_change_a_bit(judged):
    state = nn.init_training(RECIPE, jax.random.key(0))
    data = jax.tree.map(jnp.asarray, (TRAIN, VALIDATION))

    def run(chunks):
        carried = loop.init_loop(TASK, state, 30)
        for until in chunks:
            carried = loop.run_epochs(TASK, *data, carried, until)
        return carried

    one, many = run([30]), run([1, 2, 7, 8, 29, 30])
    jax.tree.map(np.testing.assert_array_equal, one.state.params, many.state.params)
    jax.tree.map(np.testing.assert_array_equal, one.curves, many.curves)
    np.testing.assert_array_equal(one.curves.losses, judged.losses)


def test_equal_calls_compile_once(judged):
    before = loop.run_epochs._cache_size()
    for seed in (1, 2):
        nn.train(
            RECIPE, TRAIN, key=jax.random.key(seed), epochs=30, validation=VALIDATION, score=nn.accuracy, progress=False
        )
    assert loop.run_epochs._cache_size() == before


def test_stopping_rules_that_are_equal_compile_once():
    counts = []
    for _ in range(2):
        rule = nn.small_step(1e-9)
        nn.train(RECIPE, TRAIN, key=jax.random.key(0), epochs=2, stop=rule, progress=False)
        counts.append(loop.run_epochs._cache_size())
    assert counts[0] == counts[1]


def test_initial_parameters_are_the_users_and_stay_theirs():
    params = RECIPE.model.init(jax.random.key(5))
    training = nn.train(RECIPE, TRAIN, key=jax.random.key(0), epochs=2, params=params, progress=False)
    fitted = nn.fit(RECIPE, TRAIN, key=jax.random.key(0), epochs=2, params=params)
    np.testing.assert_allclose(training.losses, fitted.losses, rtol=1e-4)
    assert not params["output"].weight.is_deleted()


def test_a_float64_training_of_float32_weights_runs(x64):
    training = nn.train(
        RECIPE, TRAIN, key=jax.random.key(0), epochs=2, validation=VALIDATION, stop=nn.no_improvement(5), progress=False
    )
    assert np.isfinite(training.losses).all()


def test_the_bar_shows_loss_score_and_speed(capfd):
    nn.train(RECIPE, TRAIN, key=jax.random.key(0), epochs=30, validation=VALIDATION, score=nn.accuracy)
    shown = capfd.readouterr().err
    assert "30/30" in shown
    assert "loss=" in shown
    assert "score=" in shown
    assert "epoch/s" in shown


def test_it_refuses_to_be_traced():
    with pytest.raises(TypeError, match="use fit inside"):
        jax.jit(lambda key: nn.train(RECIPE, TRAIN, key=key, epochs=2, progress=False).losses)(jax.random.key(0))


def test_a_score_needs_a_validation_part():
    with pytest.raises(ValueError, match="validation part"):
        nn.train(RECIPE, TRAIN, key=jax.random.key(0), epochs=2, score=nn.accuracy, progress=False)


def test_bad_validation_data_are_refused_by_name():
    wrong = VALIDATION[0], np.full(len(VALIDATION[1]), 3)
    with pytest.raises(ValueError, match="row 0 holds 3"):
        nn.train(RECIPE, TRAIN, key=jax.random.key(0), epochs=2, validation=wrong, progress=False)
