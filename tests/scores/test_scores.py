"""Scores against scikit-learn, with and without a mask."""

import jax
import numpy as np
import pytest
import sklearn.metrics

import jaxnn as nn


@pytest.fixture
def classified(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels and a mask of the examples that count."""
    labels = rng.integers(0, 4, 40)
    return rng.normal(size=(40, 4)) + 1.5 * np.eye(4)[labels], labels, rng.random(40) < 0.6


@pytest.fixture
def measured(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    targets = rng.normal(size=(40, 3))
    return targets + 0.4 * rng.normal(size=(40, 3)), targets, rng.random(40) < 0.6


def test_accuracy_equals_that_of_scikit_learn(classified) -> None:
    logits, labels, mask = classified
    predicted = logits.argmax(-1)
    np.testing.assert_allclose(
        nn.accuracy(logits, labels), sklearn.metrics.accuracy_score(labels, predicted), rtol=1e-7
    )
    masked = sklearn.metrics.accuracy_score(labels[mask], predicted[mask])
    np.testing.assert_allclose(nn.accuracy(logits, labels, where=mask), masked, rtol=1e-7)


def test_r_squared_equals_that_of_scikit_learn(measured, x64: None) -> None:
    outputs, targets, mask = measured
    np.testing.assert_allclose(nn.r_squared(outputs, targets), sklearn.metrics.r2_score(targets, outputs), rtol=1e-12)
    masked = sklearn.metrics.r2_score(targets[mask], outputs[mask])
    np.testing.assert_allclose(nn.r_squared(outputs, targets, where=mask), masked, rtol=1e-12)


def test_r_squared_of_the_mean_is_0_and_of_the_targets_1(measured, x64: None) -> None:
    _, targets, _ = measured
    np.testing.assert_allclose(nn.r_squared(np.zeros_like(targets) + targets.mean(0)[None], targets), 0, atol=1e-12)
    assert float(nn.r_squared(targets, targets)) == 1


def test_confusion_matrix_equals_that_of_scikit_learn(classified) -> None:
    logits, labels, mask = classified
    predicted = logits.argmax(-1)
    np.testing.assert_array_equal(
        nn.confusion_matrix(logits, labels), sklearn.metrics.confusion_matrix(labels, predicted)
    )
    masked = sklearn.metrics.confusion_matrix(labels[mask], predicted[mask], labels=range(4))
    np.testing.assert_array_equal(nn.confusion_matrix(logits, labels, where=mask), masked)


def test_a_class_without_examples_has_a_row_and_a_column() -> None:
    matrix = nn.confusion_matrix(np.array([[1.0, 0.0, 0.0]], "f"), np.array([1]))
    np.testing.assert_array_equal(matrix, [[0, 0, 0], [1, 0, 0], [0, 0, 0]])


def test_scores_jit_and_map_over_lanes(classified, measured) -> None:
    logits, labels, mask = classified
    lanes = np.stack([logits, logits[::-1]]).astype("f")
    for score in (nn.accuracy, nn.confusion_matrix):
        alone = np.stack([np.asarray(score(lane, labels, where=mask)) for lane in lanes])
        mapped = jax.jit(jax.vmap(lambda lane, score=score: score(lane, labels, where=mask)))(lanes)
        np.testing.assert_allclose(mapped, alone, rtol=1e-6)
    outputs, targets, mask = measured
    both = np.stack([outputs, targets]).astype("f")
    mapped = jax.jit(jax.vmap(lambda lane: nn.r_squared(lane, targets.astype("f"), where=mask)))(both)
    np.testing.assert_allclose(
        mapped, [nn.r_squared(lane, targets.astype("f"), where=mask) for lane in both], rtol=1e-5
    )


@pytest.mark.parametrize("score", [nn.accuracy, nn.confusion_matrix])
def test_an_error_names_the_row_of_a_label_out_of_range(score, as_installed: None) -> None:
    message = f"^{score.__name__}: labels must lie in 0 … 1 for 2 classes, but row 1 holds -1$"
    with pytest.raises(ValueError, match=message):
        score(np.zeros((3, 2)), np.array([0, -1, 5]))
