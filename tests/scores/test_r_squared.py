"""R² and mean errors against scikit-learn, with and without a mask."""

import jax
import numpy as np
import pytest
import sklearn.metrics

import jaxnn as nn


@pytest.fixture
def measured(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    targets = rng.normal(size=(40, 3))
    return targets + 0.4 * rng.normal(size=(40, 3)), targets, rng.random(40) < 0.6


def test_r_squared_equals_that_of_scikit_learn(measured, x64: None) -> None:
    outputs, targets, mask = measured
    np.testing.assert_allclose(nn.r_squared(outputs, targets), sklearn.metrics.r2_score(targets, outputs), rtol=1e-12)
    masked = sklearn.metrics.r2_score(targets[mask], outputs[mask])
    np.testing.assert_allclose(nn.r_squared(outputs, targets, where=mask), masked, rtol=1e-12)


def test_r_squared_of_the_mean_is_0_and_of_the_targets_1(measured, x64: None) -> None:
    _, targets, _ = measured
    np.testing.assert_allclose(nn.r_squared(np.zeros_like(targets) + targets.mean(0)[None], targets), 0, atol=1e-12)
    assert float(nn.r_squared(targets, targets)) == 1


def test_r_squared_jits_and_maps_over_lanes(measured) -> None:
    outputs, targets, mask = measured
    both = np.stack([outputs, targets]).astype("f")
    mapped = jax.jit(jax.vmap(lambda lane: nn.r_squared(lane, targets.astype("f"), where=mask)))(both)
    np.testing.assert_allclose(
        mapped, [nn.r_squared(lane, targets.astype("f"), where=mask) for lane in both], rtol=1e-5
    )


@pytest.mark.parametrize("mask", [None, np.array([True, True, False])])
@pytest.mark.parametrize(("prediction", "expected"), [(2.0, 1.0), (5.0, 0.0), (np.nan, np.nan)])
def test_r_squared_of_constant_targets_is_0_or_1_and_its_gradient_0(mask, prediction: float, expected: float) -> None:
    targets = np.array([[2.0], [2.0], [2.0 if mask is None else 7.0]], "f")
    outputs = np.full((3, 1), prediction, "f")
    value, gradient = jax.value_and_grad(lambda outputs: nn.r_squared(outputs, targets, where=mask))(outputs)
    np.testing.assert_array_equal(value, np.float32(expected))
    if not np.isnan(prediction):
        np.testing.assert_array_equal(gradient, 0.0)


def test_r_squared_of_one_example_is_nan() -> None:
    assert np.isnan(nn.r_squared(np.ones((1, 2), "f"), np.ones((1, 2), "f")))
    assert np.isnan(nn.r_squared(np.ones((3, 2), "f"), np.ones((3, 2), "f"), where=np.array([True, False, False])))
