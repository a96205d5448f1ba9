"""Weighted scores equal scikit-learn's with `sample_weight=`, on drawn outputs, masks and weights, zeros among them."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

import jaxnn as nn
from helpers.drawn_outputs import ROWS, Drawn, classes, many_labels, measured, one_logit

AVERAGES = ["macro", "micro", "weighted"]
F_SCORES = {
    "f1": sklearn.metrics.f1_score,
    "precision": sklearn.metrics.precision_score,
    "recall": sklearn.metrics.recall_score,
}


class Weighted(NamedTuple):
    """What was drawn, and a weight for each example, of which one that counts is above 0."""

    drawn: Drawn
    weights: np.ndarray

    @property
    def counted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The outputs, labels and weights that count."""
        return (*self.drawn.counted, self.weights[self.drawn.where])


def weigh(drawn: st.SearchStrategy[Drawn]) -> st.SearchStrategy[Weighted]:
    # Halves, so that sums are exact and constant columns stay constant.
    numbers = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=ROWS, max_size=ROWS)
    pairs = st.builds(Weighted, drawn, numbers.map(lambda values: np.array(values, "f")))
    return pairs.filter(lambda pair: pair.counted[-1].any())


@functools.partial(jax.jit, static_argnames=("names", "averages"))
def compute(drawn: Drawn, weights: Any, *, names: tuple[str, ...], averages: tuple[str, ...]) -> dict[str, jax.Array]:
    outputs, labels, where = drawn
    scores = {name: getattr(nn, name) for name in names}
    for name in F_SCORES:
        scores |= {f"{name} {each}": functools.partial(getattr(nn, name), average=each) for each in averages}
    return {name: nn.weighted(score)(outputs, (labels, weights), where=where) for name, score in scores.items()}


def assert_equal(pair: Weighted, expected: dict[str, Any], averages: tuple[str, ...] = ()) -> None:
    names = tuple(name for name in expected if " " not in name)
    actual = compute(*pair, names=names, averages=averages)
    assert set(actual) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=2e-6, atol=1e-6, err_msg=name)


def f_scores(labels: Any, predicted: Any, weights: Any, averages: tuple[str, ...]) -> dict[str, float]:
    return {
        f"{name} {each}": reference(labels, predicted, average=each, zero_division=0, sample_weight=weights)
        for name, reference in F_SCORES.items()
        for each in averages
    }


def area(observed: np.ndarray, values: np.ndarray, weights: np.ndarray) -> float:
    """The area by scikit-learn, which leaves out weights of 0 too; NaN where it has none."""
    kept = weights > 0
    if len(set(observed[kept].tolist())) == 1:
        return np.nan
    return sklearn.metrics.roc_auc_score(observed[kept], values[kept], sample_weight=weights[kept])


def mean_area(observed: np.ndarray, values: np.ndarray, weights: np.ndarray) -> float:
    areas = [area(*columns, weights) for columns in zip(observed.T, values.T, strict=True)]
    return np.nan if np.isnan(areas).all() else np.nanmean(areas)


def decisions(labels: Any, predicted: Any, probabilities: Any, weights: Any) -> dict[str, Any]:
    """Scores of classes whose probabilities are known."""
    numbers = range(probabilities.shape[1])
    with warnings.catch_warnings(action="ignore"):  # scikit-learn warns of classes that do not occur
        balanced = sklearn.metrics.balanced_accuracy_score(labels, predicted, sample_weight=weights)
    return {
        "accuracy": sklearn.metrics.accuracy_score(labels, predicted, sample_weight=weights),
        "balanced_accuracy": balanced,
        "confusion_matrix": sklearn.metrics.confusion_matrix(labels, predicted, labels=numbers, sample_weight=weights),
        "log_loss": sklearn.metrics.log_loss(labels, probabilities, labels=numbers, sample_weight=weights),
    }


@given(weigh(one_logit()))
def test_weighted_scores_of_one_logit(pair: Weighted) -> None:
    outputs, labels, weights = pair.counted
    predicted, chance = (outputs[:, 0] > 0).astype(int), scipy.special.expit(outputs.astype(float))
    expected = decisions(labels, predicted, np.hstack([1 - chance, chance]), weights)
    averages = ("binary", *AVERAGES)
    expected |= {"auc": area(labels, outputs[:, 0], weights)} | f_scores(labels, predicted, weights, averages)
    assert_equal(pair, expected, averages)


@given(weigh(classes(3)))
def test_weighted_scores_of_classes(pair: Weighted) -> None:
    outputs, labels, weights = pair.counted
    probabilities, predicted = scipy.special.softmax(outputs.astype(float), axis=1), outputs.argmax(1)
    expected = {"auc": mean_area(np.eye(3)[labels], probabilities, weights)}
    expected |= f_scores(labels, predicted, weights, tuple(AVERAGES))
    assert_equal(pair, expected | decisions(labels, predicted, probabilities, weights), tuple(AVERAGES))


@given(weigh(many_labels(3)))
def test_weighted_scores_of_many_labels(pair: Weighted) -> None:
    outputs, labels, weights = pair.counted
    expected = f_scores(labels, (outputs > 0).astype(int), weights, tuple(AVERAGES))
    assert_equal(pair, expected | {"auc": mean_area(labels, outputs, weights)}, tuple(AVERAGES))


@given(weigh(measured(3)))
def test_weighted_scores_of_numbers(pair: Weighted) -> None:
    outputs, targets, weights = pair.counted
    assert_equal(
        pair,
        {"mean_absolute_error": sklearn.metrics.mean_absolute_error(targets, outputs, sample_weight=weights)},
    )
    with warnings.catch_warnings(action="ignore"):  # scikit-learn warns of a single example, and gives NaN
        explained = sklearn.metrics.r2_score(targets, outputs, sample_weight=weights)
    # Rounding is relative to the unexplained share, from which 1 - R² cancels.
    actual = compute(*pair, names=("r_squared",), averages=())["r_squared"]
    np.testing.assert_allclose(1 - actual, 1 - explained, rtol=2e-6, atol=1e-6)


def test_the_weighted_area_of_many_examples_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    """More than 128 examples are sorted; a third of the outputs are equal to others."""
    values, labels, weights = rng.integers(0, 400, 600) / 7, rng.integers(0, 2, 600), rng.random(600).astype("f")
    expected = sklearn.metrics.roc_auc_score(labels, values.astype("f"), sample_weight=weights)
    actual = jax.jit(nn.auc)(values.astype("f"), labels, weights=weights)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


SCORES: list[Callable] = [nn.accuracy, nn.auc, nn.balanced_accuracy, nn.log_loss, nn.f1]


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
def test_weights_of_zero_alone_give_no_number_or_zero(score: Callable) -> None:
    value = score(np.array([1.0, -1.0, 2.0], "f"), np.array([1, 0, 0]), weights=np.zeros(3, "f"))
    assert value == 0 if score is nn.f1 else np.isnan(value)
