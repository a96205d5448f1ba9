"""Properties of the layers beyond test_contract.py: how parameters are drawn and what dropout drops."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.errors import error_message


def test_init_dense_and_init_conv_draw_weights_by_the_initializer_and_zero_biases() -> None:
    dense = nn.init_dense(jax.random.key(0), 4, 16)
    np.testing.assert_array_equal(dense.weight, nn.initializers.he_normal(jax.random.key(0), (4, 16)))
    np.testing.assert_array_equal(dense.bias, np.zeros(16))
    conv = nn.init_conv(jax.random.key(0), 2, 4, (3, 5), initializer=nn.initializers.glorot_uniform)
    np.testing.assert_array_equal(conv.weight, nn.initializers.glorot_uniform(jax.random.key(0), (3, 5, 2, 4)))
    np.testing.assert_array_equal(conv.bias, np.zeros(4))


def test_without_bias_a_layer_is_the_product_alone(rng: np.random.Generator) -> None:
    table, image = rng.normal(size=(5, 4)).astype("f"), rng.normal(size=(5, 6, 6, 2)).astype("f")
    dense, conv = (
        nn.init_dense(jax.random.key(0), 4, 3, bias=False),
        nn.init_conv(jax.random.key(1), 2, 3, 3, bias=False),
    )
    assert dense.bias is None
    assert conv.bias is None
    np.testing.assert_array_equal(dense.weight, nn.init_dense(jax.random.key(0), 4, 3).weight)
    for function, params, x in ((nn.dense, dense, table), (nn.conv, conv, image)):
        outputs, pull_back = jax.vjp(jax.jit(function), params, x)
        expected, pull_back_zero = jax.vjp(jax.jit(function), params._replace(bias=jnp.zeros(3)), x)
        np.testing.assert_array_equal(outputs, expected)
        slopes, expected = pull_back(outputs)[0], pull_back_zero(outputs)[0]
        assert slopes.bias is None
        np.testing.assert_array_equal(slopes.weight, expected.weight)


def test_an_initializer_of_jax_can_be_used_directly() -> None:
    params = nn.init_dense(jax.random.key(0), 4, 3, initializer=jax.nn.initializers.orthogonal())
    np.testing.assert_allclose(params.weight.T @ params.weight, np.eye(3), atol=1e-6)


@pytest.mark.parametrize(("window", "shape"), [(3, (3, 3, 1, 2)), ((5,), (5, 1, 2)), ((2, 3, 4), (2, 3, 4, 1, 2))])
def test_a_window_is_a_square_or_has_a_size_for_each_axis(window: int | tuple[int, ...], shape: tuple) -> None:
    assert nn.init_conv(jax.random.key(0), 1, 2, window).weight.shape == shape


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.init_dense(jax.random.key(0), 0, 3), "init_dense: inputs must be at least 1, not 0"),
        (lambda: nn.init_dense(jax.random.key(0), 3, 0), "init_dense: outputs must be at least 1, not 0"),
        (lambda: nn.init_conv(jax.random.key(0), 1, 0, 3), "init_conv: outputs must be at least 1, not 0"),
        (lambda: nn.init_conv(jax.random.key(0), 1, 1, (3, 0)), "init_conv: window[1] must be at least 1, not 0"),
        (
            lambda: nn.init_conv(jax.random.key(0), 1, 1, (1, 1, 1, 1)),
            "init_conv: window must have 1, 2 or 3 axes, not 4: (1, 1, 1, 1)",
        ),
        (lambda: nn.init_layer_norm(0), "init_layer_norm: features must be at least 1, not 0"),
    ],
)
def test_an_invalid_size_is_refused(make, message: str) -> None:
    assert error_message(ValueError, make) == message


def test_dropout_drops_the_fraction_given_by_rate_and_keeps_the_expected_value() -> None:
    dropped = np.asarray(nn.dropout(jax.random.key(0), jnp.ones((500, 40)), 0.2))
    assert set(np.unique(dropped)) == {0.0, np.float32(1 / 0.8)}
    # 20,000 draws: the standard deviation of the share is 0.0028.
    assert abs((dropped == 0).mean() - 0.2) < 0.012
    assert abs(dropped.mean() - 1) < 0.015


def test_dropout_depends_on_its_key_and_each_example_has_its_own_mask() -> None:
    x = jnp.ones((4, 64))
    first = np.asarray(nn.dropout(jax.random.key(0), x, 0.5))
    np.testing.assert_array_equal(nn.dropout(jax.random.key(0), x, 0.5), first)
    assert not np.array_equal(nn.dropout(jax.random.key(1), x, 0.5), first)
    assert len({row.tobytes() for row in first}) == 4


def test_dropout_accepts_a_traced_rate() -> None:
    rates = jnp.array([0.1, 0.5, 0.9])
    dropped = jax.jit(jax.vmap(lambda rate: nn.dropout(jax.random.key(0), jnp.ones((50, 40)), rate)))(rates)
    np.testing.assert_allclose((np.asarray(dropped) == 0).mean((1, 2)), rates, atol=0.04)


@pytest.mark.parametrize("drop", [nn.dropout, nn.stochastic_depth])
def test_a_rate_may_be_the_whole_number_0(drop: Callable) -> None:
    x = jnp.ones((4, 3))
    np.testing.assert_array_equal(drop(jax.random.key(0), x, 0), x)
    np.testing.assert_array_equal(jax.jit(drop)(jax.random.key(0), x, 0), x)


def test_dropout_passes_no_gradient_to_dropped_entries() -> None:
    x = jnp.ones((5, 8))
    slopes = jax.grad(lambda x: nn.dropout(jax.random.key(0), x, 0.5).sum())(x)
    np.testing.assert_array_equal(slopes, nn.dropout(jax.random.key(0), x, 0.5))


def test_stochastic_depth_drops_whole_examples_and_keeps_the_expected_value() -> None:
    dropped = np.asarray(nn.stochastic_depth(jax.random.key(0), jnp.ones((20_000, 2, 3)), 0.2)).reshape(20_000, 6)
    np.testing.assert_array_equal(dropped.min(1), dropped.max(1))
    assert set(np.unique(dropped)) == {0.0, np.float32(1 / 0.8)}
    assert abs((dropped == 0).mean() - 0.2) < 0.012


def test_layer_norm_of_a_constant_row_and_its_gradient_are_finite() -> None:
    x = jnp.full((2, 3), 7.0)
    value, slopes = jax.value_and_grad(lambda x: (nn.layer_norm(nn.init_layer_norm(3), x) ** 2).sum())(x)
    assert value == 0
    np.testing.assert_array_equal(slopes, np.zeros((2, 3)))


def test_flatten_keeps_height_width_channel_order_for_any_number_of_axes() -> None:
    for shape in ((2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 3, 2, 2, 2)):
        x = np.arange(np.prod(shape), dtype="f").reshape(shape)
        np.testing.assert_array_equal(nn.flatten(x), x.reshape(2, -1))
