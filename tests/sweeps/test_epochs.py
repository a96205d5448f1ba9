"""A chunk of a sweep's program: every lane trains to its own limit, independent of the others, and freezes there."""

import functools
import re
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.sweeps.engine.columns import from_columns, to_columns
from jaxnn.sweeps.engine.lanes import LaneUpdates, ProgramSpec
from jaxnn.sweeps.engine.program import Program

FLOWERS = nn.datasets.iris()
SPLIT = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
KEY, EPOCHS = jax.random.key(3), 7
DEVICES = len(jax.devices())
# The limits of the lanes on each device; 0 is a free lane.
LIMITS = np.tile([3, 5, 0, 12], DEVICES).astype(np.int32)
RATES = np.tile([0.01, 0.03, 0.1, 0.02], DEVICES).astype(np.float32)


def recipe_of(values, sizes=(4, 3)):
    return nn.Recipe(nn.mlp(sizes), nn.cross_entropy, optax.adam(values["learning_rate"]), batch_size=35)


def make_program(tile, evaluate_at, recipe_of=recipe_of, names=("learning_rate",), width=4, executor=None):
    data, validation = jax.tree.map(jnp.asarray, (SPLIT.train, SPLIT.test))
    spec = ProgramSpec(recipe_of, data, validation, None, None, evaluate_at, None, 1, EPOCHS)
    return Program(spec, KEY, names, width, tile, executor=executor)


cached_program = functools.cache(make_program)


def start_trials(program, **values):
    """Returns lanes with a trial each that has not trained yet."""
    return run_chunk(program, program.empty(), 0 * LIMITS, 1, starts=True, **values)[0]


def run_chunk(program, lanes, limits, epochs, *, starts=False, **values):
    """Runs a chunk with these limits; returns the lanes and the chunk result."""
    zeros = np.zeros(program.size, np.int32)
    lane_numbers = np.arange(program.size, dtype=np.int32)
    values = {"learning_rate": RATES} | values
    updates = LaneUpdates(np.full(program.size, starts), lane_numbers, zeros, values, zeros, limits)
    lanes, read = program.advance(lanes, updates, epochs)
    return lanes, read()


@pytest.mark.parametrize(
    ("tile", "evaluate_at"), [(4, "epochs"), (2, "epochs"), (1, "epochs"), (4, "rungs"), (1, "rungs")]
)
def test_one_long_chunk_gives_the_bits_of_many_short_ones(tile, evaluate_at):
    program = cached_program(tile, evaluate_at)
    after_long, long = run_chunk(program, start_trials(program), LIMITS, EPOCHS)
    lanes, curves = start_trials(program), []
    for _ in range(EPOCHS):
        lanes, short = run_chunk(program, lanes, LIMITS, 1)
        curves.append(short.curves)
    jax.tree.map(np.testing.assert_array_equal, after_long, lanes)
    np.testing.assert_array_equal(long.curves, np.concatenate(curves, axis=2))


@functools.cache
def train_alone():
    """Returns the losses of each lane's training alone, and its parameters after every epoch."""
    step = jax.jit(lambda rate, state: nn.advance(recipe_of({"learning_rate": rate}), SPLIT.train, state, epochs=1))
    init = jax.jit(functools.partial(nn.init_training, recipe_of({"learning_rate": 0.0})))
    losses, params = [], []
    for lane, rate in enumerate(RATES):
        state = init(jax.random.fold_in(jax.random.fold_in(KEY, lane), 0))
        losses.append([])
        params.append([state.params])
        for _ in range(EPOCHS):
            state, info = step(rate, state)
            losses[-1].append(info.losses[0])
            params[-1].append(state.params)
    return np.array(losses), params


@pytest.mark.parametrize("tile", [4, 1])
def test_every_lane_trains_as_it_would_alone(tile):
    program = cached_program(tile, "epochs")
    after, result = run_chunk(program, start_trials(program), LIMITS, EPOCHS)
    epochs = np.minimum(LIMITS, EPOCHS)
    np.testing.assert_array_equal(after.state.epoch, epochs)
    losses, params = train_alone()
    for lane in np.flatnonzero(epochs):
        jax.tree.map(
            lambda actual, expected: np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6),
            jax.tree.map(lambda leaf, lane=lane: leaf[lane], after.state.params),
            params[lane][epochs[lane]],
        )
        own = slice(epochs[lane])
        np.testing.assert_allclose(result.curves[0, lane, own], losses[lane, own], rtol=1e-5)


def test_the_curves_of_a_lane_end_at_its_limit():
    program = cached_program(4, "epochs")
    _, result = run_chunk(program, start_trials(program), LIMITS, EPOCHS)
    written = ~np.isnan(result.curves)
    np.testing.assert_array_equal(written, np.broadcast_to(np.arange(EPOCHS) < LIMITS[:, None], written.shape))


def full_batch(values):
    """Returns a recipe whose validation losses are finite for any parameters where `finite_validation` is 1."""

    def loss(outputs, labels):
        losses = nn.cross_entropy(outputs, labels)
        is_training = len(labels) == len(SPLIT.train[1])
        return losses if is_training else jnp.where(values["finite_validation"] > 0, 0.0, losses)

    return recipe_of(values)._replace(loss=loss, batch_size=None)


@pytest.mark.parametrize(
    ("finite_validation", "limit", "diverged"), [(True, 1, 0), (True, 4, 2), (False, 1, 1), (False, 4, 2)]
)
def test_a_lane_diverges_at_its_first_losses_that_are_not_finite(finite_validation, limit, diverged):
    """The first update makes parameters infinite. A lane of limit 1 is evaluated right after it.

    The training loss of the second epoch is not finite either, but that lane does not reach it while others continue.
    """
    program = cached_program(4, "rungs", full_batch, ("learning_rate", "finite_validation"))
    spoiled = LIMITS == 5
    values = {
        "learning_rate": np.where(spoiled, np.inf, RATES).astype(np.float32),
        "finite_validation": np.full(program.size, finite_validation, np.float32),
    }
    lanes, limits = start_trials(program, **values), np.where(spoiled, limit, LIMITS).astype(np.int32)
    after, result = run_chunk(program, lanes, limits, EPOCHS, **values)
    np.testing.assert_array_equal(result.diverged, np.where(spoiled, diverged, 0))
    np.testing.assert_array_equal(after.diverged, result.diverged)


def test_a_single_lane_multiplies_without_a_lane_axis():
    def batch_axes_of_products(width):
        program = make_program(width, "epochs", functools.partial(recipe_of, sizes=(4, 8, 3)), width=width)
        jaxpr = str(program.traced.jaxpr)
        return set(re.findall(r"dimension_numbers=\(\(.*?\), \((.*?)\)\)", jaxpr))

    assert batch_axes_of_products(1) == {"[], []"}
    assert "[0], [0]" in batch_axes_of_products(2)


def test_the_program_has_no_collective_operation():
    text = make_program(2, "epochs").compile().compiled_text()
    assert "while" in text
    collectives = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter")
    assert not any(name in text for name in collectives)


def test_lanes_are_copied_after_the_threads_that_compile_have_ended():
    with ThreadPoolExecutor() as executor:
        program = make_program(2, "epochs", executor=executor).compile()
    numbers = np.arange(program.size, dtype=np.int32)
    updates = program._updates._replace(starts=numbers >= 0, trial=numbers)
    started = program._start_trainings(program.empty(), program.place(to_columns((updates, numbers))))
    parents, mask = np.arange(program.size)[::-1], np.arange(program.size) == 0
    values = {"learning_rate": np.full(program.size, 0.5, np.float32)}
    before = jax.tree.map(np.asarray, started)
    copied = program.copy(started, parents, mask, values)
    for old, new in zip(jax.tree.leaves(before.state.params), jax.tree.leaves(copied.state.params), strict=True):
        np.testing.assert_array_equal(new[0], old[-1])
        np.testing.assert_array_equal(new[1:], old[1:])
    assert np.abs(before.state.params["output"].weight[0] - before.state.params["output"].weight[-1]).max() > 0.1
    assert copied.values["learning_rate"][0] == 0.5


def test_columns_carry_every_bit():
    tree = (np.array([True, False]), {"a": np.array([1e-45, -np.inf], np.float32)}, np.array([-(2**31), 7], np.int32))
    unpacked = jax.jit(lambda columns: from_columns(tree, columns))(to_columns(tree))
    jax.tree.map(np.testing.assert_array_equal, unpacked, tree)
    assert [leaf.dtype for leaf in jax.tree.leaves(unpacked)] == [leaf.dtype for leaf in jax.tree.leaves(tree)]
