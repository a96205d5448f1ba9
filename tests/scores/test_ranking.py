"""The area under the ROC curve where floats round, at the ends of their range, and for outputs that know nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn

auc = jax.jit(nn.auc)


def test_logits_whose_softmax_rounds_to_1_are_still_ranked() -> None:
    """The softmax of all is 1 in float32; of the first class the two labelled 0 have the largest odds."""
    logits = jnp.array([[30.0, 0.0, 0.0], [40.0, 0.0, 0.0], [25.0, 0.0, 0.0], [20.0, 0.0, 0.0]])
    labels = jnp.array([0, 0, 1, 2])
    # Against the rest: 1 for class 0, 2/3 and 1 for the others, whose odds have the opposite order.
    np.testing.assert_allclose(auc(logits, labels), (1 + 2 / 3 + 1) / 3, rtol=1e-6)


def test_outputs_that_are_all_equal_have_the_area_one_half() -> None:
    assert float(auc(np.zeros(6, "f"), np.array([0, 1, 1, 0, 1, 0]))) == 0.5


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.finfo("f").max])
def test_infinite_outputs_are_ranked_as_the_largest_and_the_smallest(value: float) -> None:
    """The odd one is an example of class 1; a masked example of class 0 has the same value."""
    outputs, labels = np.array([value, 0, 1, value], "f"), np.array([1, 0, 0, 0])
    where = np.array([True, True, True, False])
    assert float(auc(outputs, labels, where=where)) == float(value > 0)
    assert float(auc(outputs, labels)) == pytest.approx((0.5 + 2 * (value > 0)) / 3)


def test_nan_gives_nan_where_it_counts() -> None:
    outputs, labels = np.array([np.nan, 0, 1], "f"), np.array([1, 0, 1])
    assert np.isnan(auc(outputs, labels))
    assert float(auc(outputs, labels, where=np.array([False, True, True]))) == 1


def test_one_class_alone_has_no_area() -> None:
    assert np.isnan(auc(np.array([0.0, 1.0], "f"), np.array([1, 1])))
