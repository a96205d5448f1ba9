"""Splits, folds and minibatches contain every row once."""

import math
from collections import Counter

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import jaxnn as nn
from helpers.errors import error_message

seeds = st.integers(0, 2**31 - 1)
labelled = st.lists(st.integers(0, 3), min_size=2, max_size=40).map(np.array)


@given(seed=seeds, count=st.integers(2, 60), fraction=st.floats(0.01, 0.99))
def test_a_split_is_a_partition_with_the_given_fraction(seed: int, count: int, fraction: float) -> None:
    rows = np.arange(count)
    split = nn.train_test_split(jax.random.key(seed), {"x": rows[:, None] * 2.0, "row": rows}, test=fraction)
    train, test = split.train["row"], split.test["row"]
    assert sorted([*train, *test]) == list(rows)
    assert len(test) == min(max(round(fraction * count), 1), count - 1)
    for part in split:
        np.testing.assert_array_equal(part["x"][:, 0], 2.0 * part["row"])


@given(seed=seeds, labels=labelled, fraction=st.floats(0.05, 0.95))
def test_a_stratified_split_keeps_the_fraction_of_every_class_to_within_one_row(
    seed: int, labels: np.ndarray, fraction: float
) -> None:
    _, test = nn.train_test_split(jax.random.key(seed), labels, test=fraction, stratify=labels)
    exact = len(test) / len(labels)
    for label, count in Counter(labels.tolist()).items():
        assert abs((test == label).sum() - exact * count) < 1


@given(seed=seeds, count=st.integers(2, 50), data=st.data())
def test_folds_are_disjoint_cover_all_rows_and_train_on_equally_many_rows(seed: int, count: int, data) -> None:
    k = data.draw(st.integers(2, count))
    folds = nn.k_folds(jax.random.key(seed), count, k)
    largest = math.ceil(count / k)
    assert folds.train.shape == (k, count - largest)
    assert folds.train_mask is None
    assert folds.validation.shape == folds.mask.shape == (k, largest)
    assert sorted(folds.validation[folds.mask]) == list(range(count))
    for train, validation, mask in zip(*folds[:3], strict=True):
        assert len(set(train)) == len(train)
        assert not set(train) & set(validation)
        # Padding repeats a row of the same fold, and the mask excludes it.
        assert set(validation[~mask]) <= set(validation[mask])
        assert largest - 1 <= mask.sum() <= largest


@given(seed=seeds, labels=labelled, data=st.data())
def test_stratified_folds_have_equal_numbers_of_every_class_to_within_one(seed: int, labels: np.ndarray, data) -> None:
    k = data.draw(st.integers(2, len(labels)))
    folds = nn.k_folds(jax.random.key(seed), len(labels), k, stratify=labels)
    for label in np.unique(labels):
        counts = [(labels[rows[mask]] == label).sum() for rows, mask in zip(*folds[1:3], strict=True)]
        assert max(counts) - min(counts) <= 1


@given(seed=seeds, groups=labelled, data=st.data())
def test_folds_divide_no_group_and_lose_no_row(seed: int, groups: np.ndarray, data) -> None:
    sizes = Counter(groups.tolist())
    if len(sizes) < 2:
        return
    k = data.draw(st.integers(2, len(sizes)))
    folds = nn.k_folds(jax.random.key(seed), len(groups), k, groups=groups.astype(str))
    train_mask = np.ones(folds.train.shape, bool) if folds.train_mask is None else folds.train_mask
    assert sorted(folds.validation[folds.mask]) == list(range(len(groups)))
    for train, own, validation, mask in zip(folds.train, train_mask, folds.validation, folds.mask, strict=True):
        assert sorted([*train[own], *validation[mask]]) == list(range(len(groups)))
        assert not set(groups[train]) & set(groups[validation])
    # No fold is larger than the smallest by more than its last group.
    rows = folds.mask.sum(axis=1)
    assert rows.max() - rows.min() <= max(sizes.values())


def test_groups_of_one_size_fall_into_other_folds_with_another_key() -> None:
    groups = np.arange(40) // 4
    divisions = {
        frozenset(
            frozenset(groups[rows].tolist()) for rows in nn.k_folds(jax.random.key(seed), 40, 5, groups=groups)[1]
        )
        for seed in range(5)
    }
    assert len(divisions) == 5
    assert {len(part) for division in divisions for part in division} == {2}


def test_splits_and_folds_depend_on_their_key() -> None:
    def draw(seed: int) -> list[np.ndarray]:
        key = jax.random.key(seed)
        return [*nn.train_test_split(key, np.arange(30)), *nn.k_folds(key, 30, 4)]

    for first, again in zip(draw(0), draw(0), strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(draw(0)[1], draw(1)[1])
    assert not np.array_equal(draw(0)[3], draw(1)[3])


@given(seed=seeds, count=st.integers(1, 12), data=st.data())
def test_minibatches_visit_every_row_once_and_pad_the_last_batch_with_other_rows(seed: int, count: int, data) -> None:
    batch_size = data.draw(st.integers(1, count))
    rows, mask = nn.minibatches(jax.random.key(seed), count, batch_size)
    steps = math.ceil(count / batch_size)
    assert rows.shape == (steps, batch_size)
    assert (mask is None) == (count % batch_size == 0)
    mask = np.ones(rows.shape, bool) if mask is None else np.asarray(mask)
    assert sorted(np.asarray(rows)[mask]) == list(range(count))
    assert set(np.asarray(rows).ravel()) == set(range(count))
    # Only the last batch has padding, and it has at least one row that counts.
    assert mask[:-1].all()
    assert mask[-1].any()
    # No batch contains a row twice.
    assert all(len(set(batch)) == batch_size for batch in np.asarray(rows))


@pytest.mark.parametrize(("count", "steps"), [(7, 2), (6, 2), (3, 1)])
def test_dropping_the_last_minibatch_leaves_the_full_ones_as_they_are(count: int, steps: int) -> None:
    rows, mask = nn.minibatches(jax.random.key(0), count, 3, drop_last=True)
    assert (rows.shape, mask) == ((steps, 3), None)
    np.testing.assert_array_equal(rows, nn.minibatches(jax.random.key(0), count, 3)[0][:steps])


def test_minibatches_have_another_order_for_another_key() -> None:
    orders = jax.vmap(lambda key: nn.minibatches(key, 12, 4)[0].ravel())(jax.random.split(jax.random.key(0), 20))
    assert len({order.tobytes() for order in np.asarray(orders)}) == 20
    # Over 20 epochs, each row is in the first batch about as often as in the others.
    first = Counter(np.asarray(orders)[:, :4].ravel().tolist())
    assert max(first.values()) <= 15
    assert len(first) == 12


@pytest.mark.parametrize("count", [4, 300], ids=["one round of sorting", "two rounds"])
def test_every_row_is_equally_likely_at_every_position(count: int) -> None:
    keys = jax.random.split(jax.random.key(0), 100 * count)
    orders = jax.jit(jax.vmap(lambda key: nn.minibatches(key, count, 1)[0].ravel()))(keys)
    positions = np.argsort(orders, axis=1)
    for row in (0, 1, count - 1):
        assert scipy.stats.chisquare(np.bincount(positions[:, row], minlength=count)).pvalue > 1e-3
    before = (positions[:, 0] < positions[:, 1]).sum()
    assert scipy.stats.binomtest(int(before), len(keys)).pvalue > 1e-3


@pytest.mark.parametrize("count", [1, 2, 1 << 16, (1 << 20) + 1])
def test_an_order_of_any_length_contains_every_row_once(count: int) -> None:
    rows, _ = nn.minibatches(jax.random.key(1), count, count)
    np.testing.assert_array_equal(np.sort(np.asarray(rows).ravel()), np.arange(count))


@pytest.mark.parametrize(
    ("call", "message"),
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
            "train_test_split: stratify must have shape (10,), one label per row, not (9,)",
        ),
        (lambda: nn.k_folds(jax.random.key(0), 10, 11), "k_folds: k must be at most the number of rows, 10, not 11"),
        (lambda: nn.k_folds(jax.random.key(0), 10, 1), "k_folds: k must be at least 2, not 1"),
        (
            lambda: nn.k_folds(jax.random.key(0), 10, 2, stratify=np.ones((10, 1))),
            "k_folds: stratify must have shape (10,), one label per row, not (10, 1)",
        ),
    ],
)
def test_bad_input_raises_an_error_with_the_rule_and_the_value(call, message: str, as_installed: None) -> None:
    assert error_message(ValueError, call) == message
