"""Activations at kinks, at large arguments, and on arrays that are not tables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn

ELEMENTWISE = [nn.relu, nn.leaky_relu, nn.elu, nn.gelu, nn.silu, nn.softplus, nn.sigmoid, nn.tanh]
LARGE = np.array([[-1e4, -100.0, 100.0, 1e4]], "f")


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=lambda f: f.__name__)
def test_value_and_derivative_stay_finite_at_large_arguments(activation) -> None:
    value, slopes = jax.value_and_grad(lambda x: activation(x).sum())(jnp.asarray(LARGE))
    assert np.isfinite(value)
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=lambda f: f.__name__)
def test_a_scalar_a_vector_and_an_image_give_the_same_values(activation) -> None:
    x = np.linspace(-2, 2, 24, dtype="f")
    expected = np.asarray(activation(x))
    np.testing.assert_allclose(activation(x.reshape(2, 3, 2, 2)), expected.reshape(2, 3, 2, 2), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(activation(x[5]), expected[5], rtol=1e-6, atol=1e-6)


def test_relu_has_derivative_0_at_0() -> None:
    for x in (0.0, -0.0):
        assert jax.grad(nn.relu)(x) == 0


def test_relu_takes_whole_numbers() -> None:
    np.testing.assert_array_equal(nn.relu(np.array([-2, 0, 3])), [0, 0, 3])


def test_softmax_sums_to_one_and_is_stable_for_large_and_shifted_logits(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(5, 4)).astype("f") * 100
    probabilities = np.asarray(nn.softmax(logits))
    np.testing.assert_allclose(probabilities.sum(-1), np.ones(5), rtol=1e-6)
    np.testing.assert_allclose(nn.softmax(logits + 1024), probabilities, atol=1e-4)
    np.testing.assert_allclose(np.exp(nn.log_softmax(logits)), probabilities, atol=1e-6)


@pytest.mark.parametrize("function", [nn.softmax, nn.log_softmax])
def test_the_classes_are_on_the_last_axis_of_any_array(function, rng: np.random.Generator) -> None:
    logits = rng.normal(size=(2, 3, 4)).astype("f")
    rows = np.stack([np.asarray(function(row)) for row in logits.reshape(-1, 4)])
    np.testing.assert_allclose(function(logits), rows.reshape(2, 3, 4), rtol=1e-6)


def test_argmax_returns_the_first_of_equals_on_the_last_axis() -> None:
    logits = np.array([[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]], "f")
    np.testing.assert_array_equal(nn.argmax(logits), [[1, 0]])


def test_options_change_the_values() -> None:
    x = np.array([[-2.0]], "f")
    np.testing.assert_allclose(nn.leaky_relu(x, slope=0.25), [[-0.5]])
    np.testing.assert_allclose(nn.elu(x, alpha=2.0), [[2 * np.expm1(-2.0)]], rtol=1e-6)
    assert nn.gelu(x, approximate=False) != nn.gelu(x)
