"""A validation loss has a derivative by a hyperparameter, through the whole training, in reverse and forward mode."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

import jaxnn as nn

# Digits are where plain Adam breaks: some pixels are black in every image, and so are their weights' gradients.
HYPERGRADIENTS = {
    "sgd": (optax.sgd, 0.3),
    "momentum": (lambda rate: optax.sgd(rate, momentum=0.9), 0.1),
    "adam(eps_root=1e-8)": (lambda rate: optax.adam(rate, eps_root=1e-8), 0.01),
}


def with_derivatives(make_optimizer: Callable[[Any], Any], rates: np.ndarray, *, mode: str = "reverse") -> Any:
    """Losses on held-out digits of networks trained with these learning rates, and their derivatives by the rate."""
    x, labels = load_digits(return_X_y=True)
    x, labels = x[:40] / 16, labels[:40]
    model = nn.mlp([64, 4, 10], activation=nn.softplus)
    params = model.init(jax.random.key(0))

    def loss(rate: jax.Array) -> jax.Array:
        recipe = nn.Recipe(model, nn.cross_entropy, make_optimizer(rate), batch_size=12)
        fitted = nn.fit(recipe, (x[:30], labels[:30]), key=jax.random.key(1), epochs=3, params=params)
        return nn.cross_entropy(nn.predict(model, fitted.params, x[30:]), labels[30:]).mean()

    def forward(rate: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.jvp(loss, (rate,), (jnp.ones(()),))

    derive = forward if mode == "forward" else jax.value_and_grad(loss)
    return jax.jit(lambda rates: jax.lax.map(derive, rates))(rates)


@pytest.mark.parametrize(("name", "mode"), [*itertools.product(HYPERGRADIENTS, ["reverse"]), ("sgd", "forward")])
def test_the_derivative_of_a_validation_loss_by_the_learning_rate_equals_differences(
    name: str, mode: str, x64: None
) -> None:
    make_optimizer, rate = HYPERGRADIENTS[name]
    step = 1e-5 * rate
    losses, derivatives = with_derivatives(make_optimizer, np.array([rate - step, rate, rate + step]), mode=mode)
    difference = (losses[2] - losses[0]) / (2 * step)
    assert abs(difference) > 1e-2
    np.testing.assert_allclose(derivatives[1], difference, rtol=1e-6)


def test_plain_adam_gives_nan_as_documented(x64: None) -> None:
    loss, derivative = with_derivatives(optax.adam, np.array([0.01]))
    assert np.isfinite(loss)
    assert np.isnan(derivative)
    assert "Plain Adam gives NaN" in nn.fit.__doc__
