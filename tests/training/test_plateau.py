"""reduce_on_plateau: the steps become smaller where a NumPy loop over the losses of the epochs says so."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

import jaxnn as nn
from helpers.resumable_runs import RECIPE, TRAIN, VALIDATION, InjectedError, assert_same_bits
from helpers.resumable_runs import train as train_in
from jaxnn.training.plateau import report_loss

pytestmark = pytest.mark.optimized(older_code=True)  # bits are compared
# Other labels, so that its loss takes another course than that of the training.
OTHER = VALIDATION[0], np.full_like(VALIDATION[1], 1)
OPTIONS = {"factor": 0.5, "patience": 2, "rtol": 0.01, "cooldown": 1, "min_scale": 0.1}


def find_scales(losses, *, factor, patience, rtol, cooldown, min_scale):
    """Returns the scale of each epoch: the losses of the epochs before it decide."""
    scale, best, waited, cools, scales = 1.0, np.inf, 0, 0, []
    for loss in losses:
        scales.append(scale)
        waited = 0 if loss < (1 - rtol) * best else waited + 1
        best = loss if waited == 0 else best
        if cools:
            waited, cools = 0, cools - 1
        elif waited == patience:
            scale, waited, cools = max(scale * factor, min_scale), 0, cooldown
    return np.array(scales)


def directions(params):
    """Returns a fixed direction for each leaf, in which the logits of the classes differ."""
    return jax.tree.map(lambda leaf: jnp.cos(3.0 * jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape), params)


def march(plateau, size=0.1):
    """Moves the parameters by `size` in fixed directions in every update: how far is the sum of the scales."""
    steps = optax.GradientTransformation(
        lambda params: (), lambda grads, state, params: (jax.tree.map(lambda leaf: size * leaf, directions(grads)), ())
    )
    return nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.chain(steps, plateau))


def assert_moved(params, start, losses, options=OPTIONS, size=0.1):
    scales = find_scales(losses, **options)
    assert len(set(scales)) > 1
    moved = jax.tree.map(lambda a, b: np.asarray(a) - b, params, start)
    expected = jax.tree.map(lambda leaf: size * scales.sum() * leaf, directions(start))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), moved, expected)


def start_of(recipe):
    return nn.init_training(recipe, jax.random.key(0)).params


def test_it_judges_as_optax_does_once_an_epoch():
    rng = np.random.default_rng(0)
    ours, theirs = nn.reduce_on_plateau(**OPTIONS), optax.contrib.reduce_on_plateau(**OPTIONS)
    grads = {"weight": jnp.ones(3)}
    state, reference = ours.init(grads), theirs.init(grads)
    scales = []
    for loss in 1 + 0.3 * rng.normal(size=60) * np.exp(-np.arange(60) / 10):
        expected, reference = theirs.update(grads, reference, value=jnp.float32(loss))
        state = report_loss(state, jnp.float32(loss))
        for _ in range(3):  # further updates of an epoch do not count
            actual, state = ours.update(grads, state)
            np.testing.assert_array_equal(actual["weight"], expected["weight"])
        scales.append(float(state.scale))
    assert len(set(scales)) == 5
    assert scales[-1] == np.float32(0.1)


def test_fit_passes_the_training_loss_and_train_the_validation_loss():
    recipe = march(nn.reduce_on_plateau(**OPTIONS))
    fitted = jax.jit(lambda: nn.fit(recipe, TRAIN, key=jax.random.key(0), epochs=15))()
    assert_moved(fitted.params, start_of(recipe), fitted.losses)
    stopped = jax.jit(lambda: nn.fit(recipe, TRAIN, key=jax.random.key(0), epochs=15, stop=nn.small_step(0.01)))()
    assert_same_bits(stopped.params, fitted.params)
    trained = nn.train(recipe, TRAIN, key=jax.random.key(0), epochs=15, progress=False)
    assert_moved(trained.params, start_of(recipe), trained.losses)
    small = recipe._replace(batch_size=35)  # three minibatches an epoch
    validated = nn.train(small, TRAIN, key=jax.random.key(0), epochs=15, validation=OTHER, progress=False)
    assert_moved(validated.state.params, start_of(small), validated.validation_losses, size=0.3)
    assert (find_scales(validated.losses, **OPTIONS) != find_scales(validated.validation_losses, **OPTIONS)).any()


@pytest.mark.parametrize("evaluate_at", ["epochs", "rungs"])
def test_a_sweep_over_its_numbers(evaluate_at):
    space = {"factor": nn.uniform(0.2, 0.8), "patience": nn.integers(1, 3)}
    swept = nn.sweep(
        lambda hypers: march(nn.reduce_on_plateau(**OPTIONS | hypers)), space, TRAIN, key=jax.random.key(4), trials=4,
        epochs=15, validation=OTHER, lanes=4, keep=4, evaluate_at=evaluate_at, progress=False,
    )  # fmt: skip
    recipe, distances = march(nn.reduce_on_plateau()), set()
    for number, trial in enumerate(swept.trials):
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(4), number), 0)
        start = nn.init_training(recipe, key).params
        losses = (trial.curves.validation_losses if evaluate_at == "epochs" else trial.curves.losses)[0]
        options = OPTIONS | swept.hypers_of(number)
        assert_moved(swept.params(number, lane=0), start, losses, options)
        distances.add(find_scales(losses, **options).sum())
    assert len(distances) > 2


def test_it_resumes_to_the_bit(tmp_path):
    optimizer = optax.chain(optax.adam(0.05), nn.reduce_on_plateau(0.5, 1, rtol=0.1))
    recipe = RECIPE._replace(optimizer=optimizer, ema=0.5)
    whole = train_in(recipe=recipe)
    plateau = whole.state.optimizer_state.optimizer_state[1]
    assert plateau.scale < 0.3
    with pytest.raises(InjectedError):
        train_in(tmp_path, end_at=17, recipe=recipe)
    assert_same_bits(train_in(tmp_path, recipe=recipe), whole)
    half = train_in(recipe=recipe, epochs=20)
    assert_same_bits(train_in(recipe=recipe, state=half.state).state, whole.state)


def test_advance_in_pieces_changes_no_bit():
    recipe = march(nn.reduce_on_plateau(**OPTIONS))
    state = nn.init_training(recipe, jax.random.key(0))
    whole, _ = nn.advance(recipe, TRAIN, state, epochs=8)
    for epochs in (3, 5):
        state, _ = nn.advance(recipe, TRAIN, state, epochs=epochs)
    assert_same_bits(state, whole)


def test_masked_sizes_train_as_the_narrow_network():
    def make_recipe(hypers):
        optimizer = optax.chain(optax.adam(0.05), nn.reduce_on_plateau(0.5, 1, rtol=0.1))
        return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optimizer)

    swept = nn.sweep(
        make_recipe, {"width": nn.sizes(3, 8)}, TRAIN, key=jax.random.key(0), trials=2, epochs=5,
        validation=VALIDATION, keep=2, progress=False,
    )  # fmt: skip
    for number in range(2):
        params = swept.params(number, lane=0)
        loss = nn.evaluate(make_recipe(swept.hypers_of(number)), params, VALIDATION).loss
        np.testing.assert_allclose(swept.trials[number].curves.validation_losses[0, -1], loss, rtol=1e-4)
