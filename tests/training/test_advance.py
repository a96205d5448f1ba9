"""advance: in a Python loop it compiles once, and inside transformations it is traced."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import assert_same_bits

pytestmark = pytest.mark.optimized(older_code=True)

X = np.random.default_rng(0).normal(size=(24, 3)).astype("f")
DATA = X, X.sum(axis=1, keepdims=True)


def make_recipe(rate=0.02):
    return nn.Recipe(nn.mlp([3, 5, 1]), nn.squared_error, optax.sgd(rate, momentum=0.9), batch_size=5)


def test_a_python_loop_compiles_once(compilations) -> None:
    state = nn.init_training(make_recipe(), jax.random.key(0))
    losses = []
    for i in range(4):
        with compilations() as compiled:
            state, info = nn.advance(make_recipe(), DATA, state, epochs=2)
        assert i == 0 or compiled == []
        losses += [float(loss) for loss in info.losses]
    fitted = jax.jit(lambda key: nn.fit(make_recipe(), DATA, key=key, epochs=8))(jax.random.key(0))
    np.testing.assert_allclose(losses, fitted.losses, rtol=1e-5)
    assert state.epoch == 8


def test_how_epochs_are_divided_into_calls_changes_no_bit() -> None:
    ends = []
    for calls in ((1,) * 6, (2, 3, 1), (6,)):
        state, losses = nn.init_training(make_recipe(), jax.random.key(0)), []
        for epochs in calls:
            state, info = nn.advance(make_recipe(), DATA, state, epochs=epochs)
            losses.append(np.asarray(info.losses))
        ends.append((state, np.concatenate(losses)))
    for end in ends[1:]:
        assert_same_bits(end, ends[0])


def test_a_changed_recipe_compiles_its_own_program() -> None:
    state = nn.init_training(make_recipe(), jax.random.key(0))
    slow, fast = (nn.advance(make_recipe(rate), DATA, state, epochs=1)[0] for rate in (0.01, 0.02))
    assert not np.array_equal(slow.params["output"].weight, fast.params["output"].weight)


@pytest.mark.parametrize("transform", [jax.jit, jax.vmap, jax.grad], ids=["jit", "vmap", "grad"])
def test_a_traced_rate_is_traced_through(transform) -> None:
    state = nn.init_training(make_recipe(), jax.random.key(0))

    def last_loss(rate):
        return nn.advance(make_recipe(rate), DATA, state, epochs=2)[1].losses[-1]

    result = transform(last_loss)(jnp.full(2, 0.02) if transform is jax.vmap else 0.02)
    slope = (last_loss(0.0202) - last_loss(0.0198)) / 0.0004
    expected = slope if transform is jax.grad else last_loss(0.02)
    np.testing.assert_allclose(result, np.broadcast_to(expected, result.shape), rtol=0.02)
