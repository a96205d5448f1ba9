"""Training is one pure function: against NumPy and a loop written by hand, under jit and vmap."""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_iris

import jaxnn as nn
from helpers.compilations import Compilations
from helpers.small_recipes import lane, line, small_recipe


def iris() -> tuple[np.ndarray, np.ndarray]:
    x, labels = load_iris(return_X_y=True)
    return (x - x.mean(0)) / x.std(0), labels


def losses_by_numpy(params: dict[str, Any], x: np.ndarray, labels: np.ndarray, rate: float, epochs: int) -> list[float]:
    """Full-batch gradient descent on the mean cross-entropy of a 4-16-3 relu network, derived by hand."""
    (w1, b1), (w2, b2) = params["hidden_1"], params["output"]
    observed, losses = np.eye(3)[labels], []
    for _ in range(epochs):
        hidden = x @ w1 + b1
        active = np.maximum(hidden, 0)
        logits = active @ w2 + b2
        share = np.exp(logits - logits.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        losses.append(-np.mean(np.log(share[observed == 1])))
        to_logits = (share - observed) / len(x)
        to_hidden = to_logits @ w2.T * (hidden > 0)
        w2, b2 = w2 - rate * active.T @ to_logits, b2 - rate * to_logits.sum(0)
        w1, b1 = w1 - rate * x.T @ to_hidden, b1 - rate * to_hidden.sum(0)
    return losses


def test_iris_has_the_losses_of_a_numpy_network_for_50_epochs(x64: None) -> None:
    x, labels = iris()
    recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.sgd(0.1))
    params = recipe.model.init(jax.random.key(0))
    found = nn.fit(recipe, (x, labels), key=jax.random.key(1), epochs=50, params=params).losses
    expected = losses_by_numpy(jax.tree.map(np.asarray, params), x, labels, 0.1, 50)
    assert expected[-1] < 0.7 * expected[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_a_vmap_of_fit_over_rates_keys_and_parameters_equals_one_at_a_time(x64: None) -> None:
    data, rates = line(), jnp.array([0.01, 0.05, 0.2])
    model = small_recipe(None).model
    params = jax.vmap(model.init)(jax.random.split(jax.random.key(0), 3))

    def fitted(learning_rate: jax.Array, key: jax.Array, params: Any) -> tuple[Any, jax.Array]:
        recipe = small_recipe(optax.adam(learning_rate), batch_size=3)
        fit = nn.fit(recipe, data, key=key, epochs=4, params=params)
        return fit.params, fit.losses

    together = jax.jit(jax.vmap(fitted))(rates, jax.random.split(jax.random.key(1), 3), params)
    alone = jax.jit(fitted)
    for i in range(3):
        one = alone(rates[i], jax.random.split(jax.random.key(1), 3)[i], lane(params, i))
        chex.assert_trees_all_close(lane(together, i), one, rtol=0, atol=1e-12)
    assert np.unique(together[1][:, -1]).size == 3


def recorded_orders(recipe: nn.Recipe, data: Any, epochs: int) -> tuple[nn.FitResult, np.ndarray]:
    """A fit, and the rows that each of its steps saw, (epochs, steps, batch): told by the loss, to which they ride."""
    seen = []

    def loss(outputs: jax.Array, targets: Any) -> jax.Array:
        jax.debug.callback(lambda rows: seen.append(np.asarray(rows)), targets["row"], ordered=True)
        return recipe.loss(outputs, targets["y"])

    x, y = data
    targets = {"y": y, "row": np.arange(len(x))}
    spied = recipe._replace(loss=loss)
    fitted = jax.jit(lambda: nn.fit(spied, (x, targets), key=jax.random.key(5), epochs=epochs))()
    jax.effects_barrier()
    return fitted, np.stack(seen).reshape(epochs, -1, recipe.batch_size)


@pytest.mark.parametrize("reduction", [jnp.mean, jnp.sum])
def test_a_batch_size_that_leaves_a_rest_equals_a_loop_with_a_smaller_last_batch(
    reduction: Callable, x64: None
) -> None:
    (x, y), recipe = line(7), small_recipe(optax.adam(0.05), batch_size=3, reduction=reduction)
    fitted, orders = recorded_orders(recipe, (x, y), epochs=2)
    assert orders.shape == (2, 3, 3)
    assert not np.array_equal(orders[0], orders[1])

    @jax.jit
    def step(params: Any, state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, Any, jax.Array]:
        def objective(params: Any) -> tuple[jax.Array, jax.Array]:
            losses = nn.squared_error(recipe.model.apply(params, x), y)
            return reduction(losses), losses

        grad, losses = jax.grad(objective, has_aux=True)(params)
        updates, state = recipe.optimizer.update(grad, state, params)
        return optax.apply_updates(params, updates), state, losses

    params = nn.init_training(recipe, jax.random.key(5)).params
    state, losses = recipe.optimizer.init(params), []
    for order in orders.reshape(2, -1)[:, :7]:
        assert sorted(order) == list(range(7))
        of_epoch = []
        for rows in (order[:3], order[3:6], order[6:]):
            params, state, batch = step(params, state, x[rows], y[rows])
            of_epoch.append(batch)
        losses.append(reduction(jnp.concatenate(of_epoch)))
    chex.assert_trees_all_close(fitted.params, params, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fitted.losses, losses, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 3, 7])
def test_the_loss_of_an_epoch_is_the_reduction_over_all_examples(batch_size: int | None, x64: None) -> None:
    (x, y), start = line(7), small_recipe(None).model.init(jax.random.key(0))
    losses = nn.squared_error(small_recipe(None).model.apply(start, x), y)
    for reduction in (jnp.mean, jnp.sum):
        # A learning rate of 0: every batch is judged at the initial parameters.
        recipe = small_recipe(optax.sgd(0.0), batch_size, reduction=reduction)
        found = nn.fit(recipe, (x, y), key=jax.random.key(0), epochs=2, params=start).losses
        np.testing.assert_allclose(found, [reduction(losses)] * 2, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 3])
def test_advance_in_pieces_equals_fit_bit_for_bit(batch_size: int | None) -> None:
    recipe, data = small_recipe(optax.adam(0.05), batch_size), line()
    fitted = nn.fit(recipe, data, key=jax.random.key(0), epochs=7)
    state, losses = nn.init_training(recipe, jax.random.key(0)), []
    for epochs in (3, 4):
        state, info = nn.advance(recipe, data, state, epochs=epochs)
        losses.append(info.losses)
    chex.assert_trees_all_equal(state.params, fitted.params)
    chex.assert_trees_all_equal(state.optimizer_state, fitted.state.optimizer_state)
    np.testing.assert_array_equal(np.concatenate(losses), fitted.losses)
    assert int(state.epoch) == int(fitted.state.epoch) == int(fitted.epochs) == 7


def test_fit_starts_from_the_parameters_that_it_is_given() -> None:
    recipe, data = small_recipe(optax.sgd(0.05)), line()
    start = jax.tree.map(lambda leaf: leaf + 1, recipe.model.init(jax.random.key(3)))
    fitted = nn.fit(recipe, data, key=jax.random.key(0), epochs=1, params=start)
    outputs = recipe.model.apply(start, data[0].astype("float32"))
    np.testing.assert_allclose(fitted.losses[0], np.mean((outputs - data[1]) ** 2), rtol=1e-6)


def test_a_second_call_and_a_loop_over_learning_rates_compile_once(compilations: Compilations) -> None:
    data, traces = line(), []

    @jax.jit
    def run(learning_rate: jax.Array, key: jax.Array) -> jax.Array:
        traces.append(learning_rate)
        return nn.fit(small_recipe(optax.sgd(learning_rate), 3), data, key=key, epochs=3).losses[-1]

    settings = [(np.float32(rate), jax.random.key(i)) for i, rate in enumerate((0.01, 0.01, 0.1, 0.2))]
    with compilations() as first:
        run(*settings[0])
    with compilations() as later:
        for setting in settings[1:]:
            run(*setting)
    assert len(traces) == 1
    assert first
    assert not later


def test_an_optimizer_made_from_the_number_of_steps_follows_its_schedule() -> None:
    asked, data = [], line(7)

    def make_optimizer(total_steps: int) -> optax.GradientTransformation:
        asked.append(total_steps)
        return optax.sgd(optax.cosine_decay_schedule(0.1, total_steps))

    explicit = small_recipe(optax.sgd(optax.cosine_decay_schedule(0.1, 12)), batch_size=3)
    made = nn.fit(explicit._replace(optimizer=make_optimizer), data, key=jax.random.key(0), epochs=4)
    assert asked == [4 * 3]
    chex.assert_trees_all_equal(made.params, nn.fit(explicit, data, key=jax.random.key(0), epochs=4).params)
    full = explicit._replace(optimizer=make_optimizer, batch_size=None)
    assert np.isfinite(nn.fit(full, data, key=jax.random.key(0), epochs=5).losses).all()
    assert asked == [12, 5]


def test_a_line_search_gets_the_value_and_its_function(x64: None) -> None:
    x = np.linspace(-1, 1, 9)[:, None]
    recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.lbfgs())
    fitted = nn.fit(recipe, (x, 3 * x + 1), key=jax.random.key(0), epochs=12)
    np.testing.assert_allclose(fitted.params["output"].weight, [[3.0]], rtol=1e-8)
    np.testing.assert_allclose(fitted.params["output"].bias, [1.0], rtol=1e-8)


def test_sample_weights_ride_in_the_targets(x64: None) -> None:
    (x, y), weight = line(6), np.array([0.0, 1, 2, 0, 3, 1])

    def weighted(outputs: jax.Array, targets: dict[str, jax.Array]) -> jax.Array:
        return targets["weight"] * nn.squared_error(outputs, targets["y"])

    recipe = small_recipe(optax.sgd(0.05), reduction=jnp.sum)
    found = nn.fit(
        recipe._replace(loss=weighted), (x, {"y": y, "weight": weight}), key=jax.random.key(0), epochs=5
    ).params
    repeated = np.repeat(np.arange(6), weight.astype(int))
    expected = nn.fit(recipe, (x[repeated], y[repeated]), key=jax.random.key(0), epochs=5).params
    chex.assert_trees_all_close(found, expected, rtol=0, atol=1e-12)


def test_init_training_and_advance_want_a_plain_optimizer() -> None:
    recipe = small_recipe(lambda total_steps: optax.sgd(0.1 / total_steps))
    words = "the optimizer must be an optax transformation here, not <function .*; give a function of the total steps"
    with pytest.raises(TypeError, match=words):
        nn.init_training(recipe, jax.random.key(0))
    state = nn.init_training(small_recipe(optax.sgd(0.1)), jax.random.key(0))
    with pytest.raises(TypeError, match=words):
        nn.advance(recipe, line(), state, epochs=1)


def test_fit_drops_anew_in_every_step_and_from_the_key_alone() -> None:
    # With a learning rate of 0 nothing moves: the losses differ by what is dropped, and by nothing else.
    recipe = nn.Recipe(nn.mlp([1, 16, 1], dropout=0.5), nn.squared_error, optax.sgd(0.0))
    run = jax.jit(lambda seed: nn.fit(recipe, line(), key=jax.random.key(seed), epochs=6).losses)
    losses = run(0)
    assert np.unique(losses).size == 6
    np.testing.assert_array_equal(run(0), losses)


def test_fit_draws_another_mask_for_every_minibatch() -> None:
    masks = []

    def apply(params: jax.Array, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        return params + x if key is None else nn.dropout(key, params + x, 0.5)

    def loss(outputs: jax.Array, targets: jax.Array) -> jax.Array:
        jax.debug.callback(lambda kept: masks.append(tuple(np.asarray(kept))), outputs[:, 0] != 0, ordered=True)
        return nn.squared_error(outputs, targets)

    recipe = nn.Recipe(nn.Model(lambda key: jnp.ones(()), apply), loss, optax.sgd(0.0), batch_size=20)
    nn.fit(recipe, (np.zeros((40, 1)), np.zeros((40, 1))), key=jax.random.key(0), epochs=2)
    jax.effects_barrier()
    assert len(masks) == len(set(masks)) == 4
