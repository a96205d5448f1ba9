"""train on batches that stream: the steps of arrays, for every kind of iterable."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import InjectedError, assert_same_bits
from helpers.running_mean import draw_batches, hidden_model

pytestmark = pytest.mark.optimized(older_code=True)

X = np.random.default_rng(0).normal(size=(18, 2)).astype("f")
ROWS = X, np.sin(X.sum(axis=1, keepdims=True))
VALIDATION = X[::2] + 0.1, np.sin(X[::2].sum(axis=1, keepdims=True))
RECIPE = nn.Recipe(nn.mlp([2, 4, 1], dropout=0.2), nn.squared_error, optax.adam(0.05))
STATE = nn.init_training(RECIPE, jax.random.key(0))


def batches(epoch, batch_size=5, rows=ROWS):
    """Returns the minibatches that `fit` draws in an epoch; 18 rows leave a last one of 3."""
    return draw_batches(STATE.key, rows, epoch, batch_size)


def train(data, recipe=RECIPE, **options):
    return nn.train(recipe, data, **({"key": jax.random.key(0), "epochs": 4, "progress": False} | options))


def assert_same(result, expected):
    assert_same_bits(result._replace(diverged=0), expected._replace(diverged=0))


class Loader:
    """An iterable that starts anew each time, and gives lists of what NumPy converts, as PyTorch's loaders do."""

    class Tensor:
        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self.array, dtype)

    def __init__(self, given):
        self.given = given

    def __len__(self):
        return len(self.given)

    def __iter__(self):
        return ([self.Tensor(part) for part in batch] for batch in self.given)


@pytest.fixture(scope="module")
def streamed():
    """An uninterrupted training of 4 epochs of a function of the epoch, with a validation part."""
    return train(batches, validation=VALIDATION)


@pytest.mark.parametrize("batch_size", [5, 6])
def test_the_minibatches_of_fit_give_the_same_parameters(batch_size) -> None:
    recipe = RECIPE._replace(batch_size=batch_size)
    streamed = train(lambda epoch: batches(epoch, batch_size), recipe)
    fitted = jax.jit(lambda key: nn.fit(recipe, ROWS, key=key, epochs=4))(jax.random.key(0))
    for expected in (train(ROWS, recipe), fitted):
        np.testing.assert_allclose(streamed.losses, expected.losses, rtol=1e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), streamed[0], expected[0])


def test_every_option_of_a_recipe_works_as_with_arrays() -> None:
    recipe = nn.Recipe(
        hidden_model(3), nn.squared_error, lambda steps: optax.sgd(optax.linear_schedule(0.1, 0.0, steps)),
        reduction=jnp.sum, ema=0.9, penalty=lambda params: 0.01 * jnp.square(params["hidden"].weight).sum(),
        augment=lambda key, x: x + 0.1 * jax.random.normal(key, (x.size,)).reshape(x.shape), batch_size=5,
    )  # fmt: skip
    options = {"validation": VALIDATION, "stop": nn.no_improvement(2), "epochs": 6}
    result, expected = train(batches, recipe, steps=4, **options), train(ROWS, recipe, **options)
    assert result.state.params["steps"].value == 4 * result.epochs
    for name in ("losses", "scores", "validation_losses"):
        np.testing.assert_allclose(getattr(result, name), getattr(expected, name), rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), result.params, expected.params)


def test_a_smaller_last_batch_does_not_compile_again(compilations, streamed) -> None:
    del streamed
    train(lambda epoch: batches(epoch, 5), validation=VALIDATION)
    with compilations() as compiled:
        train(lambda epoch: batches(epoch, 5)[::-1][1:], validation=VALIDATION)
        train(batches, validation=VALIDATION)
    assert len([name for name in compiled if "reduce" not in name]) <= 1, compiled


def test_drop_last_leaves_smaller_batches_out() -> None:
    recipe = RECIPE._replace(drop_last=True)
    assert_same(train(batches, recipe), train(lambda epoch: batches(epoch)[:-1]))


def test_a_generator_is_read_on_from_epoch_to_epoch(streamed) -> None:
    taken = []

    def endless():
        for epoch in range(1000):
            for batch in batches(epoch):
                taken.append(epoch)
                yield batch

    assert_same(train(endless(), steps=4, validation=VALIDATION), streamed)
    assert len(taken) == 16


def test_a_generator_function_without_an_argument_is_called_for_each_epoch() -> None:
    assert_same(train(lambda: iter(batches(0))), train(lambda epoch: batches(0)))


def test_an_iterable_starts_anew_for_each_epoch() -> None:
    expected = train(lambda epoch: batches(0))
    assert_same(train(batches(0)), expected)
    assert_same(train(Loader(batches(0))), expected)
    assert_same(train(list(Loader(batches(0)))), expected)
    assert_same(train(Loader(batches(0)), steps=2), train(lambda epoch: batches(0)[:2]))


def test_a_loader_may_reuse_its_memory(streamed) -> None:
    memory = tuple(np.empty((5, *leaf.shape[1:]), leaf.dtype) for leaf in ROWS)

    def overwrite(epoch):
        for batch in batches(epoch):
            count = len(batch[0])
            for part, own in zip(batch, memory, strict=True):
                own[:] = np.nan
                own[:count] = part
            yield tuple(own[:count] for own in memory)
        for own in memory:
            own[:] = np.nan

    assert_same(train(overwrite, validation=VALIDATION), streamed)


def test_how_many_batches_have_been_read_meanwhile_changes_no_bit(streamed) -> None:
    def wait(epoch):
        for batch in batches(epoch):
            time.sleep(0.03)
            yield batch

    assert_same(train(wait, validation=VALIDATION), streamed)


def test_targets_beyond_those_of_the_first_batch_are_checked_too(as_installed) -> None:
    recipe = RECIPE._replace(model=nn.mlp([2, 3]), loss=nn.cross_entropy)
    labels = [np.zeros(5, int), np.ones(5, int), np.array([2, 2, 2, 1, 0]), np.array([1, 2, 0, 3, 0])]
    good = [(X[:5], each) for each in labels[:3]]
    assert train(good, recipe, epochs=1).epochs == 1
    with pytest.raises(ValueError, match=r"train: batch 4 of epoch 1: cross_entropy: .* row 3 holds 3"):
        train([*good, (X[:5], labels[3])], recipe)


def test_batches_are_named_where_they_differ_or_end_early(as_installed) -> None:
    late = [*batches(0)[:3], (X[:5, :1], ROWS[1][:5])]
    with pytest.raises(ValueError, match=r"train: batch 4 of epoch 1: x must be float32 of shape \('rows', 2\)"):
        train(late)
    with pytest.raises(ValueError, match="the batches of epoch 2 ended after 2, fewer than steps=4"):
        train(iter([*batches(0), *batches(1)[:2]]), steps=4)
    with pytest.raises(ValueError, match="the batches of epoch 2 ended after 0"):
        train(lambda epoch: batches(0) if epoch == 0 else [])


def test_training_goes_on_from_a_state(streamed) -> None:
    half = train(batches, validation=VALIDATION, epochs=2)
    whole = train(batches, validation=VALIDATION, state=half.state)
    assert_same_bits(whole.state, streamed.state)
    np.testing.assert_array_equal(whole.losses[2:], streamed.losses[2:])


def test_an_interrupted_run_resumes_with_the_same_bits(tmp_path, streamed) -> None:
    def end(epoch, values):
        if epoch == 3:
            raise InjectedError

    options = {"validation": VALIDATION, "directory": tmp_path / "run", "save_every": 1e-6}
    with pytest.raises(InjectedError):
        train(batches, log=end, **options)
    assert_same(train(batches, **options), streamed)
    assert (tmp_path / "run" / "curves.csv").read_text().count("\n") == 5
    longer = train(batches, **options, epochs=5)
    np.testing.assert_array_equal(longer.losses[:4], streamed.losses)


def test_a_run_of_other_batches_is_refused(tmp_path) -> None:
    train(batches, directory=tmp_path / "run")
    with pytest.raises(ValueError, match=r"batch\.x"):
        train(lambda epoch: batches(epoch, 6), directory=tmp_path / "run")


def test_log_ends_the_training(streamed) -> None:
    ended = train(batches, validation=VALIDATION, log=lambda epoch, values: "stop" if epoch == 2 else None)
    assert ended.epochs == 2
    np.testing.assert_array_equal(ended.scores, streamed.scores[:2])


@pytest.mark.parametrize("on_divergence", ["stop", "restore"])
def test_a_divergence_returns_to_the_epoch_before(on_divergence) -> None:
    recipe = RECIPE._replace(loss=lambda outputs, targets: jnp.where(targets[:, 0] > 90, jnp.nan, outputs[:, 0] ** 2))
    bad = X[:5], np.full((5, 1), 99, "f")

    def diverging(epoch):
        return [*batches(epoch)[:3], bad] if epoch == 2 else batches(epoch)

    with pytest.warns(UserWarning, match="epoch 3 gave a loss or a parameter that is not finite"):
        result = train(diverging, recipe, on_divergence=on_divergence)
    assert (result.epochs, result.diverged) == (2, 3)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.params))
