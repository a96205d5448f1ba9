"""Schedules and optimizers of optax: traced peaks, decay on weights only, rates of layers, clipping, means."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3)).astype(np.float32)
TARGETS = RNG.normal(size=(12, 2)).astype(np.float32)
DATA = X, TARGETS
MODEL = nn.mlp([3, 2])
STEPS = 20


def fit(recipe, epochs=STEPS, params=None):
    return jax.jit(lambda key: nn.fit(recipe, DATA, key=key, epochs=epochs, params=params))(jax.random.key(0))


def on_weights(params):
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def warmup_cosine(step, peak):
    """The rate of optax's `warmup_cosine_decay_schedule(0, peak, 5, STEPS)`, by hand."""
    return peak * (step / 5 if step < 5 else (1 + np.cos(np.pi * (step - 5) / (STEPS - 5))) / 2)


def train_with_numpy(weight, bias, *, peak, decay, norm, ema):
    """Trains with clipping, AdamW on a schedule and an exponential mean; returns both and the losses."""
    params, losses = np.concatenate([weight, bias[None]]).astype(float), []
    x = np.concatenate([X, np.ones((12, 1))], axis=1)
    mean, first, second = params, np.zeros_like(params), np.zeros_like(params)
    decayed = np.array([[1.0], [1.0], [1.0], [0.0]])  # the bias is the last row
    for step in range(STEPS):
        residuals = x @ params - TARGETS
        losses.append(np.mean(np.sum(residuals**2, axis=1)))
        grad = 2 * x.T @ residuals / 12
        grad = grad / max(1, np.linalg.norm(grad) / norm)
        first, second = 0.9 * first + 0.1 * grad, 0.999 * second + 0.001 * grad**2
        direction = first / (1 - 0.9 ** (step + 1)) / (np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8)
        params = params - warmup_cosine(step, peak) * (direction + decay * decayed * params)
        mean = ema * mean + (1 - ema) * params
    return params, mean, np.array(losses)


def make_recipe(hypers):
    unit = optax.warmup_cosine_decay_schedule(0.0, 1.0, 5, STEPS)
    adamw = optax.adamw(lambda step: hypers["peak"] * unit(step), weight_decay=hypers["decay"], mask=on_weights)
    optimizer = optax.chain(optax.clip_by_global_norm(0.5), adamw)
    return nn.Recipe(MODEL, nn.squared_error, optimizer, ema=0.8)


def test_clipping_adamw_on_a_schedule_and_a_mean_are_those_of_a_numpy_loop():
    start = MODEL.init(jax.random.key(3))["output"]
    fitted = fit(make_recipe({"peak": 0.1, "decay": 0.3}), params={"output": start})
    weight, bias = np.asarray(start.weight), np.asarray(start.bias)
    params, mean, losses = train_with_numpy(weight, bias, peak=0.1, decay=0.3, norm=0.5, ema=0.8)
    np.testing.assert_allclose(fitted.losses, losses, rtol=1e-5)
    for expected, actual in ((params, fitted.state.params), (mean, fitted.params)):
        np.testing.assert_allclose(actual["output"].weight, expected[:3], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(actual["output"].bias, expected[3], rtol=1e-4, atol=1e-6)


def test_peak_and_decay_are_traced_hypers_of_one_program(compilations):
    space = {"peak": nn.log_uniform(1e-2, 1.0), "decay": nn.log_uniform(1e-2, 1.0)}
    with compilations() as names:
        swept = nn.sweep(
            make_recipe, space, DATA, key=jax.random.key(1), trials=4, epochs=STEPS, validation=DATA, progress=False
        )
    assert names.count("jit(advance)") == 1
    for trial in range(2):
        start = nn.init_training(make_recipe({"peak": 0.1, "decay": 0.1}), jax.random.fold_in(
            jax.random.fold_in(jax.random.key(1), trial), 0
        )).params["output"]  # fmt: skip
        expected = train_with_numpy(
            np.asarray(start.weight), np.asarray(start.bias), norm=0.5, ema=0.8, **swept.hypers_of(trial)
        )
        np.testing.assert_allclose(swept.trials[trial].curves.losses[0], expected[2], rtol=1e-4)


# The schedules of optax by their peak, or by their first value. Python compares the peaks of two others.
SCHEDULES = {
    "constant": optax.constant_schedule,
    "cosine": lambda peak: optax.cosine_decay_schedule(peak, 10),
    "cosine one-cycle": lambda peak: optax.cosine_onecycle_schedule(10, peak),
    "exponential": lambda peak: optax.exponential_decay(peak, 10, 0.5),
    "linear": lambda peak: optax.linear_schedule(0.0, peak, 10),
    "linear one-cycle": lambda peak: optax.linear_onecycle_schedule(10, peak),
    "piecewise": lambda peak: optax.piecewise_constant_schedule(peak, {5: 0.1}),
    "polynomial": lambda peak: optax.polynomial_schedule(peak, 0.0, 2, 10),
    "warm-up": lambda peak: optax.warmup_constant_schedule(0.0, peak, 3),
    "warm-up, exponential": lambda peak: optax.warmup_exponential_decay_schedule(0.0, peak, 3, 10, 0.5),
    "warm-up, cosine, joined": lambda peak: optax.join_schedules(
        [optax.linear_schedule(0.0, peak, 3), optax.cosine_decay_schedule(peak, 7)], [3]
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_that_take_a_traced_peak(name):
    def run(peak):
        optimizer = optax.sgd(SCHEDULES[name](peak))
        gradient = jnp.ones(())
        return jax.lax.scan(
            lambda state, _: optimizer.update(gradient, state)[::-1], optimizer.init(gradient), None, 9
        )[1]

    with jax.numpy_dtype_promotion("standard"):
        traced = jax.jit(jax.vmap(run))(np.array([0.1, 0.3], "f"))
        expected = [[-float(SCHEDULES[name](peak)(step)) for step in range(9)] for peak in (0.1, 0.3)]
    np.testing.assert_allclose(traced, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    "schedule",
    [
        lambda peak: optax.warmup_cosine_decay_schedule(0.0, peak, 2, 10),
        lambda peak: optax.sgdr_schedule(
            [{"init_value": 0.0, "peak_value": peak, "decay_steps": 9, "warmup_steps": 2}]
        ),
    ],
    ids=["warm-up, cosine", "sgdr"],
)
def test_the_error_of_those_that_do_not_names_the_hyper_and_what_to_do(schedule):
    def make(hypers):
        return nn.Recipe(MODEL, nn.squared_error, optax.sgd(schedule(hypers["peak"])))

    with pytest.raises(ValueError, match=r"needs the value of 'peak' .* multiply a fixed schedule by it"):
        nn.sweep(
            make, {"peak": nn.uniform(0.1, 1.0)}, DATA, key=jax.random.key(0), trials=1, epochs=1, validation=DATA,
            progress=False,
        )  # fmt: skip


def test_layers_learn_at_rates_of_their_own():
    model = nn.mlp([3, 4, 2])
    start = model.init(jax.random.key(0))

    def run(rate):
        rates = {"body": optax.sgd(rate), "head": optax.sgd(10 * rate), "frozen": optax.set_to_zero()}
        labels = {"hidden_1": "body", "output": nn.Affine("head", "frozen")}
        return nn.fit(
            nn.Recipe(model, nn.squared_error, optax.partition(rates, labels)), DATA, key=jax.random.key(0), epochs=1,
            params=start,
        ).params  # fmt: skip

    slopes = jax.grad(lambda params: nn.squared_error(model.apply(params, X), TARGETS).mean())(start)
    trained = jax.jit(jax.vmap(run))(np.array([0.001, 0.01], "f"))
    factors = {"hidden_1": nn.Affine(1, 1), "output": nn.Affine(10, 0)}
    for lane, rate in enumerate([0.001, 0.01]):
        expected = jax.tree.map(lambda leaf, slope, factor: leaf - rate * factor * slope, start, slopes, factors)  # noqa: B023
        jax.tree.map(
            lambda a, b, lane=lane: np.testing.assert_allclose(a[lane], b, rtol=1e-5, atol=1e-7),
            trained,
            expected,
        )


def test_masks_and_labels_pass_places_without_a_leaf():
    """Where the parameters have a buffer, what an optimizer sees has None."""
    learned = {"norm": nn.Affine(jnp.ones(2), None), "output": nn.Affine(jnp.ones((2, 2)), jnp.ones(2))}
    rates = {"body": optax.adamw(0.1, weight_decay=1.0, mask=on_weights), "head": optax.sgd(1.0)}
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.partition(rates, {"norm": "body", "output": "head"}))
    updates, _ = optimizer.update(learned, optimizer.init(learned), learned)
    assert updates["norm"].bias is None
    np.testing.assert_allclose(updates["norm"].weight, -0.1, rtol=1e-5)  # of Adam's first step, without decay
    np.testing.assert_allclose(updates["output"].weight, -1 / np.sqrt(8), rtol=1e-5)


def test_train_compiles_once_for_equal_total_steps(compilations):
    def train(peak, epochs):
        def make_optimizer(steps):
            return optax.adamw(optax.warmup_cosine_decay_schedule(0.0, peak, 2, steps), mask=on_weights)

        recipe = nn.Recipe(MODEL, nn.squared_error, make_optimizer, batch_size=5)
        with compilations() as names:
            losses = nn.train(recipe, DATA, key=jax.random.key(0), epochs=epochs, progress=False).losses
        return names, losses

    first, losses = train(0.1, 4)
    assert first
    again, same = train(0.1, 4)
    assert again == []
    np.testing.assert_array_equal(losses, same)
    assert train(0.1, 5)[0]
    assert train(0.2, 4)[0]
    assert train(0.2, 4)[0] == []
