"""Initializers: their documented moments, and the same numbers as a draw of the whole shape."""

import jax
import numpy as np
import pytest

import jaxnn as nn

pytestmark = pytest.mark.optimized(older_code=True)

SHAPE = (3, 3, 20, 50)  # fan-in 180, fan-out 450; 9,000 draws
VARIANCE = {
    nn.initializers.standard_normal: 1,
    nn.initializers.he_normal: 2 / 180,
    nn.initializers.lecun_normal: 1 / 180,
    nn.initializers.glorot_uniform: 2 / (180 + 450),
}
# The same numbers from JAX, drawn in the whole shape. `jax.nn.initializers.he_normal` and `lecun_normal` are truncated.
REFERENCE = {
    nn.initializers.standard_normal: lambda key: jax.random.normal(key, SHAPE),
    nn.initializers.he_normal: lambda key: jax.random.normal(key, SHAPE) * np.sqrt(2 / 180),
    nn.initializers.lecun_normal: lambda key: jax.random.normal(key, SHAPE) * np.sqrt(1 / 180),
    nn.initializers.glorot_uniform: lambda key: jax.nn.initializers.glorot_uniform()(key, SHAPE),
}
every_initializer = pytest.mark.parametrize("initializer", VARIANCE, ids=lambda f: f.__name__)


@every_initializer
def test_mean_variance_and_kurtosis_are_those_of_the_distribution(initializer) -> None:
    weights = np.asarray(initializer(jax.random.key(0), SHAPE), float) / np.sqrt(VARIANCE[initializer])
    # For 9,000 draws, the standard deviation of the mean is 0.0105 and that of the variance at most 0.015.
    assert abs(weights.mean()) < 0.04
    assert abs(weights.var() - 1) < 0.06
    # The kurtosis of a normal distribution is 3, that of a uniform one 1.8.
    kurtosis = (weights**4).mean() / weights.var() ** 2
    assert abs(kurtosis - (1.8 if initializer is nn.initializers.glorot_uniform else 3)) < 0.3


@every_initializer
def test_a_flat_draw_gives_the_numbers_of_a_draw_of_the_whole_shape(initializer) -> None:
    actual = initializer(jax.random.key(1), SHAPE)
    np.testing.assert_allclose(actual, REFERENCE[initializer](jax.random.key(1)), rtol=1e-6)


@every_initializer
def test_the_dtype_is_the_requested_one(initializer) -> None:
    assert initializer(jax.random.key(0), (2, 3), "bfloat16").dtype == "bfloat16"
    assert initializer(jax.random.key(0), (2, 3)).dtype == "float32"


def test_zeros_are_zeros() -> None:
    np.testing.assert_array_equal(nn.initializers.zeros(jax.random.key(0), (2, 3)), np.zeros((2, 3)))


def test_a_fan_needs_inputs_and_outputs() -> None:
    with pytest.raises(ValueError, match=r"^an initializer with a fan-in needs a shape .*, not \(3,\)$"):
        nn.initializers.he_normal(jax.random.key(0), (3,))
