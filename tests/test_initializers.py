"""Initial weights: the moments they promise, and the same numbers as a draw of the n-d shape."""

import jax
import numpy as np
import pytest

import jaxnn as nn

SHAPE = (3, 3, 20, 50)  # fan-in 180, fan-out 450; 9,000 draws
VARIANCE = {
    nn.standard_normal: 1,
    nn.he_normal: 2 / 180,
    nn.lecun_normal: 1 / 180,
    nn.glorot_uniform: 2 / (180 + 450),
}
# The same distributions from jax.nn.initializers, which truncate their normal ones: so he and lecun stand apart.
REFERENCE = {
    nn.standard_normal: lambda key: jax.random.normal(key, SHAPE),
    nn.he_normal: lambda key: jax.random.normal(key, SHAPE) * np.sqrt(2 / 180),
    nn.lecun_normal: lambda key: jax.random.normal(key, SHAPE) * np.sqrt(1 / 180),
    nn.glorot_uniform: lambda key: jax.nn.initializers.glorot_uniform()(key, SHAPE),
}
every_initializer = pytest.mark.parametrize("initializer", VARIANCE, ids=lambda f: f.__name__)


@every_initializer
def test_mean_and_variance_are_those_promised(initializer) -> None:
    weights = np.asarray(initializer(jax.random.key(0), SHAPE), float) / np.sqrt(VARIANCE[initializer])
    # Of 9,000 draws the standard deviation of the mean is 0.0105 and of the variance at most 0.015.
    assert abs(weights.mean()) < 0.04
    assert abs(weights.var() - 1) < 0.06
    # Four moments tell a normal distribution (3) from a uniform one (1.8).
    kurtosis = (weights**4).mean() / weights.var() ** 2
    assert abs(kurtosis - (1.8 if initializer is nn.glorot_uniform else 3)) < 0.3


@every_initializer
def test_a_flat_draw_gives_the_numbers_of_a_draw_of_the_whole_shape(initializer) -> None:
    found = initializer(jax.random.key(1), SHAPE)
    np.testing.assert_allclose(found, REFERENCE[initializer](jax.random.key(1)), rtol=1e-6)


@every_initializer
def test_the_dtype_is_the_one_asked_for(initializer) -> None:
    assert initializer(jax.random.key(0), (2, 3), "bfloat16").dtype == "bfloat16"
    assert initializer(jax.random.key(0), (2, 3)).dtype == "float32"


def test_zeros_are_zeros() -> None:
    np.testing.assert_array_equal(nn.zeros(jax.random.key(0), (2, 3)), np.zeros((2, 3)))


def test_a_fan_needs_inputs_and_outputs() -> None:
    with pytest.raises(ValueError, match=r"^an initializer with a fan needs a shape .*, not \(3,\)$"):
        nn.he_normal(jax.random.key(0), (3,))
