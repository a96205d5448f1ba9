"""The area under the ROC curve where floats round, at the ends of their range, and for outputs that know nothing."""

import jax
import numpy as np
import pytest
import sklearn.metrics

import jaxnn as nn

# All pairs of few examples are compared, and many are sorted. Repeating each example changes no area.
both_ways = pytest.mark.parametrize("repeats", [1, 100], ids=["few", "many"])


@jax.jit
def auc(outputs, labels, where=None):
    return nn.auc(outputs, labels, where=where)


def repeat(repeats: int, *arrays: np.ndarray) -> list[np.ndarray]:
    return [np.tile(array, (repeats, *[1] * (array.ndim - 1))) for array in arrays]


@both_ways
def test_logits_whose_softmax_rounds_to_1_are_still_ranked(repeats: int) -> None:
    """The softmax of all is 1 in float32; of the first class the two labelled 0 have the largest odds."""
    logits = np.array([[30.0, 0.0, 0.0], [40.0, 0.0, 0.0], [25.0, 0.0, 0.0], [20.0, 0.0, 0.0]], "f")
    logits, labels = repeat(repeats, logits, np.array([0, 0, 1, 2]))
    # Against the rest: 1 for class 0, 2/3 and 1 for the others, whose odds have the opposite order.
    np.testing.assert_allclose(auc(logits, labels), (1 + 2 / 3 + 1) / 3, rtol=1e-6)


@both_ways
def test_outputs_that_are_all_equal_have_the_area_one_half(repeats: int) -> None:
    assert float(auc(*repeat(repeats, np.zeros(6, "f"), np.array([0, 1, 1, 0, 1, 0])))) == 0.5


@both_ways
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.finfo("f").max])
def test_infinite_outputs_are_ranked_as_the_largest_and_the_smallest(value: float, repeats: int) -> None:
    """The odd one is an example of class 1; a masked example of class 0 has the same value."""
    outputs, labels = repeat(repeats, np.array([value, 0, 1, value], "f"), np.array([1, 0, 0, 0]))
    (where,) = repeat(repeats, np.array([True, True, True, False]))
    assert float(auc(outputs, labels, where)) == float(value > 0)
    assert float(auc(outputs, labels)) == pytest.approx((0.5 + 2 * (value > 0)) / 3)


@both_ways
def test_nan_gives_nan_where_it_counts(repeats: int) -> None:
    outputs, labels = repeat(repeats, np.array([np.nan, 0, 1], "f"), np.array([1, 0, 1]))
    (where,) = repeat(repeats, np.array([False, True, True]))
    assert np.isnan(auc(outputs, labels))
    assert float(auc(outputs, labels, where)) == 1


@both_ways
def test_one_class_alone_has_no_area(repeats: int) -> None:
    assert np.isnan(auc(*repeat(repeats, np.array([0.0, 1.0], "f"), np.array([1, 1]))))


@pytest.mark.parametrize("rows", [100, 300])
def test_the_area_of_rounded_numbers_is_that_of_scikit_learn(rows: int, rng: np.random.Generator) -> None:
    """Rounded numbers have ties."""
    outputs, labels = rng.normal(size=rows).round(1).astype("f"), rng.integers(0, 2, rows)
    where = rng.random(rows) < 0.8
    expected = sklearn.metrics.roc_auc_score(labels[where], outputs[where])
    np.testing.assert_allclose(auc(outputs, labels, where), expected, rtol=1e-6)
