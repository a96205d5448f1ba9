"""Losses against optax and scikit-learn, and traced labels that are out of range."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.metrics

import jaxnn as nn

# Cross entropy has two implementations, for up to four classes and for more.
both_implementations = pytest.mark.parametrize("classes", [3, 7])


@pytest.fixture(params=[4, 5], ids="{} classes".format)
def classified(request: pytest.FixtureRequest, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(30, request.param)) * 3, rng.integers(0, request.param, 30)


@pytest.fixture
def measured(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(30, 2)), rng.normal(size=(30, 2))


def test_cross_entropy_equals_that_of_optax_and_the_log_loss_of_scikit_learn(classified, x64: None) -> None:
    logits, labels = classified
    losses = nn.cross_entropy(logits, labels)
    expected = optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(logits), jnp.asarray(labels))
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    np.testing.assert_allclose(
        losses.mean(), sklearn.metrics.log_loss(labels, np.asarray(nn.softmax(logits))), rtol=1e-12
    )


def test_squared_and_absolute_error_equal_the_mean_errors_of_scikit_learn(measured, x64: None) -> None:
    outputs, targets = measured
    squared = sklearn.metrics.mean_squared_error(targets, outputs)
    np.testing.assert_allclose(nn.squared_error(outputs, targets).mean() / 2, squared, rtol=1e-12)
    absolute = sklearn.metrics.mean_absolute_error(targets, outputs)
    np.testing.assert_allclose(nn.absolute_error(outputs, targets).mean() / 2, absolute, rtol=1e-12)
    doubled = 2 * optax.l2_loss(jnp.asarray(outputs), jnp.asarray(targets)).sum(-1)
    np.testing.assert_allclose(nn.squared_error(outputs, targets), doubled, rtol=1e-12)


def test_the_sum_of_squared_errors_equals_a_hand_computed_ssr() -> None:
    """Observed 0, 1 and 0; predicted 0.57, 1.61 and 0.58: 0.57² + 0.61² + 0.58²."""
    outputs, targets = np.array([[0.57], [1.61], [0.58]], "f"), np.array([[0.0], [1.0], [0.0]], "f")
    np.testing.assert_allclose(nn.squared_error(outputs, targets).sum(), 1.0334, rtol=1e-5)


def test_the_gradient_of_cross_entropy_is_softmax_minus_the_observed_class(classified, x64: None) -> None:
    logits, labels = classified
    slopes = jax.grad(lambda logits: nn.cross_entropy(logits, labels).sum())(jnp.asarray(logits))
    np.testing.assert_allclose(slopes, np.asarray(nn.softmax(logits)) - np.eye(logits.shape[1])[labels], atol=1e-12)


@both_implementations
@pytest.mark.parametrize("logit", [1000.0, np.inf])
def test_cross_entropy_with_a_large_wrong_logit_equals_that_logit(classes: int, logit: float) -> None:
    logits = np.zeros((1, classes), "f")
    logits[0, 1] = logit
    np.testing.assert_allclose(nn.cross_entropy(logits, np.array([0])), [logit])


@both_implementations
@pytest.mark.parametrize("size", [1e4, 3e38])
def test_cross_entropy_keeps_its_digits_for_large_logits(classes: int, size: float) -> None:
    logits = np.full((1, classes), size, "f")
    logits[0, 2:] = -size
    np.testing.assert_allclose(nn.cross_entropy(logits, np.array([0])), [np.log(2)], rtol=1e-6)
    even = nn.cross_entropy(np.full((1, classes), size, "f"), np.array([0]), label_smoothing=0.5)
    np.testing.assert_allclose(even, [np.log(classes)], rtol=1e-6)


@both_implementations
@pytest.mark.parametrize("label", [-1, -3, 7, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8"])
def test_a_traced_label_out_of_range_gives_nan_in_its_row_alone(classes: int, label: int, dtype: str) -> None:
    if not np.iinfo(dtype).min <= label <= np.iinfo(dtype).max:
        label = np.iinfo(dtype).max
    losses = jax.jit(nn.cross_entropy)(np.zeros((3, classes), "f"), np.array([0, label, 2], dtype))
    np.testing.assert_array_equal(np.isnan(losses), [False, True, False])


def test_labels_may_have_any_integer_dtype(classified) -> None:
    logits, labels = classified
    expected = nn.cross_entropy(logits.astype("f"), labels)
    for dtype in ("uint8", "int8", "int32", "uint32"):
        np.testing.assert_array_equal(nn.cross_entropy(logits.astype("f"), labels.astype(dtype)), expected)
