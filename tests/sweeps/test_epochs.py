"""A call of a sweep's program: every lane trains to its own limit, whatever the others do, and stays there."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.sweeps.engine.lanes import LaneUpdates, ProgramSpec
from jaxnn.sweeps.engine.program import Program, from_columns, to_columns

FLOWERS = nn.datasets.iris()
SPLIT = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
KEY, EPOCHS = jax.random.key(3), 7
DEVICES = len(jax.devices())
# Of the lanes of each device; 0 is a free one.
LIMITS = np.tile([3, 5, 0, 12], DEVICES).astype(np.int32)
RATES = np.tile([0.01, 0.03, 0.1, 0.02], DEVICES).astype(np.float32)


def recipe_of(values):
    return nn.Recipe(nn.mlp([4, 8, 3]), nn.cross_entropy, optax.adam(values["learning_rate"]), batch_size=35)


@functools.cache
def program(tile, evaluate_at, recipe_of):
    data, validation = jax.tree.map(jnp.asarray, (SPLIT.train, SPLIT.test))
    return Program(
        ProgramSpec(recipe_of, data, validation, None, None, evaluate_at, EPOCHS), KEY, ("learning_rate",), 4, tile
    )


def begun(*, tile=4, evaluate_at="epochs", rates=RATES, recipe_of=recipe_of):
    """A program of four lanes a device, and its lanes with a trial each, none of which has run an epoch."""
    ours = program(tile, evaluate_at, recipe_of)
    return ours, told(ours, ours.empty(), 0 * LIMITS, 1, rates=rates, starts=True)[0]


def told(ours, lanes, limits, epochs, *, rates=RATES, starts=False):
    """A call with these limits, and its news."""
    numbers, zeros = np.arange(len(rates), dtype=np.int32), np.zeros(len(rates), np.int32)
    orders = LaneUpdates(np.full(len(rates), starts), numbers, zeros, {"learning_rate": rates}, zeros, limits)
    lanes, read = ours.advance(lanes, orders, epochs)
    return lanes, read()


@pytest.mark.parametrize(
    ("tile", "evaluate_at"), [(4, "epochs"), (2, "epochs"), (1, "epochs"), (4, "rungs"), (1, "rungs")]
)
def test_one_call_is_many_short_ones_to_the_bit(tile, evaluate_at):
    ours, lanes = begun(tile=tile, evaluate_at=evaluate_at)
    at_once, news = told(ours, lanes, LIMITS, EPOCHS)
    _, lanes = begun(tile=tile, evaluate_at=evaluate_at)
    short = []
    for _ in range(EPOCHS):
        lanes, news_of_one = told(ours, lanes, LIMITS, 1)
        short.append(news_of_one.curves)
    jax.tree.map(np.testing.assert_array_equal, at_once, lanes)
    np.testing.assert_array_equal(news.curves, np.concatenate(short, axis=2))


@pytest.mark.parametrize("tile", [4, 1])
def test_every_lane_is_where_it_would_be_alone(tile):
    ours, lanes = begun(tile=tile)
    after, news = told(ours, lanes, LIMITS, EPOCHS)
    ran = np.minimum(LIMITS, EPOCHS)
    np.testing.assert_array_equal(after.state.epoch, ran)
    for lane in np.flatnonzero(ran):
        key = jax.random.fold_in(jax.random.fold_in(KEY, lane), 0)
        alone = nn.fit(recipe_of({"learning_rate": RATES[lane]}), SPLIT.train, key=key, epochs=int(ran[lane]))
        jax.tree.map(
            lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6),
            jax.tree.map(lambda leaf, lane=lane: leaf[lane], after.state.params),
            alone.params,
        )
        np.testing.assert_allclose(news.curves[0, lane, : ran[lane]], alone.losses, rtol=1e-5)


def test_curves_end_where_a_lane_does():
    ours, lanes = begun()
    _, news = told(ours, lanes, LIMITS, EPOCHS)
    known = ~np.isnan(news.curves)
    np.testing.assert_array_equal(known, np.broadcast_to(np.arange(EPOCHS) < LIMITS[:, None], known.shape))


def full_batch(values):
    return recipe_of(values)._replace(batch_size=None)


def finite_validation(values):
    """The losses of the validation part are finite whatever the network says."""

    def loss(outputs, labels):
        losses = nn.cross_entropy(outputs, labels)
        return losses if len(labels) == len(SPLIT.train[1]) else jnp.zeros_like(losses)

    return full_batch(values)._replace(loss=loss)


@pytest.mark.parametrize(
    ("recipe_of", "limit", "diverged"),
    [(finite_validation, 1, 0), (finite_validation, 4, 2), (full_batch, 1, 1), (full_batch, 4, 2)],
)
def test_a_lane_diverges_at_its_first_losses_that_are_not_finite(recipe_of, limit, diverged):
    """The first update leaves the numbers. A lane of limit one is judged then; the second epoch's losses tell as well,
    but it does not get there, while others run on."""
    chosen = LIMITS == 5
    rates = np.where(chosen, np.inf, RATES).astype(np.float32)
    ours, lanes = begun(evaluate_at="rungs", rates=rates, recipe_of=recipe_of)
    after, news = told(ours, lanes, np.where(chosen, limit, LIMITS).astype(np.int32), EPOCHS)
    np.testing.assert_array_equal(news.diverged, np.where(chosen, diverged, 0))
    np.testing.assert_array_equal(after.diverged, news.diverged)


def test_columns_carry_every_bit():
    tree = (np.array([True, False]), {"a": np.array([1e-45, -np.inf], np.float32)}, np.array([-(2**31), 7], np.int32))
    found = jax.jit(lambda columns: from_columns(tree, columns))(to_columns(tree))
    jax.tree.map(np.testing.assert_array_equal, found, tree)
    assert [leaf.dtype for leaf in jax.tree.leaves(found)] == [leaf.dtype for leaf in jax.tree.leaves(tree)]
