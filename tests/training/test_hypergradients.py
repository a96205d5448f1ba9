"""A validation loss can be differentiated by a hyper through the whole training, in reverse and forward mode."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

import jaxnn as nn

MODEL = nn.mlp([64, 4, 10], activation=nn.softplus)


def differentiate_forward(loss: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    return lambda rate: jax.jvp(loss, (rate,), (jnp.ones(()),))


def compile_derivatives(
    make_optimizer: Callable[..., Any], differentiate: Callable[..., Any] = jax.value_and_grad
) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Returns a compiled function of learning rates and the optimizer's other numbers.

    It computes losses on held-out digits, and their derivatives by the learning rate. Digits are where plain Adam
    fails: some pixels are black in every image, so their weights' gradients are 0.
    """
    x, labels = load_digits(return_X_y=True)
    x, labels = x[:40] / 16, labels[:40]
    params = MODEL.init(jax.random.key(0))

    def compute(rates: jax.Array, *options: float) -> tuple[jax.Array, jax.Array]:
        def loss(rate: jax.Array) -> jax.Array:
            recipe = nn.Recipe(MODEL, nn.cross_entropy, make_optimizer(rate, *options), batch_size=12)
            fitted = nn.fit(recipe, (x[:30], labels[:30]), key=jax.random.key(1), epochs=3, params=params)
            return nn.cross_entropy(nn.predict(MODEL, fitted.params, x[30:]), labels[30:]).mean()

        return jax.lax.map(differentiate(loss), rates)

    return jax.jit(compute)


def assert_equal_differences(compute: Callable[..., tuple[jax.Array, jax.Array]], rate: float, *options: float) -> None:
    """Asserts that the derivative equals a central difference of the losses."""
    step = 1e-5 * rate
    losses, derivatives = compute(np.array([rate - step, rate, rate + step]), *options)
    difference = (losses[2] - losses[0]) / (2 * step)
    assert abs(difference) > 1e-2
    np.testing.assert_allclose(derivatives[1], difference, rtol=1e-6)


@pytest.mark.parametrize("differentiate", [jax.value_and_grad, differentiate_forward], ids=["reverse", "forward"])
def test_gradient_descent_has_exact_derivatives(differentiate: Callable[..., Any], x64: None) -> None:
    assert_equal_differences(compile_derivatives(optax.sgd, differentiate), 0.3)


def test_momentum_has_exact_derivatives(x64: None) -> None:
    assert_equal_differences(compile_derivatives(lambda rate: optax.sgd(rate, momentum=0.9)), 0.1)


def test_adam_has_exact_derivatives_with_eps_root_and_nan_without_as_documented(x64: None) -> None:
    compute = compile_derivatives(lambda rate, eps_root: optax.adam(rate, eps_root=eps_root))
    assert_equal_differences(compute, 0.01, 1e-8)
    default = inspect.signature(optax.adam).parameters["eps_root"].default
    losses, derivatives = compute(np.full(3, 0.01), default)
    assert np.isfinite(losses).all()
    assert np.isnan(derivatives).all()
    assert re.search(r"plain Adam.*NaN.*eps_root", nn.fit.__doc__, re.DOTALL | re.IGNORECASE)
