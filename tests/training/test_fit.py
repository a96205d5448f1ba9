"""fit, a pure function: compared with NumPy and a loop written by hand, under jit and vmap."""

import functools
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
from helpers.small_recipes import select_lane, sine_data, small_recipe


def load_scaled_iris() -> tuple[np.ndarray, np.ndarray]:
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
    x, labels = load_scaled_iris()
    recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.sgd(0.1))
    params = recipe.model.init(jax.random.key(0))
    losses = nn.fit(recipe, (x, labels), key=jax.random.key(1), epochs=50, params=params).losses
    expected = losses_by_numpy(jax.tree.map(np.asarray, params), x, labels, 0.1, 50)
    assert expected[-1] < 0.7 * expected[0]
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-10)


def test_a_vmap_of_fit_over_rates_keys_and_parameters_equals_one_at_a_time(x64: None) -> None:
    data, rates = sine_data(), np.array([0.01, 0.05, 0.2])
    model = small_recipe(None).model
    params = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(0), 3))

    def fit(learning_rate: jax.Array, key: jax.Array, params: Any) -> tuple[Any, jax.Array]:
        recipe = small_recipe(optax.adam(learning_rate), batch_size=3)
        fitted = nn.fit(recipe, data, key=key, epochs=4, params=params)
        return fitted.params, fitted.losses

    together = jax.jit(jax.vmap(fit))(rates, jax.random.split(jax.random.key(1), 3), params)
    fit_alone = jax.jit(fit)
    for i in range(3):
        one = fit_alone(rates[i], jax.random.split(jax.random.key(1), 3)[i], select_lane(params, i))
        chex.assert_trees_all_close(select_lane(together, i), one, rtol=0, atol=1e-12)
    assert np.unique(together[1][:, -1]).size == 3


def record_rows(recipe: nn.Recipe, data: Any, epochs: int) -> tuple[nn.FitResult, np.ndarray]:
    """Returns a fit, and the rows of each of its steps, (epochs, steps, batch), which the loss reads in the targets."""
    seen = []

    def loss(outputs: jax.Array, targets: Any) -> jax.Array:
        jax.debug.callback(lambda rows: seen.append(np.asarray(rows)), targets["row"], ordered=True)
        return recipe.loss(outputs, targets["y"])

    x, y = data
    targets = {"y": y, "row": np.arange(len(x))}
    recording = recipe._replace(loss=loss)
    fitted = jax.jit(lambda: nn.fit(recording, (x, targets), key=jax.random.key(5), epochs=epochs))()
    jax.effects_barrier()
    return fitted, np.stack(seen).reshape(epochs, -1, recipe.batch_size)


@functools.cache
def compile_step() -> Callable[..., tuple[Any, Any, jax.Array]]:
    """Returns a step of Adam on the sum of a batch's losses, divided by `divisor`."""
    recipe = small_recipe(optax.adam(0.05))

    @jax.jit
    def step(params: Any, state: Any, x: jax.Array, y: jax.Array, divisor: float) -> tuple[Any, Any, jax.Array]:
        def objective(params: Any) -> tuple[jax.Array, jax.Array]:
            losses = nn.squared_error(recipe.model.apply(params, x), y)
            return losses.sum() / divisor, losses

        grad, losses = jax.grad(objective, has_aux=True)(params)
        updates, state = recipe.optimizer.update(grad, state, params)
        return optax.apply_updates(params, updates), state, losses

    return step


@pytest.mark.parametrize("reduction", [jnp.mean, jnp.sum])
def test_batches_that_do_not_divide_the_rows_equal_a_loop_with_a_smaller_last_batch(
    reduction: Callable, x64: None
) -> None:
    (x, y), recipe = sine_data(7), small_recipe(optax.adam(0.05), batch_size=3, reduction=reduction)
    fitted, orders = record_rows(recipe, (x, y), epochs=2)
    assert orders.shape == (2, 3, 3)
    assert not np.array_equal(orders[0], orders[1])
    params = nn.init_training(recipe, jax.random.key(5)).params
    state, losses = recipe.optimizer.init(params), []
    for order in orders.reshape(2, -1)[:, :7]:
        assert sorted(order) == list(range(7))
        of_epoch = []
        for rows in (order[:3], order[3:6], order[6:]):
            divisor = len(rows) if reduction is jnp.mean else 1
            params, state, batch = compile_step()(params, state, x[rows], y[rows], divisor)
            of_epoch.append(batch)
        losses.append(reduction(jnp.concatenate(of_epoch)))
    chex.assert_trees_all_close(fitted.params, params, rtol=0, atol=1e-12)
    # The loss of an epoch is the reduction over all examples, not over the batches.
    np.testing.assert_allclose(fitted.losses, losses, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 7])
def test_the_loss_of_a_single_batch_is_the_reduction_over_all_examples(batch_size: int | None, x64: None) -> None:
    (x, y), model = sine_data(7), small_recipe(None).model
    start = model.init(jax.random.key(0))
    losses = jax.jit(lambda params: nn.squared_error(model.apply(params, x), y))(start)
    for reduction in (jnp.mean, jnp.sum):
        # The learning rate is 0, so that every batch has the initial parameters.
        recipe = small_recipe(optax.sgd(0.0), batch_size, reduction=reduction)
        fitted = nn.fit(recipe, (x, y), key=jax.random.key(0), epochs=2, params=start)
        np.testing.assert_allclose(fitted.losses, [reduction(losses)] * 2, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 3])
def test_advance_in_pieces_equals_fit_bit_for_bit(batch_size: int | None) -> None:
    recipe, data = small_recipe(optax.adam(0.05), batch_size), sine_data()
    fitted = nn.fit(recipe, data, key=jax.random.key(0), epochs=6)
    state, losses = nn.init_training(recipe, jax.random.key(0)), []
    for _ in range(2):
        state, info = nn.advance(recipe, data, state, epochs=3)
        losses.append(info.losses)
    chex.assert_trees_all_equal(state.params, fitted.params)
    chex.assert_trees_all_equal(state.optimizer_state, fitted.state.optimizer_state)
    np.testing.assert_array_equal(np.concatenate(losses), fitted.losses)
    assert int(state.epoch) == int(fitted.state.epoch) == int(fitted.epochs) == 6


def test_fit_starts_from_the_given_parameters() -> None:
    recipe, (x, y) = small_recipe(optax.sgd(0.05)), sine_data()
    start = jax.tree.map(lambda leaf: np.asarray(leaf) + 1, recipe.model.init(jax.random.key(3)))
    fitted = nn.fit(recipe, (x, y), key=jax.random.key(0), epochs=1, params=start)
    outputs = jax.jit(recipe.model.apply)(start, x.astype("float32"))
    np.testing.assert_allclose(fitted.losses[0], np.mean((np.asarray(outputs) - y) ** 2), rtol=1e-6)


def test_a_second_call_and_a_loop_over_learning_rates_compile_once(compilations: Compilations) -> None:
    data, traces = sine_data(), []

    @jax.jit
    def run(learning_rate: jax.Array, key: jax.Array) -> jax.Array:
        traces.append(learning_rate)
        return nn.fit(small_recipe(optax.sgd(learning_rate), 3), data, key=key, epochs=3).losses[-1]

    arguments = [(np.float32(rate), jax.random.key(i)) for i, rate in enumerate((0.01, 0.01, 0.1, 0.2))]
    with compilations() as first:
        run(*arguments[0])
    with compilations() as later:
        for rate_and_key in arguments[1:]:
            run(*rate_and_key)
    assert len(traces) == 1
    assert first
    assert not later


def test_an_optimizer_made_from_the_total_steps_follows_its_schedule() -> None:
    calls, data = [], sine_data(7)

    def make_optimizer(total_steps: int) -> optax.GradientTransformation:
        calls.append(total_steps)
        return optax.sgd(optax.cosine_decay_schedule(0.1, total_steps))

    explicit = small_recipe(optax.sgd(optax.cosine_decay_schedule(0.1, 12)), batch_size=3)
    made = nn.fit(explicit._replace(optimizer=make_optimizer), data, key=jax.random.key(0), epochs=4)
    assert calls == [4 * 3]
    chex.assert_trees_all_equal(made.params, nn.fit(explicit, data, key=jax.random.key(0), epochs=4).params)
    full = explicit._replace(optimizer=make_optimizer, batch_size=None)
    assert np.isfinite(nn.fit(full, data, key=jax.random.key(0), epochs=5).losses).all()
    assert calls == [12, 5]


def test_a_line_search_gets_the_value_and_the_value_function(x64: None) -> None:
    x = np.linspace(-1, 1, 9)[:, None]
    recipe = nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.lbfgs())
    fitted = nn.fit(recipe, (x, 3 * x + 1), key=jax.random.key(0), epochs=12)
    np.testing.assert_allclose(fitted.params["output"].weight, [[3.0]], rtol=1e-8)
    np.testing.assert_allclose(fitted.params["output"].bias, [1.0], rtol=1e-8)


def test_sample_weights_can_be_part_of_the_targets(x64: None) -> None:
    (x, y), weight = sine_data(6), np.array([0.0, 1, 2, 0, 3, 1])

    def weighted(outputs: jax.Array, targets: dict[str, jax.Array]) -> jax.Array:
        return targets["weight"] * nn.squared_error(outputs, targets["y"])

    recipe = small_recipe(optax.sgd(0.05), reduction=jnp.sum)
    fitted = nn.fit(recipe._replace(loss=weighted), (x, {"y": y, "weight": weight}), key=jax.random.key(0), epochs=5)
    repeated = np.repeat(np.arange(6), weight.astype(int))
    expected = nn.fit(recipe, (x[repeated], y[repeated]), key=jax.random.key(0), epochs=5)
    chex.assert_trees_all_close(fitted.params, expected.params, rtol=0, atol=1e-12)


def test_init_training_and_advance_need_a_plain_optimizer() -> None:
    recipe = small_recipe(lambda total_steps: optax.sgd(0.1 / total_steps))
    message = (
        "the optimizer must be an optax transformation here, not <function .*; call a function of the total steps first"
    )
    with pytest.raises(TypeError, match=message):
        nn.init_training(recipe, jax.random.key(0))
    state = nn.init_training(small_recipe(optax.sgd(0.1)), jax.random.key(0))
    with pytest.raises(TypeError, match=message):
        nn.advance(recipe, sine_data(), state, epochs=1)


def test_dropout_differs_in_every_step_and_depends_on_the_key_alone() -> None:
    # With a learning rate of 0 no parameter changes: the losses differ by what is dropped, and by nothing else.
    recipe = nn.Recipe(nn.mlp([1, 16, 1], dropout=0.5), nn.squared_error, optax.sgd(0.0))
    run = jax.jit(lambda seed: nn.fit(recipe, sine_data(), key=jax.random.key(seed), epochs=6).losses)
    losses = run(0)
    assert np.unique(losses).size == 6
    np.testing.assert_array_equal(run(0), losses)


def test_every_minibatch_has_another_dropout_mask() -> None:
    masks = []

    def apply(params: jax.Array, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        return params + x if key is None else nn.dropout(key, params + x, 0.5)

    def loss(outputs: jax.Array, targets: jax.Array) -> jax.Array:
        jax.debug.callback(lambda mask: masks.append(tuple(np.asarray(mask))), outputs[:, 0] != 0, ordered=True)
        return nn.squared_error(outputs, targets)

    recipe = nn.Recipe(nn.Model(lambda key: jnp.ones(()), apply), loss, optax.sgd(0.0), batch_size=20)
    nn.fit(recipe, (np.zeros((40, 1)), np.zeros((40, 1))), key=jax.random.key(0), epochs=2)
    jax.effects_barrier()
    assert len(masks) == len(set(masks)) == 4
