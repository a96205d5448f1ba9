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


def test_predict_and_evaluate_use_the_running_mean():
    fitted = nn.fit(recipe(3), DATA, key=jax.random.key(3), epochs=4)
    params = jax.tree.map(np.asarray, fitted.params)
    x = np.tile(DATA[0], (200, 1))  # more than a tile
    np.testing.assert_allclose(nn.predict(MODEL, params, x), (x - params.mean.value) @ params.weight, rtol=1e-4)
    errors = (DATA[0] - params.mean.value) @ params.weight - DATA[1]
    np.testing.assert_allclose(nn.evaluate(recipe(), params, DATA).loss, (errors**2).mean(), rtol=1e-4)
