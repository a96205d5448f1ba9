"""Trainings of a model with buffers: they are carried from step to step, and the optimizer does not see them."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers import running_mean
from helpers.running_mean import MODEL, RATE, assert_close, train_in_numpy

DATA = running_mean.data()


def recipe(batch_size=None, optimizer=None, **options):
    return nn.Recipe(MODEL, nn.squared_error, optimizer or optax.sgd(RATE), batch_size, **options)


@pytest.mark.parametrize("batch_size", [None, 7, 3], ids=["full batch", "one minibatch", "last one filled"])
def test_fit_carries_buffers_as_a_numpy_loop(batch_size):
    fitted = jax.jit(lambda key: nn.fit(recipe(batch_size), DATA, key=key, epochs=5))(jax.random.key(3))
    start = nn.init_training(recipe(), jax.random.key(3))
    assert_close(fitted.params, train_in_numpy(start, DATA, 5, batch_size))
    assert fitted.params.steps.value.dtype == np.int32


def test_fit_maps_over_it_and_differentiates():
    def run(rate, key):
        return nn.fit(recipe(3, optax.sgd(rate)), DATA, key=key, epochs=2).params

    mapped = jax.jit(jax.vmap(run, (0, None)))(np.array([RATE, 0.02], "f"), jax.random.key(3))
    start = nn.init_training(recipe(), jax.random.key(3))
    for lane, rate in enumerate([RATE, 0.02]):
        own = jax.tree.map(lambda leaf, lane=lane: leaf[lane], mapped)
        assert_close(own, train_in_numpy(start, DATA, 2, 3, rate))

    def weight(rate):
        return run(rate, jax.random.key(3)).weight[0, 0]

    step = 1e-3
    outside = [train_in_numpy(start, DATA, 2, 3, RATE + side).weight[0, 0] for side in (step, -step)]
    np.testing.assert_allclose(jax.jit(jax.grad(weight))(RATE), (outside[0] - outside[1]) / (2 * step), rtol=1e-2)


def test_advance_goes_on_with_them():
    state = nn.init_training(recipe(3), jax.random.key(3))
    half, _ = nn.advance(recipe(3), DATA, state, epochs=2)
    whole, _ = nn.advance(recipe(3), DATA, half, epochs=3)
    assert_close(whole.params, train_in_numpy(state, DATA, 5, 3))
    last, info = nn.advance(recipe(3), DATA, whole, epochs=1)
    # The counter changes by 3 an epoch, but a step size is that of what is learned.
    change = np.abs(np.asarray(last.params.weight) - np.asarray(whole.params.weight)).max()
    np.testing.assert_allclose(info.step_sizes, [change], rtol=1e-5)


def test_predict_and_evaluate_use_the_running_mean():
    fitted = nn.fit(recipe(3), DATA, key=jax.random.key(3), epochs=4)
    params = jax.tree.map(np.asarray, fitted.params)
    x = np.tile(DATA[0], (200, 1))  # more than a tile
    np.testing.assert_allclose(nn.predict(MODEL, params, x), (x - params.mean.value) @ params.weight, rtol=1e-4)
    errors = (DATA[0] - params.mean.value) @ params.weight - DATA[1]
    np.testing.assert_allclose(nn.evaluate(recipe(), params, DATA).loss, (errors**2).mean(), rtol=1e-4)


def center(params, x, *, key=None):
    """Returns the outputs in training, as a model without buffers does."""
    return (x - x.mean(axis=0)[None]) @ params["weight"]


WITHOUT = nn.Model(lambda key: {"weight": running_mean.init(key).weight}, center)


def decay_mask(params):
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def label(params):
    return jax.tree.map(lambda leaf: "matrix" if leaf.ndim > 1 else "other", params)


OPTIMIZERS = {
    "adamw": optax.adamw(0.1, weight_decay=0.1, mask=decay_mask),
    "add_decayed_weights": optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)),
    "clip_by_global_norm": optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1, momentum=0.9)),
    "masked": optax.masked(optax.sgd(0.1), decay_mask),
    "partition": optax.partition({"matrix": optax.adam(0.1), "other": optax.sgd(9.0)}, label),
    "MultiSteps": optax.MultiSteps(optax.adam(0.1), 2),
    "lbfgs": optax.lbfgs(),
    "backtracking": optax.chain(optax.sgd(0.5), optax.scale_by_backtracking_linesearch(5)),
    "sam": optax.contrib.sam(optax.sgd(0.1), optax.chain(optax.contrib.normalize(), optax.sgd(0.05)), opaque_mode=True),
    "reduce_on_plateau": optax.chain(optax.sgd(0.1), nn.reduce_on_plateau(0.5, patience=1, rtol=0.5)),
    "adafactor": optax.adafactor(0.1),
    "muon": optax.contrib.muon(0.1),
    "schedule_free": optax.contrib.schedule_free_adamw(0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_sees_what_is_learned(name):
    """Weights are those of a model without buffers; a line search or a gradient elsewhere counts no step."""

    def run(model):
        return nn.fit(recipe(None, OPTIMIZERS[name])._replace(model=model), DATA, key=jax.random.key(3), epochs=5)

    with_buffers, without = jax.jit(lambda: (run(MODEL), run(WITHOUT)))()
    np.testing.assert_allclose(with_buffers.params.weight, without.params["weight"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(with_buffers.losses, without.losses, rtol=1e-4, atol=1e-6)
    states = [jax.tree.map(np.shape, fitted.state.optimizer_state) for fitted in (with_buffers, without)]
    assert jax.tree.leaves(states[0]) == jax.tree.leaves(states[1])
    expected = train_in_numpy(nn.init_training(recipe(), jax.random.key(3)), DATA, 5, None)
    assert_close(with_buffers.params._replace(weight=expected.weight), expected)


def test_a_mean_of_the_parameters_has_the_latest_buffers():
    fitted = nn.fit(recipe(3, ema=0.5), DATA, key=jax.random.key(3), epochs=2)
    state = nn.init_training(recipe(), jax.random.key(3))
    expected = train_in_numpy(state, DATA, 2, 3)
    assert_close(fitted.state.params, expected)
    mean = fitted.state.optimizer_state.mean
    assert (mean.mean, mean.steps) == (None, None)
    assert_close(fitted.params, expected._replace(weight=mean.weight))
    assert not np.allclose(mean.weight, expected.weight, rtol=1e-3)


def test_fit_stops_with_the_buffers_of_its_last_epoch():
    stopped = nn.fit(recipe(3), DATA, key=jax.random.key(3), epochs=6, stop=nn.no_improvement(1, tolerance=1e3))
    assert stopped.epochs == 2  # the first epoch is an improvement over no score
    assert_close(stopped.params, train_in_numpy(nn.init_training(recipe(), jax.random.key(3)), DATA, 2, 3))


def test_the_loss_of_outputs_in_training_must_give_one_value_per_example():
    def train_apply(params, x, *, key, where=None):
        outputs, params = MODEL.train_apply(params, x, key=key, where=where)
        return {"training": outputs}, params

    def loss(outputs, targets):
        return outputs["training"].sum() if isinstance(outputs, dict) else nn.squared_error(outputs, targets)

    bad = recipe(3)._replace(model=MODEL._replace(train_apply=train_apply), loss=loss)
    with pytest.raises(ValueError, match=r"fit: the loss of train_apply's outputs must .* shape \(3,\), not \(\)"):
        nn.fit(bad, DATA, key=jax.random.key(0), epochs=1)


def test_train_apply_gets_what_the_augmentation_makes():
    """Bytes become floats, whose running mean has a fraction; the check before the training knows their type."""

    def train_apply(params, x, *, key, where=None):
        assert x.dtype == np.float32
        return MODEL.train_apply(params, x, key=key, where=where)

    whole = (DATA[0] * 10 + 60).astype(np.uint8), DATA[1]
    halved = recipe()._replace(model=MODEL._replace(train_apply=train_apply), augment=lambda key, x: x / 2)
    fitted = nn.fit(halved, whole, key=jax.random.key(3), epochs=1)
    np.testing.assert_allclose(fitted.params.mean.value, 0.25 * whole[0].mean(axis=0) / 2, rtol=1e-5)
    mixed = recipe()._replace(augment=nn.augment.mixup())
    assert nn.fit(mixed, DATA, key=jax.random.key(3), epochs=2).params.steps.value == 2
