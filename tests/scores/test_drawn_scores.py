"""Scores equal scikit-learn's on drawn outputs: with ties, classes that do not occur and rows that do not count."""

import functools
import warnings

import jax
import numpy as np
import scipy.special
import sklearn.metrics
from hypothesis import given

import jaxnn as nn
from helpers.drawn_outputs import Drawn, classes, many_labels, measured, one_logit

AVERAGES = ["macro", "micro", "weighted"]
REFERENCES = {
    "f1": sklearn.metrics.f1_score,
    "precision": sklearn.metrics.precision_score,
    "recall": sklearn.metrics.recall_score,
}


@functools.partial(jax.jit, static_argnames=("names", "averages"))
def compute(outputs, labels, where, *, names: tuple[str, ...], averages: tuple[str, ...] = ()) -> dict[str, jax.Array]:
    """Computes scores by name, and F1, precision and recall with averages, in one program."""
    values = {name: getattr(nn, name)(outputs, labels, where=where) for name in names}
    for name in REFERENCES:
        for average in averages:
            values[f"{name} {average}"] = getattr(nn, name)(outputs, labels, average=average, where=where)
    return values


def averaged(labels: np.ndarray, predicted: np.ndarray, averages: list[str]) -> dict[str, float]:
    """Computes F1, precision and recall by scikit-learn."""
    return {
        f"{name} {average}": reference(labels, predicted, average=average, zero_division=0)
        for name, reference in REFERENCES.items()
        for average in averages
    }


def assert_equal(drawn: Drawn, expected: dict[str, float], averages: list[str]) -> None:
    names = tuple(name for name in expected if " " not in name)
    actual = compute(*drawn, names=names, averages=tuple(averages))
    assert set(actual) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=2e-6, atol=1e-7, err_msg=name)


def balanced(labels: np.ndarray, predicted: np.ndarray) -> float:
    # scikit-learn warns of classes that do not occur.
    with warnings.catch_warnings(action="ignore"):
        return sklearn.metrics.balanced_accuracy_score(labels, predicted)


def area(observed: np.ndarray, values: np.ndarray) -> float:
    """The area by scikit-learn, and NaN where it has none."""
    one_kind = len(set(observed.tolist())) == 1
    return np.nan if one_kind else sklearn.metrics.roc_auc_score(observed, values)


def mean_area(observed: np.ndarray, values: np.ndarray) -> float:
    areas = [area(*column) for column in zip(observed.T, values.T, strict=True)]
    return np.nan if np.isnan(areas).all() else np.nanmean(areas)


@given(one_logit())
def test_scores_of_one_logit(drawn: Drawn) -> None:
    outputs, labels = drawn.counted
    predicted = (outputs[:, 0] > 0).astype(int)
    expected = {
        "auc": area(labels, outputs[:, 0]),
        "accuracy": sklearn.metrics.accuracy_score(labels, predicted),
        "balanced_accuracy": balanced(labels, predicted),
        "confusion_matrix": sklearn.metrics.confusion_matrix(labels, predicted, labels=[0, 1]),
        "log_loss": sklearn.metrics.log_loss(labels, scipy.special.expit(outputs[:, 0].astype(float)), labels=[0, 1]),
    }
    averages = ["binary", *AVERAGES]
    assert_equal(drawn, expected | averaged(labels, predicted, averages), averages)


@given(classes(3))
def test_scores_of_classes(drawn: Drawn) -> None:
    outputs, labels = drawn.counted
    probabilities, predicted = scipy.special.softmax(outputs.astype(float), axis=1), outputs.argmax(1)
    expected = {
        "auc": mean_area(np.eye(3)[labels], probabilities),
        "accuracy": sklearn.metrics.accuracy_score(labels, predicted),
        "balanced_accuracy": balanced(labels, predicted),
        "log_loss": sklearn.metrics.log_loss(labels, probabilities, labels=range(3)),
    }
    assert_equal(drawn, expected | averaged(labels, predicted, AVERAGES), AVERAGES)


@given(classes(2))
def test_scores_of_two_classes(drawn: Drawn) -> None:
    outputs, labels = drawn.counted
    expected = {"auc": area(labels, outputs[:, 1] - outputs[:, 0])}
    assert_equal(drawn, expected | averaged(labels, outputs.argmax(1), ["binary"]), ["binary"])


@given(many_labels(3))
def test_scores_of_many_labels(drawn: Drawn) -> None:
    outputs, labels = drawn.counted
    expected = averaged(labels, (outputs > 0).astype(int), AVERAGES)
    assert_equal(drawn, expected | {"auc": mean_area(labels, outputs)}, AVERAGES)


@given(many_labels(2))
def test_mean_absolute_error_of_several_outputs(drawn: Drawn) -> None:
    outputs, targets = drawn.counted
    assert_equal(drawn, {"mean_absolute_error": sklearn.metrics.mean_absolute_error(targets, outputs)}, [])


def explained(targets: np.ndarray, outputs: np.ndarray) -> float:
    # scikit-learn warns of a single example, and gives NaN.
    with warnings.catch_warnings(action="ignore"):
        return sklearn.metrics.r2_score(targets, outputs)


@given(measured(3))
def test_r_squared_of_several_outputs(drawn: Drawn) -> None:
    outputs, targets = drawn.counted
    # Rounding is relative to the unexplained share, from which 1 - R² cancels.
    actual = compute(*drawn, names=("r_squared",))["r_squared"]
    np.testing.assert_allclose(1 - actual, 1 - explained(targets, outputs), rtol=2e-6, atol=1e-7)


def test_the_area_of_all_classes_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    logits, labels = 3 * rng.normal(size=(200, 4)), rng.integers(0, 4, 200)
    probabilities = scipy.special.softmax(logits, axis=1)
    expected = sklearn.metrics.roc_auc_score(labels, probabilities, multi_class="ovr")
    np.testing.assert_allclose(jax.jit(nn.auc)(logits, labels), expected, rtol=1e-6)


def test_scores_map_over_lanes_with_masks_of_their_own(rng: np.random.Generator) -> None:
    logits, labels = rng.normal(size=(3, 20, 2)).astype("f"), rng.integers(0, 2, 20)
    masks = rng.random((3, 20)) < 0.7
    names = "auc", "f1", "balanced_accuracy", "log_loss"
    mapped = jax.vmap(functools.partial(compute, names=names), in_axes=(0, None, 0))(logits, labels, masks)
    for lane in range(3):
        alone = compute(logits[lane], labels, masks[lane], names=names)
        for name in names:
            np.testing.assert_allclose(mapped[name][lane], alone[name], rtol=2e-6)
