"""shuffled_batches: every example once an epoch, in an order of the key and the epoch, also from files."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn


@pytest.fixture
def rows():
    return np.arange(28).reshape(14, 2).astype("f"), {"number": np.arange(14)}


def numbers(batches, epoch):
    return [targets["number"].tolist() for _, targets in batches(epoch)]


def test_every_example_comes_once_with_its_targets(rows) -> None:
    batches = nn.shuffled_batches(jax.random.key(0), rows, 4)
    given = list(batches(0))
    assert [len(x) for x, _ in given] == [4, 4, 4, 2]
    assert len(batches) == 4
    assert sorted(number for batch in numbers(batches, 0) for number in batch) == list(range(14))
    assert all((x[:, 0] == 2 * targets["number"]).all() for x, targets in given)


def test_the_order_depends_on_key_and_epoch_alone(rows) -> None:
    first, again, other = (nn.shuffled_batches(jax.random.key(seed), rows, 4) for seed in (0, 0, 1))
    assert numbers(first, 3) == numbers(again, 3)
    assert numbers(first, 3) != numbers(first, 4)
    assert numbers(first, 3) != numbers(other, 3)


def test_an_epoch_is_a_whole_number_from_0(rows) -> None:
    with pytest.raises(ValueError, match="shuffled_batches: epoch must be at least 0, not -1"):
        list(nn.shuffled_batches(jax.random.key(0), rows, 4)(-1))


def test_the_last_batch_may_be_left_out(rows) -> None:
    batches = nn.shuffled_batches(jax.random.key(0), rows, 4, drop_last=True)
    assert [len(x) for x, _ in batches(0)] == [4, 4, 4]
    assert len(batches) == 3


def test_a_file_is_trained_on_in_its_place(tmp_path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 2)))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    batches = nn.shuffled_batches(jax.random.key(0), (x, x[:, :1] - x[:, 1:]), 8)
    recipe = nn.Recipe(nn.mlp([2, 1]), nn.squared_error, lambda steps: optax.adam(optax.linear_schedule(0.2, 0, steps)))
    trained = nn.train(recipe, batches, key=jax.random.key(0), epochs=20, progress=False)
    np.testing.assert_allclose(trained.params["output"].weight, [[1], [-1]], atol=0.01)
