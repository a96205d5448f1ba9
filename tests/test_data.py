"""Splits, folds and minibatches deal out every row once; scaling equals scikit-learn's."""

import math
from collections import Counter

import jax
import numpy as np
import pytest
import scipy.stats
import sklearn.preprocessing
from hypothesis import given
from hypothesis import strategies as st

import jaxnn as nn
from conftest import words_of

seeds = st.integers(0, 2**31 - 1)
labelled = st.lists(st.integers(0, 3), min_size=2, max_size=40).map(np.array)


@given(seed=seeds, count=st.integers(2, 60), share=st.floats(0.01, 0.99))
def test_a_split_is_a_partition_with_the_share_put_aside(seed: int, count: int, share: float) -> None:
    rows = np.arange(count)
    split = nn.train_test_split(jax.random.key(seed), {"x": rows[:, None] * 2.0, "row": rows}, test=share)
    train, test = split.train["row"], split.test["row"]
    assert sorted([*train, *test]) == list(rows)
    assert len(test) == min(max(round(share * count), 1), count - 1)
    for part in split:
        np.testing.assert_array_equal(part["x"][:, 0], 2.0 * part["row"])


@given(seed=seeds, labels=labelled, share=st.floats(0.05, 0.95))
def test_a_stratified_split_keeps_the_share_of_every_class_within_one_row(
    seed: int, labels: np.ndarray, share: float
) -> None:
    _, test = nn.train_test_split(jax.random.key(seed), labels, test=share, stratify=labels)
    exact = len(test) / len(labels)
    for label, found in Counter(labels.tolist()).items():
        assert abs((test == label).sum() - exact * found) < 1


@given(seed=seeds, count=st.integers(2, 50), data=st.data())
def test_folds_are_disjoint_cover_all_rows_and_train_on_one_number_of_rows(seed: int, count: int, data) -> None:
    k = data.draw(st.integers(2, count))
    folds = nn.k_folds(jax.random.key(seed), count, k)
    largest = math.ceil(count / k)
    assert folds.train.shape == (k, count - largest)
    assert folds.validation.shape == folds.counts.shape == (k, largest)
    assert sorted(folds.validation[folds.counts]) == list(range(count))
    for train, validation, counts in zip(*folds, strict=True):
        assert len(set(train)) == len(train)
        assert not set(train) & set(validation)
        # A filling repeats a real row of the fold's own, under the mask.
        assert set(validation[~counts]) <= set(validation[counts])
        assert largest - 1 <= counts.sum() <= largest


@given(seed=seeds, labels=labelled, data=st.data())
def test_stratified_folds_hold_every_class_within_one_row_of_each_other(seed: int, labels: np.ndarray, data) -> None:
    k = data.draw(st.integers(2, len(labels)))
    folds = nn.k_folds(jax.random.key(seed), len(labels), k, stratify=labels)
    for label in np.unique(labels):
        found = [(labels[rows[counts]] == label).sum() for rows, counts in zip(*folds[1:], strict=True)]
        assert max(found) - min(found) <= 1


def test_splits_and_folds_follow_their_key() -> None:
    def drawn(seed: int) -> list[np.ndarray]:
        key = jax.random.key(seed)
        return [*nn.train_test_split(key, np.arange(30)), *nn.k_folds(key, 30, 4)]

    for first, again in zip(drawn(0), drawn(0), strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(drawn(0)[1], drawn(1)[1])
    assert not np.array_equal(drawn(0)[3], drawn(1)[3])


@given(seed=seeds, count=st.integers(1, 12), data=st.data())
def test_minibatches_visit_every_row_once_and_fill_the_last_one_with_real_rows(seed: int, count: int, data) -> None:
    batch_size = data.draw(st.integers(1, count))
    rows, counts = nn.minibatches(jax.random.key(seed), count, batch_size)
    steps = math.ceil(count / batch_size)
    assert rows.shape == (steps, batch_size)
    assert (counts is None) == (count % batch_size == 0)
    counted = np.ones(rows.shape, bool) if counts is None else np.asarray(counts)
    assert sorted(np.asarray(rows)[counted]) == list(range(count))
    assert set(np.asarray(rows).ravel()) == set(range(count))
    # Every batch but the last is full of rows that count, and the last has at least one.
    assert counted[:-1].all()
    assert counted[-1].any()
    # No batch shows a row twice while others wait.
    assert all(len(set(batch)) == batch_size for batch in np.asarray(rows))


def test_minibatches_come_in_another_order_for_another_key() -> None:
    orders = jax.vmap(lambda key: nn.minibatches(key, 12, 4)[0].ravel())(jax.random.split(jax.random.key(0), 20))
    assert len({order.tobytes() for order in np.asarray(orders)}) == 20
    # Over 20 epochs each row stands in the first batch about as often as in the others.
    first = Counter(np.asarray(orders)[:, :4].ravel().tolist())
    assert max(first.values()) <= 15
    assert len(first) == 12


@pytest.mark.parametrize("count", [4, 300], ids=["one round of sorting", "two rounds"])
def test_every_row_is_as_likely_to_stand_in_every_place(count: int) -> None:
    keys = jax.random.split(jax.random.key(0), 100 * count)
    orders = jax.jit(jax.vmap(lambda key: nn.minibatches(key, count, 1)[0].ravel()))(keys)
    places = np.argsort(orders, axis=1)
    for row in (0, 1, count - 1):
        assert scipy.stats.chisquare(np.bincount(places[:, row], minlength=count)).pvalue > 1e-3
    before = (places[:, 0] < places[:, 1]).sum()
    assert scipy.stats.binomtest(int(before), len(keys)).pvalue > 1e-3


@pytest.mark.parametrize("count", [1, 2, 1 << 16, (1 << 20) + 1])
def test_an_order_of_any_length_holds_every_row(count: int) -> None:
    rows, _ = nn.minibatches(jax.random.key(1), count, count)
    np.testing.assert_array_equal(np.sort(np.asarray(rows).ravel()), np.arange(count))


SCALERS = {
    "standard": (nn.standard_scaling, sklearn.preprocessing.StandardScaler),
    "min-max": (nn.min_max_scaling, sklearn.preprocessing.MinMaxScaler),
}


@pytest.mark.parametrize("name", SCALERS)
def test_scaling_equals_that_of_scikit_learn_with_a_constant_feature(
    name: str, rng: np.random.Generator, x64: None
) -> None:
    fit, reference = SCALERS[name]
    train, test = rng.normal(3, 5, (20, 4)), rng.normal(3, 5, (7, 4))
    train[:, 2], test[:, 2] = 1.5, 2.0
    theirs = reference().fit(train)
    for x in (train, test):
        np.testing.assert_allclose(nn.scale(fit(train), x), theirs.transform(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("constant", [0.1, 1e6 + 0.1, -3.3])
@pytest.mark.parametrize("name", SCALERS)
def test_a_constant_feature_is_left_in_its_units_whatever_it_is(name: str, constant: float) -> None:
    """Rounding gives the mean of a constant column a little spread: dividing by that would blow it up."""
    fit, _ = SCALERS[name]
    x = np.full((150, 1), constant, "f")
    scaling = fit(x)
    np.testing.assert_allclose(nn.scale(scaling, x), np.zeros((150, 1)), atol=1e-6 * abs(constant))
    np.testing.assert_allclose(nn.scale(scaling, x + 1), np.ones((150, 1)), rtol=0.2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: nn.train_test_split(jax.random.key(0), np.ones(10), test=0.0),
            "train_test_split: test must lie in (0, 1) and leave a row on both sides, not 0.0 of 10 rows",
        ),
        (
            lambda: nn.train_test_split(jax.random.key(0), np.ones(10), test=1.0),
            "train_test_split: test must lie in (0, 1) and leave a row on both sides, not 1.0 of 10 rows",
        ),
        (
            lambda: nn.train_test_split(jax.random.key(0), np.ones(1)),
            "train_test_split: test must lie in (0, 1) and leave a row on both sides, not 0.2 of 1 rows",
        ),
        (
            lambda: nn.train_test_split(jax.random.key(0), np.ones(10), stratify=np.ones(9)),
            "train_test_split: stratify must have shape (10,), one label a row, not (9,)",
        ),
        (lambda: nn.k_folds(jax.random.key(0), 10, 11), "k_folds: k must be at most the number of rows, 10, not 11"),
        (lambda: nn.k_folds(jax.random.key(0), 10, 1), "k_folds: k must be at least 2, not 1"),
        (
            lambda: nn.k_folds(jax.random.key(0), 10, 2, stratify=np.ones((10, 1))),
            "k_folds: stratify must have shape (10,), one label a row, not (10, 1)",
        ),
        (
            lambda: nn.scale(nn.Scaling(np.zeros(3), np.ones(3)), np.ones((5, 4))),
            "scale: x (5, 4) has 4 features, but the scaling 3",
        ),
        (
            lambda: nn.standard_scaling(np.array([[1.0], [np.inf]])),
            "standard_scaling: x must be finite, but row 1, column 0 holds inf",
        ),
        (lambda: nn.min_max_scaling(np.ones((0, 3))), "min_max_scaling: the data set is empty: its arrays have 0 rows"),
    ],
)
def test_a_mistake_is_named(call, words: str, as_installed: None) -> None:
    assert words_of(ValueError, call) == words


@pytest.mark.parametrize("name", SCALERS)
def test_whole_numbers_are_scaled_as_floats(name: str) -> None:
    x = np.array([[0, 5], [1, 1], [7, 0]])
    fit, reference = SCALERS[name]
    np.testing.assert_allclose(nn.scale(fit(x), x), reference().fit_transform(x), rtol=1e-6)
