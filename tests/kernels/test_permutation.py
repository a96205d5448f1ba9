"""Permutations of several lengths in one program: each is the one that its own length draws."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxnn._kernels.permutation import permute, permute_one_of
from jaxnn.batches import FoldRows, fold_minibatches, minibatches

seeds = st.integers(0, 2**31 - 1)
# Counts around powers of two have other numbers of index bits; two rounds of sorting begin at 257 rows.
COUNTS = (300, *range(1, 18), 31, 32, 33, 127, 128, 129, 256, 257)
draw_all = jax.jit(jax.vmap(lambda seed, which: permute_one_of(jax.random.key(seed), COUNTS, which), (None, 0)))
draw_alone = [jax.jit(lambda seed, count=count: permute(jax.random.key(seed), count)) for count in COUNTS]


@given(seed=seeds)
def test_each_order_is_the_permutation_of_its_own_count(seed: int) -> None:
    orders = np.asarray(draw_all(seed, np.arange(len(COUNTS))))
    for order, count, draw in zip(orders, COUNTS, draw_alone, strict=True):
        np.testing.assert_array_equal(order[:count], draw(seed))
        assert ((order >= 0) & (order < max(COUNTS))).all()


@pytest.mark.parametrize(
    "counts", [(5_000, 70_000, 300, 8_191), (9, 1 << 18, (1 << 18) + 1)], ids=["one to four rounds", "too many rows"]
)
def test_large_counts_and_those_that_jax_permutes(counts: tuple[int, ...]) -> None:
    draw = jax.jit(lambda which: permute_one_of(jax.random.key(3), counts, which))
    for which, count in enumerate(counts):
        np.testing.assert_array_equal(draw(which)[:count], permute(jax.random.key(3), count))


def test_draws_that_depend_on_the_length_are_made_for_each_length() -> None:
    with jax.threefry_partitionable(False):
        draw = jax.jit(jax.vmap(lambda which: permute_one_of(jax.random.key(0), (7, 12), which)))
        orders = draw(np.arange(2))
        for order, count in zip(orders, (7, 12), strict=True):
            np.testing.assert_array_equal(order[:count], permute(jax.random.key(0), count))


@pytest.mark.parametrize("batch_size", [1, 5, 8])
def test_minibatches_of_a_fold_are_those_of_its_rows_and_then_empty(batch_size: int) -> None:
    counts = 30, 17, 8, 24
    draw = jax.jit(lambda key, fold: fold_minibatches(FoldRows(counts, fold), key, batch_size))
    for fold, count in enumerate(counts):
        rows, mask = draw(jax.random.key(fold), fold)
        expected, expected_mask = minibatches(jax.random.key(fold), count, batch_size)
        steps = len(expected)
        np.testing.assert_array_equal(rows[:steps], expected)
        np.testing.assert_array_equal(mask[:steps], True if expected_mask is None else expected_mask)
        assert not mask[steps:].any()
        assert rows.max() < count


def test_a_fold_drops_its_own_last_minibatch() -> None:
    counts = 17, 8, 12
    for fold, count in enumerate(counts):
        rows, mask = fold_minibatches(FoldRows(counts, jax.numpy.array(fold)), jax.random.key(fold), 5, drop_last=True)
        expected, _ = minibatches(jax.random.key(fold), count, 5, drop_last=True)
        np.testing.assert_array_equal(rows[: len(expected)], expected)
        np.testing.assert_array_equal(mask, (np.arange(3) < len(expected))[:, None] & np.ones((3, 5), bool))
