"""Recipe(augment=...): in training only, drawn from the key of the step, the same bits however a training runs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers import resumable_runs
from helpers.resumable_runs import InjectedError, assert_same_bits, assert_same_sweep
from jaxnn.training.epoch import train_epoch

optimized = pytest.mark.optimized(older_code=True)  # bits are compared
A = nn.augment
RNG = np.random.default_rng(0)
X, LABELS = RNG.integers(0, 255, (30, 4, 4, 1), np.uint8), np.arange(30, dtype=np.int32) % 3
TRAIN, VALIDATION = (X[:22], LABELS[:22]), (X[22:], LABELS[22:])
MODEL = nn.mlp([16, 3], dropout=0.2)


def apply(params, x, *, key=None):
    return MODEL.apply(params, nn.flatten(x) / 255, key=key)


RECIPE = nn.Recipe(nn.Model(MODEL.init, apply), nn.cross_entropy, optax.sgd(0.1), batch_size=8)
EVERY = A.compose(A.shift(1), A.mixup(0.5))


def fit(recipe, epochs=2, data=TRAIN, **options):
    return jax.jit(lambda key: nn.fit(recipe, data, key=key, epochs=epochs, **options))(jax.random.key(0))


def train(recipe, directory=None, end_at=None, **options):
    def log(epoch, _):
        if epoch == end_at:
            raise InjectedError

    options = {"validation": VALIDATION, "epochs": 8} | options
    return nn.train(
        recipe, TRAIN, key=jax.random.key(0), directory=directory, log=log, save_every=1e-6, progress=False, **options
    )


def test_an_augmentation_that_changes_nothing_changes_no_number():
    plain = fit(RECIPE)
    for augment in (lambda key, x: x, lambda key, x, targets: (x, targets)):
        np.testing.assert_allclose(fit(RECIPE._replace(augment=augment)).losses, plain.losses, rtol=1e-6)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_the_loss_of_a_step_is_that_of_augmented_examples(batch_size):
    """With a learning rate of 0 every step has the same parameters."""
    seen = []

    def augment(key, x, targets):
        brightened, changed = (x + 20 * jax.random.normal(key, ())).astype(jnp.float32), (targets + 1) % 3
        jax.debug.callback(lambda *batch: seen.append([np.array(part) for part in batch]), brightened, changed)
        return brightened, changed

    model = nn.Model(MODEL.init, lambda params, x, *, key=None: apply(params, x))
    recipe = RECIPE._replace(model=model, optimizer=optax.sgd(0.0), augment=augment, batch_size=batch_size)
    fitted = fit(recipe, 1, (X[:24], LABELS[:24]))
    jax.effects_barrier()
    assert len(seen) == (1 if batch_size is None else 3)
    losses = [nn.cross_entropy(apply(fitted.params, x), labels) for x, labels in seen]
    np.testing.assert_allclose(fitted.losses[0], np.mean(losses), rtol=1e-5)
    # The whole data set is seen once, each step with a number of its own.
    assert sorted(np.concatenate([labels for _, labels in seen])) == sorted((LABELS[:24] + 1) % 3)
    fractions = {float(x.min() % 1) for x, _ in seen}
    assert len(fractions) == len(seen)


def test_evaluation_does_not_augment():
    recipe = RECIPE._replace(optimizer=optax.sgd(0.0), augment=lambda key, x: jnp.zeros_like(x))
    trained = train(recipe, epochs=2)
    plain = train(RECIPE._replace(optimizer=optax.sgd(0.0)), epochs=2)
    np.testing.assert_allclose(trained.validation_losses, plain.validation_losses, rtol=1e-6)
    assert abs(trained.losses[0] - plain.losses[0]) > 1e-3
    expected = nn.evaluate(RECIPE, trained.params, VALIDATION).loss
    np.testing.assert_allclose(nn.evaluate(recipe, trained.params, VALIDATION).loss, expected, rtol=1e-6)


@optimized
@pytest.mark.parametrize("batch_size", [None, 8])
def test_a_training_resumes_and_goes_on_to_the_bit(batch_size, tmp_path):
    recipe = RECIPE._replace(augment=EVERY, batch_size=batch_size)
    whole = train(recipe)
    with pytest.raises(InjectedError):
        train(recipe, tmp_path, end_at=4)
    assert_same_bits(train(recipe, tmp_path), whole)
    half = train(recipe, epochs=4)
    assert_same_bits(train(recipe, state=half.state).state, whole.state)
    assert not np.allclose(whole.losses, train(RECIPE._replace(batch_size=batch_size)).losses)


def test_a_run_directory_refuses_another_augmentation(tmp_path):
    train(RECIPE._replace(augment=A.shift(1)), tmp_path, epochs=1)
    with pytest.raises(ValueError, match="augment"):
        train(RECIPE._replace(augment=A.shift(2)), tmp_path, epochs=1)


@optimized
def test_images_stay_uint8_until_the_minibatch():
    """No array of floats in the compiled training has the size of the data set."""
    x, labels = np.zeros((1013, 4, 4, 1), np.uint8), np.zeros(1013, np.int32)
    recipe = RECIPE._replace(augment=A.compose(A.shift(1), A.mixup(0.2)))
    state = nn.init_training(recipe, jax.random.key(0))

    def run(x, labels, state):
        return jax.lax.fori_loop(0, 3, lambda _, state: train_epoch(recipe, (x, labels), state)[0], state)

    text = jax.jit(run).lower(x, labels, state).compile().as_text() or ""
    assert "u8[1013,4,4,1]" in text
    assert "f32[1013,4,4" not in text
    assert "f32[1013,16" not in text


def sweep(make, space, **options):
    options = {"trials": 3, "epochs": 4, "lanes": 4, "keep": 3, "progress": False} | options
    return nn.sweep(make, space, TRAIN, key=jax.random.key(4), **options)


SPACE = {"pixels": nn.integers(0, 2), "alpha": nn.log_uniform(0.1, 2.0), "rate": nn.uniform(0.0, 1.0)}


def make_recipe(hypers):
    parts = A.shift(hypers["pixels"]), A.flip(hypers["rate"]), A.mixup(hypers["alpha"])
    return RECIPE._replace(augment=A.compose(*parts))


@optimized
@pytest.mark.parametrize("part", [{"validation": VALIDATION}, {"folds": 3}], ids=["validation", "folds"])
def test_a_sweep_over_strengths_is_replayed_to_the_bit(part, compilations):
    with compilations() as names:
        swept = sweep(make_recipe, SPACE, **part)
    assert names.count("jit(advance)") == 1
    for trial in range(3):
        again = swept.replay(trial)
        assert_same_bits(again.curves, swept.trials[trial].curves)
        assert_same_bits(again.params, swept.params(trial))
    if "validation" in part:
        recipe = make_recipe(swept.hypers_of(2))
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(4), 2), 0)
        fitted = jax.jit(lambda key: nn.fit(recipe, TRAIN, key=key, epochs=4))(key)
        np.testing.assert_allclose(swept.trials[2].curves.losses[0], fitted.losses, rtol=1e-4)


@optimized
def test_a_sweep_resumes_to_the_bit(tmp_path):
    def make(hypers):
        recipe = resumable_runs.make_recipe(hypers)
        return recipe._replace(augment=lambda key, x: x + hypers["noise"] * jax.random.normal(key, x.shape))

    options = {"make": make, "space": resumable_runs.SPACE | {"noise": nn.uniform(0.0, 0.5)}}
    with pytest.raises(InjectedError):
        resumable_runs.sweep(tmp_path, end_at=9, **options)
    assert_same_sweep(resumable_runs.sweep(tmp_path, **options), resumable_runs.sweep(**options))


def test_folds_and_buffers_see_augmented_rows():
    """As a sweep over inverted images: x and targets are looked up before they are augmented."""
    folds = nn.k_folds(jax.random.key(3), 22, 2)

    def init(key):
        return {"layers": MODEL.init(key), "mean": nn.Buffer(jnp.zeros(()))}

    def apply_layers(params, x, *, key=None):
        return apply(params["layers"], x, key=key)

    def train_apply(params, x, *, key, where=None):
        where = None if where is None else where[:, None, None, None]
        return apply_layers(params, x, key=key), params | {"mean": nn.Buffer(jnp.mean(x / 255, where=where))}

    model = nn.Model(init, apply_layers, train_apply)

    def run(augment, data):
        return nn.sweep(
            lambda hypers: RECIPE._replace(model=model, augment=augment), {"seed": nn.seeds()}, data,
            key=jax.random.key(4), trials=1, epochs=4, lanes=4, folds=folds, progress=False,
        )  # fmt: skip

    swept = run(lambda key, x, targets: (255 - x, (targets + 1) % 3), TRAIN)
    inverted = run(None, (255 - TRAIN[0], (TRAIN[1] + 1) % 3))
    np.testing.assert_allclose(swept.trials[0].curves.losses, inverted.trials[0].curves.losses, rtol=1e-5)
    for lane in range(2):
        mean = swept.params(0, lane=lane)["mean"].value
        np.testing.assert_allclose(mean, inverted.params(0, lane=lane)["mean"].value, rtol=1e-5)
        assert abs(mean - 0.5) > 1e-3


def test_a_strength_has_a_gradient():
    def loss(strength):
        recipe = RECIPE._replace(augment=lambda key, x: x + strength * jax.random.normal(key, x.shape))
        return nn.fit(recipe, TRAIN, key=jax.random.key(0), epochs=1).losses[0]

    slope = jax.jit(jax.grad(loss))(100.0)
    difference = (jax.jit(loss)(101.0) - jax.jit(loss)(99.0)) / 2
    np.testing.assert_allclose(slope, difference, rtol=0.02)
