"""Recipe(ema=...): the mean of the parameters is judged and kept by fit, train and sweep, while training goes on."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import RECIPE, TRAIN, VALIDATION, InjectedError, assert_same_bits
from helpers.resumable_runs import train as train_in
from jaxnn.training.ema import keep_mean

optimized = pytest.mark.optimized(older_code=True)  # bits are compared
EMA = RECIPE._replace(ema=0.8)


def fit(recipe, epochs, **options):
    return jax.jit(lambda key: nn.fit(recipe, TRAIN, key=key, epochs=epochs, **options))(jax.random.key(0))


def train(recipe=EMA, **options):
    options = {"key": jax.random.key(0), "validation": VALIDATION, "epochs": 12, "progress": False} | options
    return nn.train(recipe, TRAIN, **options)


def assert_close(left, right, rtol=2e-3):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-4), left, right)


def test_fit_returns_the_mean_and_goes_on_with_the_parameters():
    recipe = RECIPE._replace(batch_size=None)
    raw = [nn.init_training(recipe, jax.random.key(0)).params]
    raw += [fit(recipe, epochs).params for epochs in (1, 2, 3)]
    mean = jax.tree.map(np.asarray, raw[0])
    for params in raw[1:]:
        mean = jax.tree.map(lambda mean, latest: 0.8 * mean + 0.2 * np.asarray(latest), mean, params)
    fitted = fit(recipe._replace(ema=0.8), 3)
    assert_close(fitted.params, mean, rtol=1e-5)
    assert_close(fitted.state.params, raw[3], rtol=1e-5)
    stopped = fit(recipe._replace(ema=0.8), 9, stop=nn.small_step(1e3))
    assert_close(stopped.params, jax.tree.map(lambda a, b: 0.8 * a + 0.2 * b, raw[0], raw[1]), rtol=1e-5)


def test_fit_maps_over_it():
    def run(ema):
        return nn.fit(RECIPE._replace(ema=ema), TRAIN, key=jax.random.key(0), epochs=3).params

    mapped = jax.jit(jax.vmap(run))(np.array([0.0, 0.8], "f"))
    for lane, ema in enumerate([None, 0.8]):
        assert_close(jax.tree.map(lambda leaf, lane=lane: leaf[lane], mapped), fit(RECIPE._replace(ema=ema), 3).params)


def test_every_minibatch_counts():
    step = optax.GradientTransformation(
        lambda params: (), lambda grads, state, params: (jax.tree.map(jnp.ones_like, grads), state)
    )
    recipe = nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, step, batch_size=50, ema=0.5)
    fitted = fit(recipe, 1)  # 105 rows: three steps, each adds 1
    start = nn.init_training(recipe, jax.random.key(0)).params
    expected = 0.125 * 0 + 0.125 * 1 + 0.25 * 2 + 0.5 * 3
    assert_close(fitted.params, jax.tree.map(lambda leaf: leaf + expected, start), rtol=1e-5)
    assert_close(fitted.state.params, jax.tree.map(lambda leaf: leaf + 3, start), rtol=1e-5)


def test_leaves_that_are_not_floats_are_copied():
    optimizer = keep_mean(optax.with_extra_args_support(optax.identity()), 0.5)
    params = {"count": jnp.array([3]), "weight": jnp.array([1.0])}
    updates = {"count": jnp.array([2]), "weight": jnp.array([4.0])}
    _, state = optimizer.update(updates, optimizer.init(params), params)
    assert_same_bits(state.mean, {"count": jnp.array([5]), "weight": jnp.array([3.0])})


@pytest.fixture(scope="module")
def trained():
    return train()


@optimized
def test_train_judges_and_keeps_the_mean(trained):
    evaluation = nn.evaluate(EMA, nn.judged_params(trained.state), VALIDATION)
    np.testing.assert_allclose(trained.validation_losses[-1], evaluation.loss, rtol=1e-4)
    kept = nn.evaluate(EMA, trained.params, VALIDATION)
    np.testing.assert_allclose(kept.score, trained.scores.max(), rtol=1e-4)
    assert_same_bits(train(validation=None).params, train(validation=None).state.optimizer_state.mean)
    plain = train(RECIPE)
    np.testing.assert_allclose(trained.losses, plain.losses, rtol=1e-4)
    assert_close(trained.state.params, plain.state.params)
    assert not np.allclose(trained.validation_losses[1:], plain.validation_losses[1:], rtol=0.01)


def test_fit_and_train_agree(trained):
    fitted = fit(EMA, 12)
    assert_close(fitted.params, nn.judged_params(trained.state))
    assert_close(fitted.state.params, trained.state.params)


@optimized
def test_it_resumes_to_the_bit(tmp_path):
    whole = train_in(recipe=EMA)
    with pytest.raises(InjectedError):
        train_in(tmp_path, end_at=17, recipe=EMA)
    assert_same_bits(train_in(tmp_path, recipe=EMA), whole)
    half = train_in(recipe=EMA, epochs=20)
    assert_same_bits(train_in(recipe=EMA, state=half.state).state, whole.state)


def test_a_state_without_a_mean_is_refused():
    half = train(RECIPE, epochs=2)
    with pytest.raises(ValueError, match="state holds an optimizer state that the recipe's optimizer does not make"):
        train(state=half.state)


def sweep(make_recipe, space, **options):
    options = {"validation": VALIDATION, "trials": 3, "epochs": 12, "lanes": 2, "keep": 3, "progress": False} | options
    return nn.sweep(make_recipe, space, TRAIN, key=jax.random.key(4), **options)


@optimized
@pytest.mark.parametrize("evaluate_at", ["epochs", "rungs"])
def test_a_sweep_over_it_agrees_with_train(evaluate_at):
    swept = sweep(
        lambda hypers: RECIPE._replace(ema=hypers["ema"]), {"ema": nn.uniform(0.5, 0.95)}, evaluate_at=evaluate_at
    )
    for number, trial in enumerate(swept.trials):
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(4), number), 0)
        alone = train(RECIPE._replace(ema=float(swept.hypers_of(number)["ema"])), key=key)
        np.testing.assert_allclose(trial.curves.losses[0], alone.losses, rtol=2e-3)
        np.testing.assert_allclose(trial.curves.validation_losses[0, -1], alone.validation_losses[-1], rtol=2e-3)
        assert_close(swept.params(number, lane=0), nn.judged_params(alone.state))
        assert_same_bits(swept.replay(number).params, swept.params(number))


def test_masked_sizes_are_trimmed():
    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optax.adam(0.02), ema=0.8)

    swept = sweep(make_recipe, {"width": nn.sizes(3, 8)})
    for number, trial in enumerate(swept.trials):
        params = swept.params(number, lane=0)
        assert params["hidden_1"].weight.shape == (4, swept.hypers_of(number)["width"])
        loss = nn.evaluate(make_recipe(swept.hypers_of(number)), params, VALIDATION).loss
        np.testing.assert_allclose(trial.curves.validation_losses[0, -1], loss, rtol=1e-4)


def test_an_optimizer_that_depends_on_shapes_is_refused_as_without_a_mean(as_installed):
    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optax.adafactor(0.1), ema=0.8)

    with pytest.raises(ValueError, match=r"optimizer \(.*clip_by_block_rms.*\) updates .* not as the narrow network"):
        sweep(make_recipe, {"width": nn.sizes(3, 8)})


def test_population_based_training_copies_the_mean():
    swept = sweep(
        lambda hypers: EMA._replace(optimizer=optax.adam(hypers["learning_rate"])),
        {"learning_rate": nn.log_uniform(1e-4, 1e-1)},
        scheduler=nn.population_based(perturbation_interval=2), trials=8, lanes=8, keep=8,
    )  # fmt: skip
    copies = [trial for trial in swept.trials if trial.copies]
    assert copies
    for trial in copies:
        loss = nn.evaluate(EMA, swept.params(trial.trial, lane=0), VALIDATION).loss
        np.testing.assert_allclose(trial.curves.validation_losses[0, -1], loss, rtol=1e-4)
