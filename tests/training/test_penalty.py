"""A penalty on the parameters: learned from, shown in the training losses, absent from validation losses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.small_recipes import select_lane, sine_data, small_recipe
from jaxnn.training.penalty import add_penalty

DATA = sine_data(8)
SGD = optax.sgd(0.1)


def l1(params):
    return optax.tree.norm(params, ord=1)


def mean_loss(params, data=DATA):
    return nn.squared_error(small_recipe(SGD).model.apply(params, data[0]), data[1]).mean()


def test_a_step_follows_the_gradient_of_loss_and_penalty() -> None:
    recipe = small_recipe(SGD, penalty=lambda params: 0.3 * l1(params))
    start = nn.init_training(recipe, jax.random.key(0))
    value, grad = jax.value_and_grad(lambda params: mean_loss(params) + 0.3 * l1(params))(start.params)
    state, info = nn.advance(recipe, DATA, start, epochs=1)
    np.testing.assert_allclose(info.losses[0], value, rtol=1e-6)
    expected = jax.tree.map(lambda leaf, slope: leaf - 0.1 * slope, start.params, grad)
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-7), state.params, expected)


def test_a_last_minibatch_that_is_not_full_has_the_whole_penalty() -> None:
    """With a step size of 0 the parameters stay: the loss of an epoch is that of all rows, plus the penalty."""
    recipe = small_recipe(optax.sgd(0.0), 3, penalty=lambda params: 0.5 * l1(params))
    fitted = nn.fit(recipe, DATA, key=jax.random.key(0), epochs=2)
    np.testing.assert_allclose(fitted.losses, mean_loss(fitted.params) + 0.5 * l1(fitted.params), rtol=1e-6)


def test_a_traced_strength_maps_over_lanes_and_shrinks_the_weights() -> None:
    def size(strength: jax.Array) -> jax.Array:
        recipe = small_recipe(SGD, penalty=lambda params: strength * l1(params))
        return l1(nn.fit(recipe, DATA, key=jax.random.key(0), epochs=100).params)

    sizes = jax.jit(jax.vmap(size))(jnp.array([0.0, 0.01, 0.1]))
    without = jax.jit(lambda key: l1(nn.fit(small_recipe(SGD), DATA, key=key, epochs=100).params))(jax.random.key(0))
    assert sizes[0] > sizes[1] > sizes[2]
    np.testing.assert_allclose(sizes[0], without, rtol=1e-4)


def test_the_validation_loss_has_no_penalty() -> None:
    recipe = small_recipe(SGD, penalty=lambda params: 5 + 0.0 * l1(params))
    result = nn.train(recipe, DATA, key=jax.random.key(0), epochs=2, validation=DATA, progress=False)
    assert min(result.losses) > 5 > max(result.validation_losses)
    assert nn.evaluate(recipe, result.params, DATA).loss < 5


def test_buffers_have_no_penalty() -> None:
    params = {"mean": nn.Buffer(jnp.ones(3)), "weight": jnp.full(2, -2.0)}
    np.testing.assert_array_equal(add_penalty(l1, jnp.zeros(2), params), [4, 4])


def test_a_sweep_tunes_the_strength_beside_a_traced_width() -> None:
    """Units beyond a trial's own width are 0, so they add nothing."""

    def make_recipe(h: dict) -> nn.Recipe:
        model = nn.mlp([1, h["width"], 1], activation=nn.tanh)
        return nn.Recipe(model, nn.squared_error, optax.sgd(0.05), penalty=lambda params: h["strength"] * l1(params))

    space = {"width": nn.sizes(2, 6), "strength": nn.log_uniform(1e-3, 1e-1)}
    result = nn.sweep(
        make_recipe, space, DATA, key=jax.random.key(0), trials=4, epochs=20, validation=DATA, progress=False, keep=4
    )
    best, params = result.best, select_lane(result.best.params, 0)
    losses = nn.fit(best.recipe, DATA, key=jax.random.key(0), epochs=1, params=params).losses
    loss = nn.squared_error(best.recipe.model.apply(params, DATA[0]), DATA[1]).mean()
    np.testing.assert_allclose(-best.score, loss, rtol=1e-5)
    np.testing.assert_allclose(losses[0], loss + best.hypers["strength"] * l1(params), rtol=1e-5)


@pytest.mark.parametrize("penalty", [lambda params: jnp.ones(3), lambda params: 1], ids=["an array", "an int"])
def test_a_penalty_that_is_not_a_number_is_refused(penalty, as_installed: None) -> None:
    message = r"^fit: penalty must make one floating-point number of the params, not ShapeDtypeStruct\(shape="
    with pytest.raises(ValueError, match=message):
        nn.fit(small_recipe(SGD, penalty=penalty), DATA, key=jax.random.key(0), epochs=1)
