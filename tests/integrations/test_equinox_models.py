"""Modules of Equinox train as in a loop of their own; states are buffers, and fields that are numbers settings."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.foreign_modules import LABELS, X, assert_close, draw_rows, init_key, make_equinox
from jaxnn.integrations import equinox

# Not Adam, which makes steps of a gradient that is rounding alone: that of a bias before a batch norm.
OPTIMIZER = optax.sgd(0.1, momentum=0.9)


@pytest.mark.parametrize("norm", [False, True])
def test_twenty_steps_of_a_module_are_those_of_its_own_loop(norm: bool) -> None:
    make = make_equinox(norm=norm)
    module, state = eqx.nn.make_with_state(make)(init_key(jax.random.key(0)))
    optimizer_state, losses = OPTIMIZER.init(eqx.filter(module, eqx.is_inexact_array)), []

    def run(module, state, x):
        if not norm:
            return jax.vmap(module)(x), state
        return jax.vmap(module, (0, None), (0, None), axis_name="examples")(x, state)

    @eqx.filter_jit
    def step(module, state, optimizer_state, x, labels):
        @eqx.filter_value_and_grad(has_aux=True)
        def objective(module):
            logits, after = run(module, state, x)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), after

        (loss, after), gradient = objective(module)
        updates, optimizer_state = OPTIMIZER.update(gradient, optimizer_state)
        return eqx.apply_updates(module, updates), after, optimizer_state, loss

    for rows in draw_rows(jax.random.key(0), 7, 4):
        module, state, optimizer_state, loss = step(module, state, optimizer_state, X[rows], LABELS[rows])
        losses.append(loss)
    assert len(losses) == 20

    model = equinox.model(make)
    recipe = nn.Recipe(model, nn.cross_entropy, OPTIMIZER, 7, drop_last=True)
    fitted = jax.jit(lambda: nn.fit(recipe, (X, LABELS), key=jax.random.key(0), epochs=4))()
    assert_close(fitted.losses, np.reshape(losses, (4, 5)).mean(axis=1))
    expected = run(eqx.nn.inference_mode(module), state, X)[0]
    assert_close(nn.predict(model, fitted.params, X), expected)
    assert (model.train_apply is None) == (not norm)
    restored = equinox.module(make, fitted.params)
    again, its_state = restored if norm else (restored, None)
    assert_close(run(eqx.nn.inference_mode(again), its_state, X)[0], expected)


def test_params_have_the_names_of_fields_and_states_are_buffers() -> None:
    for make in (make_equinox(), eqx.nn.make_with_state(make_equinox())):
        params = equinox.model(make).init(jax.random.key(0))
        assert [name for name, leaf in params.items() if isinstance(leaf, nn.Buffer)] == [
            "layers.1.batch_counter",
            "layers.1.batch_state_index.0",
            "layers.1.batch_state_index.1",
        ]
        assert params["layers.0.weight"].shape == (6, 4)
        assert params["layers.4.bias"].shape == (3,)
        assert len(params) == 9


def test_each_example_gets_a_key_of_its_own() -> None:
    model = equinox.model(lambda key: eqx.nn.Sequential([eqx.nn.Linear(4, 3, key=key), eqx.nn.Dropout(0.5)]))
    params, row = model.init(jax.random.key(0)), np.ones((40, 4), "f")
    outputs = np.asarray(model.apply(params, row, key=jax.random.key(1)))
    assert len({each.tobytes() for each in outputs}) > 4
    assert len({each.tobytes() for each in np.asarray(model.apply(params, row))}) == 1


def test_outputs_with_dropout_keep_the_running_statistics() -> None:
    model = equinox.model(make_equinox(rate=0.0))
    params = model.init(jax.random.key(0))
    assert_close(model.apply(params, X, key=jax.random.key(1)), model.apply(params, X))


class Scaled(eqx.Module):
    """A module with a setting, a learned array, whole numbers, and a call without a key."""

    weight: jax.Array
    places: jax.Array
    rate: float
    activation: object

    def __init__(self, key, rate):
        self.weight = jax.random.normal(key, (4, 3))
        self.places = jnp.array([2, 0, 1])
        self.rate = rate
        self.activation = jnp.tanh

    def __call__(self, x):
        return self.activation(x @ self.weight)[self.places] * self.rate


def test_a_traced_setting_is_not_learned_and_whole_numbers_are_buffers() -> None:
    def outputs(rate: jax.Array) -> jax.Array:
        model = equinox.model(lambda key: Scaled(key, 2 * rate))
        params = model.init(jax.random.key(0))
        assert list(params) == ["weight", "places"]
        assert isinstance(params["places"], nn.Buffer)
        after = model.train_apply(params, X, key=jax.random.key(1))[1]
        np.testing.assert_array_equal(jax.tree.structure(after), jax.tree.structure(params))
        return model.apply(params, X)

    rates = np.array([0.5, 1.5], "f")
    mapped = jax.jit(jax.vmap(outputs))(rates)
    for rate, actual in zip(rates, mapped, strict=True):
        expected = jax.vmap(Scaled(jax.random.key(0), 2 * float(rate)))(X)
        np.testing.assert_allclose(actual, expected, rtol=1e-5)
