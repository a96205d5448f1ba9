"""`train` carries buffers: curves, checkpoints, a given state, means of parameters, returns after a divergence."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers import running_mean
from helpers.resumable_runs import InjectedError, assert_same_bits
from helpers.running_mean import MODEL, RATE, assert_close, train_in_numpy

pytestmark = pytest.mark.optimized(older_code=True)  # bits are compared
DATA, VALIDATION = running_mean.data(), running_mean.data(5, seed=1)
RECIPE = nn.Recipe(MODEL, nn.squared_error, optax.sgd(RATE), 3)
EPOCHS = 6


def train(directory=None, *, recipe=RECIPE, end_at=None, **options):
    def log(epoch, _values):
        if epoch == end_at:
            raise InjectedError

    options = {"validation": VALIDATION, "epochs": EPOCHS, "save_every": 1e-6} | options
    return nn.train(recipe, DATA, key=jax.random.key(3), progress=False, directory=directory, log=log, **options)


@pytest.fixture(scope="module")
def trained():
    return train()


def expected_after(epochs):
    return train_in_numpy(nn.init_training(RECIPE, jax.random.key(3)), DATA, epochs, 3)


def test_it_takes_the_steps_of_fit_and_validates_with_the_running_mean(trained):
    assert_close(trained.state.params, expected_after(EPOCHS))
    assert_close(trained.params, expected_after(trained.best_epoch))
    for epoch, loss in enumerate(trained.validation_losses, 1):
        params = expected_after(epoch)
        errors = (VALIDATION[0] - params.mean.value) @ params.weight - VALIDATION[1]
        np.testing.assert_allclose(loss, (errors**2).mean(), rtol=1e-3)


def test_it_resumes_and_goes_on_to_the_bit(trained, tmp_path):
    with pytest.raises(InjectedError):
        train(tmp_path, end_at=4)
    assert_same_bits(train(tmp_path), trained)
    half = train(epochs=2)
    assert_same_bits(train(state=half.state).state, trained.state)


def test_it_resumes_a_mean_of_the_parameters(tmp_path):
    averaged = RECIPE._replace(ema=0.5)
    whole = train(recipe=averaged)
    with pytest.raises(InjectedError):
        train(tmp_path, recipe=averaged, end_at=4)
    assert_same_bits(train(tmp_path, recipe=averaged), whole)
    assert_close(whole.state.params, expected_after(EPOCHS))
    assert_same_bits(train(recipe=averaged, validation=None).params.mean, whole.state.params.mean)


def test_a_return_to_the_best_parameters_takes_their_buffers():
    """The weights become NaN in the fourth epoch; the mean and the counter are those of the best epoch, and go on."""
    spoils = optax.GradientTransformation(
        lambda params: jnp.zeros((), int),
        lambda updates, count, params: (
            jax.tree.map(lambda leaf: jnp.where(count == 9, jnp.nan, -RATE * leaf), updates),
            count + 1,
        ),
    )
    with pytest.warns(UserWarning, match="epoch 4 gave a loss or a parameter that is not finite"):
        ended = train(recipe=RECIPE._replace(optimizer=spoils))
    assert_close(ended.state.params, expected_after(3))
    restored = train(recipe=RECIPE._replace(optimizer=spoils), on_divergence="restore")
    best = int(np.argmax(restored.scores[:3])) + 1
    assert restored.diverged is None
    assert restored.state.params.steps.value == 3 * (best + EPOCHS - 3)


def test_a_buffer_may_hold_infinity_but_not_nan():
    def with_value(value):
        def train_apply(params, x, *, key, where=None):
            outputs, after = MODEL.train_apply(params["own"], x, key=key, where=where)
            return outputs, {"own": after, "least": nn.Buffer(params["least"].value + value)}

        model = nn.Model(
            lambda key: {"own": MODEL.init(key), "least": nn.Buffer(jnp.zeros(()))},
            lambda params, x, *, key=None: MODEL.apply(params["own"], x, key=key),
            train_apply,
        )
        return train(recipe=RECIPE._replace(model=model))

    assert with_value(jnp.inf).state.params["least"].value == jnp.inf
    with pytest.warns(UserWarning, match="epoch 1 gave"):
        with_value(jnp.nan)


def test_files_have_them(trained, tmp_path):
    like = jax.eval_shape(MODEL.init, jax.random.key(0))
    path = nn.save(trained.params, tmp_path / "network.npz")
    assert_same_bits(nn.load(path, like=like), trained.params)
    pytest.importorskip("safetensors")
    path = nn.save_safetensors(trained.params, tmp_path / "network.safetensors")
    loaded = nn.load_safetensors(path, like=like)
    assert_same_bits(loaded, trained.params)
    assert (loaded.steps.value.dtype, loaded.steps.value.shape) == (np.int32, ())
