"""Losses against numbers of PyTorch, for extreme logits, with traced options, and the messages of their errors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn

OUTPUTS = np.array([[0.3, -1.2, 2.0], [1.5, 0.2, -0.7]])
TARGETS = np.array([[0.1, 0.4, -1.0], [1.0, -2.0, 0.3]])
PROBABILITIES = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
BINARY = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.25]])
LOG_VARIANCES = 0.5 * TARGETS + 0.1

# By PyTorch 2.13 in float64, with the same numbers: `huber_loss(delta=0.8)` summed over the outputs,
# `cross_entropy` with label_smoothing 0.1, with probabilities, and with both, `binary_cross_entropy_with_logits`
# averaged over the labels, and `gaussian_nll_loss` summed over the outputs, then with full=True.
PYTORCH = {
    "huber": (lambda: nn.huber(OUTPUTS, TARGETS, delta=0.8), [3.06, 2.045]),
    "smoothed": (
        lambda: nn.cross_entropy(OUTPUTS, np.array([2, 0]), label_smoothing=0.1), [0.365004578286, 0.441163881925],
    ),
    "probabilities": (lambda: nn.cross_entropy(OUTPUTS, PROBABILITIES), [2.141671244953, 1.624497215258]),
    "smoothed probabilities": (
        lambda: nn.cross_entropy(OUTPUTS, PROBABILITIES, label_smoothing=0.2), [2.080337911619, 1.597830548591],
    ),
    "binary": (lambda: nn.binary_cross_entropy(OUTPUTS, BINARY), [0.814855240950, 0.525912732083]),
    "gaussian": (
        lambda: nn.gaussian_nll(np.concatenate([OUTPUTS, LOG_VARIANCES], 1), TARGETS), [7.703672621387, 6.385241375047],
    ),
    "gaussian in full": (
        lambda: nn.gaussian_nll(np.concatenate([OUTPUTS, LOG_VARIANCES], 1), TARGETS, full=True),
        [10.460488221001, 9.142056974661],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PYTORCH)
def test_losses_equal_those_of_pytorch(name: str, x64: None) -> None:
    compute, expected = PYTORCH[name]
    np.testing.assert_allclose(compute(), expected, rtol=1e-11)


def test_binary_losses_equal_those_of_optax(x64: None) -> None:
    labels = np.round(BINARY)
    expected = optax.sigmoid_binary_cross_entropy(jnp.asarray(OUTPUTS), jnp.asarray(labels)).mean(-1)
    np.testing.assert_allclose(nn.binary_cross_entropy(OUTPUTS, labels), expected, rtol=1e-12)
    expected = optax.sigmoid_focal_loss(jnp.asarray(OUTPUTS), jnp.asarray(labels), alpha=0.25, gamma=2.0).mean(-1)
    np.testing.assert_allclose(nn.focal(OUTPUTS, labels, alpha=0.25), expected, rtol=1e-10)


def test_binary_cross_entropy_keeps_its_digits_for_large_logits() -> None:
    logits, labels = np.array([[20.0], [-1000.0], [1000.0], [1000.0]], "f"), np.array([1, 0, 1, 0])
    np.testing.assert_allclose(nn.binary_cross_entropy(logits, labels), [np.log1p(np.exp(-20)), 0, 0, 1000], rtol=1e-6)


def test_huber_with_an_infinite_delta_is_half_the_squared_error() -> None:
    losses = nn.huber(OUTPUTS.astype("f"), TARGETS.astype("f"), delta=np.inf)
    np.testing.assert_allclose(losses, ((OUTPUTS - TARGETS) ** 2).sum(axis=1) / 2, rtol=1e-6)


def test_a_gaussian_of_a_tiny_variance_keeps_its_likelihood_and_slopes() -> None:
    outputs, targets = jnp.array([[1.0, -100.0]]), jnp.array([[1.0]])
    loss, slopes = jax.value_and_grad(lambda outputs: nn.gaussian_nll(outputs, targets).sum())(outputs)
    assert loss == -50
    np.testing.assert_array_equal(slopes, [[0.0, 0.5]])


@pytest.mark.parametrize("gamma", [0, 0.0, 0.5, 2])
def test_focal_of_a_certain_example_has_finite_slopes(gamma: float) -> None:
    slopes = jax.grad(lambda logits: nn.focal(logits, np.array([1, 0]), gamma=gamma).sum())(jnp.array([200.0, 3.0]))
    assert slopes[0] == 0
    assert 0 < slopes[1] < 10


def test_focal_without_gamma_is_the_cross_entropy() -> None:
    logits, labels = OUTPUTS.astype("f"), np.array([2, 0])
    np.testing.assert_allclose(nn.focal(logits, labels, gamma=0.0), nn.cross_entropy(logits, labels), rtol=1e-6)


def test_options_may_be_traced() -> None:
    logits, labels, targets = OUTPUTS.astype("f"), np.array([2, 0]), TARGETS.astype("f")

    def compute(option: jax.Array) -> list[jax.Array]:
        return [
            nn.cross_entropy(logits, labels, label_smoothing=option),
            nn.huber(logits, targets, delta=option),
            nn.focal(logits, labels, gamma=option),
            nn.focal(logits, np.round(BINARY), alpha=option),
        ]

    lanes = jax.jit(jax.vmap(compute))(jnp.array([0.3, 0.7]))
    for lane, option in enumerate((0.3, 0.7)):
        for mapped, alone in zip(lanes, compute(option), strict=True):
            np.testing.assert_allclose(mapped[lane], alone, rtol=2e-6)


ERRORS = {
    "probabilities that do not add up": (
        lambda: nn.cross_entropy(OUTPUTS, PROBABILITIES * [[1.0], [0.5]]),
        "cross_entropy: probabilities of classes must add up to 1, but those of row 1 to 0.5",
    ),
    "a negative probability": (
        lambda: nn.cross_entropy(OUTPUTS, np.array([[0.2, 0.5, 0.3], [1.5, -0.5, 0.0]])),
        "cross_entropy: probabilities of classes must be at least 0, but row 1, column 1 holds -0.5",
    ),
    "a column of floats": (
        lambda: nn.cross_entropy(OUTPUTS, np.array([[0.0], [1.0]])),
        "cross_entropy: labels must be class numbers of shape (2,) or probabilities of shape (2, 3), those of the "
        "logits, not (2, 1)",
    ),
    "a label above 1": (
        lambda: nn.binary_cross_entropy(OUTPUTS[:, :1], np.array([0.5, 1.5])),
        "binary_cross_entropy: labels must lie between 0 and 1, but row 1 holds 1.5",
    ),
    "a column of labels for a table of logits": (
        lambda: nn.binary_cross_entropy(OUTPUTS, np.array([[0], [1]])),
        "binary_cross_entropy: labels must have shape (2, 3), one for each of the logits (2, 3), not (2, 1)",
    ),
    "a soft label of a focal loss": (
        lambda: nn.focal(OUTPUTS[:, :1], np.array([0.0, 0.25])), "focal: labels must be 0 or 1, but row 1 holds 0.25",
    ),
    "an infinite gamma": (
        lambda: nn.focal(OUTPUTS, np.array([0, 1]), gamma=np.inf),
        "focal: gamma must be at least 0 and finite, not inf",
    ),
    "alpha for classes": (
        lambda: nn.focal(OUTPUTS, np.array([0, 1]), alpha=0.5),
        "focal: alpha weighs label 1 against label 0; for classes use nn.weighted(nn.focal)",
    ),
    "no labels": (
        lambda: nn.binary_cross_entropy(OUTPUTS, None), "binary_cross_entropy: labels must be numbers 0 or 1, not None",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_names_the_rule_and_the_value(name: str, as_installed: None) -> None:
    call, message = ERRORS[name]
    with pytest.raises((TypeError, ValueError)) as error:
        call()
    assert str(error.value) == message
