"""Batch norm: the numbers of PyTorch and Flax, statistics under a mask, types, and traced sizes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.errors import error_message
from jaxnn.units import Size

X = np.random.RandomState(0).normal(size=(4, 2, 3, 2)).round(2) * 2 + 1
SLOPES = np.random.RandomState(1).normal(size=X.shape).round(2)


def make_params(dtype: Any) -> nn.BatchNormParams:
    scale, bias, zeros, ones = (jnp.array(values, dtype) for values in ([1.5, -0.5], [0.3, 0.1], [0, 0], [1, 1]))
    return nn.BatchNormParams(scale, bias, nn.Buffer(zeros), nn.Buffer(ones))


@jax.jit
def step(params: nn.BatchNormParams, x: Any, slopes: Any, where: Any = None) -> Any:
    """Returns the outputs, the parameters with new statistics, and the gradients of Σ slopes · outputs."""

    def total(scale: Any, bias: Any, x: Any) -> Any:
        outputs, updated = nn.train_batch_norm(params._replace(scale=scale, bias=bias), x, where=where)
        return (slopes * outputs).sum(), (outputs, updated)

    (_, (outputs, updated)), gradients = jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True)(*params[:2], x)
    return outputs, updated, gradients


# torch.nn.BatchNorm2d of PyTorch 2.13 in float64, with the parameters above: first on X, then on its first three rows.
# For each the outputs of the last row, the gradients of x there, of scale and bias, and the running mean and variance.
TORCH = [
    (
        [1.5490697039890753, -0.41490568723720384, -0.514841477102945, 0.29886422961067205, -1.3556941805108051,
         0.8318124341904194, -2.196546883918665, -0.771790645661142, -0.667723786813465, 0.3654827551831405,
         -1.6104980300283385, -0.21505011051979864],
        [-1.0119136474698913, -0.0488578548729112, 1.065309933027438, -0.2650414932488092, 0.011646021225705147,
         0.05195757302975668, -0.22027547588198249, -0.34880450481633124, 0.06241605548606779, 0.05444067826678292,
         0.29152903954519793, -0.5203304070780463],
        [8.388121492463071, 6.701780053317626], [4.26, -6.31],
        [0.14991666666666664, 0.12358333333333332], [1.4785929710144927, 1.3608381884057972],
    ),
    (
        [2.648101089429576, 0.8418049737034894, -0.3602387481339329, 0.2223595832912972, 1.6453211435750732,
         -0.5937351374104798, -0.2247279446400812, -0.05786571237136117, -1.6340403009761393, 1.1023653363371892,
         -0.9022819621093399, 0.05029141928791047],
        [-0.05540629991167627, 0.03036155078840625, -0.10742331219907139, 0.09970893457491475, -0.6351151385069594,
         -0.25447203253507583, -0.5224168537570555, -0.03057006152756746, -0.22302423711178587, 0.06986281421742829,
         -0.36492701540513683, -0.1273858142638405],
        [8.46552049965765, 0.32132500569318073], [4.42, -9.54],
        [0.3423694444444444, 0.22300277777777777], [1.849673935350952, 1.6628385525717533],
    ),
]  # fmt: skip
# The same in evaluation mode, after both: the outputs of the third row.
TORCH_EVALUATION = [
    6.032550688925026, 0.923178878124539, 1.1356029765444586, -0.053932783992642744, 4.400234784798171,
    -1.3412386245597234, 1.3561862068318715, -0.4959594882837488, -0.937879388157223, 1.3341861645706552,
    0.2532700553948069, -0.32535269013630436,
]  # fmt: skip
# flax.linen.BatchNorm(momentum=0.9) of Flax 0.12 in float64: the running variance after both.
FLAX_VARIANCE = [1.7991466844135804, 1.6212191103395062]


@pytest.mark.parametrize("masked", [False, True], ids=["all rows", "under a mask"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_outputs_gradients_and_statistics_are_those_of_pytorch(
    masked: bool, dtype: str, tolerance: float, x64: None
) -> None:
    params, x, slopes = make_params(dtype), X.astype(dtype), SLOPES.astype(dtype)
    for count, expected in zip((4, 3), TORCH, strict=True):
        where = np.arange(4) < count if masked else None
        rows = slice(0, None if masked else count)
        weights = slopes[rows] * (np.arange(len(slopes[rows])) < count).astype(dtype)[:, None, None, None]
        outputs, params, (scale, bias, gradient) = step(params, x[rows], weights, where)
        last = count - 1
        actual = outputs[last].ravel(), gradient[last].ravel(), scale, bias, params.mean.value, params.variance.value
        assert {leaf.dtype for leaf in actual} == {np.dtype(dtype)}
        for leaf, numbers in zip(actual, expected, strict=True):
            np.testing.assert_allclose(leaf, numbers, rtol=0, atol=tolerance * max(1, np.abs(numbers).max()))
        np.testing.assert_array_equal(gradient[count:], 0)
    evaluated = jax.jit(nn.batch_norm)(params, x)[2].ravel()
    np.testing.assert_allclose(evaluated, TORCH_EVALUATION, rtol=0, atol=10 * tolerance)


def test_the_biased_variance_is_that_of_flax() -> None:
    params = make_params("f")
    for rows in (X, X[:3]):
        params = nn.train_batch_norm(params, rows.astype("f"), unbiased=False)[1]
    np.testing.assert_allclose(params.variance.value, FLAX_VARIANCE, rtol=1e-5)


def test_rows_outside_of_the_mask_get_outputs_by_the_statistics_of_the_others() -> None:
    where = np.array([True, False, True, False])
    outputs, params = nn.train_batch_norm(make_params("f"), X.astype("f"), where=where, momentum=0.0, unbiased=False)
    mean, variance = X[where].mean((0, 1, 2)), X[where].var((0, 1, 2))
    expected = np.array([1.5, -0.5]) * (X - mean) / np.sqrt(variance + 1e-5) + np.array([0.3, 0.1])
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(params.mean.value, mean, rtol=1e-5)
    np.testing.assert_allclose(params.variance.value, variance, rtol=1e-5)


def test_no_rows_at_all_give_finite_numbers() -> None:
    outputs, params, gradients = step(make_params("f"), X.astype("f"), np.zeros_like(X, "f"), np.zeros(4, bool))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((outputs, params, gradients)))


@pytest.mark.parametrize("masked", [False, True], ids=["all rows", "under a mask"])
def test_statistics_that_a_batch_lacks_leave_the_running_ones_as_they_are(masked: bool) -> None:
    params = make_params("f")._replace(mean=nn.Buffer(jnp.array([3.0, 4])), variance=nn.Buffer(jnp.array([5.0, 6])))
    for count in (0, 1):
        x, where = (X[:, 0, 0], np.arange(4) < count) if masked else (X[:count, 0, 0], None)
        updated = nn.train_batch_norm(params, x.astype("f"), where=where)[1]
        mean = 0.9 * np.array([3, 4]) + 0.1 * X[0, 0, 0] if count else [3, 4]
        np.testing.assert_allclose(updated.mean.value, mean, rtol=1e-6)
        np.testing.assert_array_equal(updated.variance.value, [5, 6])
    biased = nn.train_batch_norm(params, X[:1, 0, 0].astype("f"), unbiased=False)[1]
    np.testing.assert_allclose(biased.variance.value, [4.5, 5.4], rtol=1e-6)


def test_a_channel_of_equal_values_has_outputs_and_gradients_of_bias_alone() -> None:
    outputs, params, (scale, bias, gradient) = step(make_params("f"), np.full((5, 2), 7, "f"), np.ones((5, 2), "f"))
    np.testing.assert_array_equal(outputs, np.tile(np.array([0.3, 0.1], "f"), (5, 1)))
    np.testing.assert_allclose(params.mean.value, [0.7, 0.7], rtol=1e-6)
    np.testing.assert_array_equal(scale, [0, 0])
    np.testing.assert_array_equal(bias, [5, 5])
    np.testing.assert_array_equal(gradient, np.zeros((5, 2)))


def test_half_precision_keeps_statistics_in_single_precision() -> None:
    """The squares of 300 overflow in float16."""
    half = make_params("f")._replace(scale=jnp.ones(2, "f2"), bias=jnp.zeros(2, "f2"))
    x = (300 * X).astype("f2")
    outputs, params = nn.train_batch_norm(half, x)
    assert outputs.dtype == np.float16
    assert nn.batch_norm(params, x).dtype == np.float16
    assert params.variance.value.dtype == np.float32
    expected = 0.9 + 0.1 * x.astype("d").var((0, 1, 2), ddof=1)
    np.testing.assert_allclose(params.variance.value, expected, rtol=1e-5)


def test_masked_units_stay_0_and_the_others_are_those_of_the_narrow_layer() -> None:
    wide = nn.init_batch_norm(Size(jnp.array(2), largest=3))
    x = np.concatenate([X, np.zeros((4, 2, 3, 1))], axis=-1).astype("f")
    outputs, updated = nn.train_batch_norm(wide, x)
    expected, narrow = nn.train_batch_norm(nn.init_batch_norm(2), X.astype("f"))
    for leaf, expected_leaf in zip(
        jax.tree.leaves((outputs, updated)), jax.tree.leaves((expected, narrow)), strict=True
    ):
        np.testing.assert_array_equal(leaf[..., :2], expected_leaf)
        np.testing.assert_array_equal(leaf[..., 2], 0)
    np.testing.assert_array_equal(nn.batch_norm(updated, x)[..., 2], 0)


def test_marks_are_1_in_every_parameter_of_a_real_unit() -> None:
    marks = nn.init_batch_norm(2 * Size(jnp.array(2), largest=3, marks=True))
    for leaf in jax.tree.leaves(marks):
        np.testing.assert_array_equal(leaf, [1, 1, 0, 1, 1, 0])


def test_a_momentum_outside_of_0_to_1_is_refused(as_installed: None) -> None:
    message = error_message(ValueError, lambda: nn.train_batch_norm(make_params("f"), X, momentum=1.5))
    assert message == "train_batch_norm: momentum must lie in [0, 1], not 1.5"
