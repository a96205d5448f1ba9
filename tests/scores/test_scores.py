"""Scores of classes against scikit-learn, with and without a mask, with weights, and their errors."""

import functools
from typing import Any

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


def test_accuracy_equals_that_of_scikit_learn(classified) -> None:
    logits, labels, mask = classified
    predicted = logits.argmax(-1)
    np.testing.assert_allclose(
        nn.accuracy(logits, labels), sklearn.metrics.accuracy_score(labels, predicted), rtol=1e-7
    )
    masked = sklearn.metrics.accuracy_score(labels[mask], predicted[mask])
    np.testing.assert_allclose(nn.accuracy(logits, labels, where=mask), masked, rtol=1e-7)


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


def test_scores_jit_and_map_over_lanes(classified) -> None:
    logits, labels, mask = classified
    lanes = np.stack([logits, logits[::-1]]).astype("f")
    for score in (nn.accuracy, nn.confusion_matrix):
        alone = np.stack([np.asarray(score(lane, labels, where=mask)) for lane in lanes])
        mapped = jax.jit(jax.vmap(lambda lane, score=score: score(lane, labels, where=mask)))(lanes)
        np.testing.assert_allclose(mapped, alone, rtol=1e-6)


@pytest.mark.parametrize("score", [nn.accuracy, nn.confusion_matrix])
def test_an_error_names_the_row_of_a_label_out_of_range(score, as_installed: None) -> None:
    message = f"^{score.__name__}: labels must lie in 0 … 1 for 2 classes, but row 1 holds -1$"
    with pytest.raises(ValueError, match=message):
        score(np.zeros((3, 2)), np.array([0, -1, 5]))


@pytest.mark.parametrize("outputs", [np.zeros((3, 1), "f"), np.zeros(3, "f")], ids=["column", "vector"])
def test_one_logit_takes_labels_0_and_1_of_any_type(outputs: np.ndarray, as_installed: None) -> None:
    for labels in (np.array([0, 1, 0]), np.array([0.0, 1.0, 0.0]), np.array([False, True, False])):
        np.testing.assert_allclose(nn.accuracy(outputs, labels), 2 / 3, rtol=1e-6)
    with pytest.raises(ValueError, match=r"^accuracy: labels must be 0 or 1, but row 1 holds 2$"):
        nn.accuracy(outputs, np.array([0, 2, 0]))
    with pytest.raises(ValueError, match=r"^accuracy: labels must have shape \(3,\), one for each of the outputs"):
        nn.accuracy(outputs, np.array([0, 1]))


def test_one_hot_rows_are_refused_where_class_numbers_are_expected(as_installed: None) -> None:
    for score in (nn.accuracy, nn.balanced_accuracy, nn.confusion_matrix, nn.log_loss):
        message = rf"^{score.__name__}: labels must be class numbers of shape \(batch,\), not a table \(3, 4\); of"
        with pytest.raises(ValueError, match=message):
            score(np.zeros((3, 4), "f"), np.eye(4)[:3])


def test_an_average_over_classes_must_be_chosen_for_three(as_installed: None) -> None:
    message = '^f1: average="binary" needs two classes, not 3 classes; choose "macro", "micro" or "weighted"$'
    with pytest.raises(ValueError, match=message):
        nn.f1(np.zeros((3, 3), "f"), np.array([0, 1, 2]))
    with pytest.raises(
        ValueError, match=r"^recall: average must be one of 'binary', 'macro', 'micro', 'weighted', not"
    ):
        nn.recall(np.zeros((3, 3), "f"), np.array([0, 1, 2]), average="mean")


def test_a_class_that_does_not_occur_is_left_out_of_the_mean_and_a_label_counts_as_0() -> None:
    predicted = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    labels = np.array([0, 1, 0])
    logits = predicted.astype("f") - 0.5
    of_classes = sklearn.metrics.f1_score(labels, predicted.argmax(1), average="macro")
    assert of_classes == float(nn.f1(logits, labels, average="macro")) == 1
    of_labels = sklearn.metrics.f1_score(np.eye(3, dtype=int)[labels], predicted, average="macro", zero_division=0)
    np.testing.assert_allclose(nn.f1(logits, np.eye(3)[labels], average="macro"), of_labels, rtol=1e-6)
    assert of_labels == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "score", [nn.auc, *(functools.partial(score, average="macro") for score in (nn.f1, nn.recall))]
)
def test_one_hot_rows_warn_that_they_count_as_many_labels(score: Any) -> None:
    logits = np.random.default_rng(0).normal(size=(9, 3)).astype("f")
    one_hot = np.eye(3, dtype=int)[np.arange(9) % 3]
    with pytest.warns(UserWarning, match=r"each of the 9 rows of labels holds exactly one 1.*labels.argmax\(axis=1\)"):
        score(logits, one_hot)
    # Honest labels, few rows and class numbers do not warn.
    score(logits, np.concatenate([one_hot[:8], [[1, 1, 0]]]))
    score(logits[:8], one_hot[:8])
    score(logits, one_hot.argmax(1))


_OF_NUMBERS = "r_squared", "mean_absolute_error"


@pytest.mark.parametrize(
    "where", [np.array([1, 0, 2]), np.array([False]), np.ones((3, 1), bool), [True, False, True]], ids=str
)
def test_a_mask_is_bools_for_each_example(where: Any, as_installed: None) -> None:
    error = TypeError if isinstance(where, list) else ValueError
    table, labels, column = np.eye(3, dtype="f"), np.arange(3), np.arange(3.0)[:, None]
    of_classes = "accuracy", "balanced_accuracy", "confusion_matrix", "log_loss", "auc"
    calls = {name: functools.partial(getattr(nn, name), table, labels) for name in of_classes}
    calls |= {name: functools.partial(getattr(nn, name), column, column) for name in _OF_NUMBERS}
    calls["f1"] = functools.partial(nn.f1, table, labels, average="macro")
    for name, call in calls.items():
        with pytest.raises(error, match=rf"{name}: where must be bools of shape \(3,\), one for each example, not"):
            call(where=where)
