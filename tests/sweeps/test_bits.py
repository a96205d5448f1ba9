"""A trial's bits depend on its hypers, its key, the data and the program, and on nothing else in the sweep."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import jaxnn as nn

pytestmark = pytest.mark.optimized

FLOWERS = nn.datasets.iris()
SPLIT = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
SPACE = {"learning_rate": nn.log_uniform(1e-4, 1.0), "spoil": nn.uniform(0.0, 1.0)}
WATCHED, EPOCHS = 3, 9


@pytest.fixture(scope="module", autouse=True)
def _one_trial_of_a_lane_in_a_call():
    """Lanes that take several would hold all trials at once, so that none is refilled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxnn.sweeps.engine.plan.trials_per_lane", lambda *_: 1)
        yield


def make_recipe(hypers):
    """A trial whose `spoil` is above 1/2 diverges; dropout and minibatches draw from its key."""

    def loss(outputs, labels):
        return nn.cross_entropy(outputs, labels) * jnp.where(hypers["spoil"] > 0.5, jnp.inf, 1.0)

    return nn.Recipe(nn.mlp([4, 8, 3], dropout=0.2), loss, optax.adam(hypers["learning_rate"]), batch_size=35)


class Given(nn.sweeps.TrialSampler):
    """A sampler that returns given settings."""

    def __init__(self, quantiles):
        self.settings = nn.sweeps.settings_at(SPACE, quantiles)

    def init(self, space, key, lanes):
        return self

    def ask(self, n):
        asked, self.settings = self.settings[:n], self.settings[n:]
        return asked


def run(quantiles, scheduler=None):
    return nn.sweep(
        make_recipe, SPACE, SPLIT.train, key=jax.random.key(0), trials=len(quantiles), epochs=EPOCHS, lanes=4,
        validation=SPLIT.test, sampler=Given(quantiles), scheduler=scheduler, keep=len(quantiles), progress=False,
    )  # fmt: skip


def assert_same_bits(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.fixture(scope="module")
def alone():
    """The watched trial after three others, in four lanes: none is refilled, none diverges."""
    return run(np.array([[0.5, 0.0]] * 3 + [[0.7, 0.2]]))


neighbour = st.tuples(st.floats(0, 0.99), st.floats(0, 0.99))


@settings(max_examples=10, phases=[Phase.generate])  # to shrink an example takes minutes
@given(
    before=st.lists(neighbour, min_size=WATCHED, max_size=WATCHED),
    after=st.lists(neighbour, max_size=12),
    longest=st.sampled_from([2, 64]),
    waste=st.sampled_from([0.03, 0.9]),
    scheduler=st.sampled_from(
        [None, nn.asha(grace_period=1, reduction_factor=2), nn.median_stopping(interval=2, grace_period=2)]
    ),
)
def test_neighbours_lanes_refills_chunks_and_schedulers_change_no_bit(alone, before, after, longest, waste, scheduler):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxnn.sweeps.engine.plan.max_chunk_epochs", lambda *_: longest)
        patch.setattr("jaxnn.sweeps.engine.run._MAX_WASTE", waste)  # calls that go on while most lanes are frozen
        found = run(np.array([*before, (0.7, 0.2), *after]), scheduler)
        # Others wait for lanes that those who diverge leave: the watched trial itself may start late.
        outcome, expected = found.trials[WATCHED], alone.trials[WATCHED]
        assert_same_bits(outcome.curves, jax.tree.map(lambda curve: curve[:, : outcome.epochs], expected.curves))
        if outcome.epochs == EPOCHS:
            assert_same_bits(found.params(WATCHED), alone.params(WATCHED))
        again = found.replay(WATCHED)
        assert_same_bits(again.curves, outcome.curves)
        assert_same_bits(again.params, found.params(WATCHED))
    for trial, (_, spoil) in enumerate([*before, (0.7, 0.2), *after]):
        assert (found.trials[trial].status == "diverged") == (np.float32(spoil) > 0.5)


def test_a_trial_that_starts_in_a_refilled_lane_has_the_same_bits(alone):
    """Two lanes' worth of trials diverge at once, so that the watched one comes after a refill elsewhere."""
    crowd = np.array([[0.3, 0.9], [0.2, 0.9], [0.9, 0.9], [0.7, 0.2], *[[0.4, 0.1]] * 5])
    found = run(crowd)
    assert_same_bits(found.trials[WATCHED].curves, alone.trials[WATCHED].curves)
    last = run(np.concatenate([crowd, crowd])).trials[8]
    assert_same_bits(found.trials[8].curves, last.curves)


@pytest.mark.parametrize(("lanes", "turns"), [(16, 1), (4, 4)])
def test_more_trials_in_a_call_of_which_as_many_run_at_a_time_change_no_bit(alone, monkeypatch, lanes, turns):
    """Four lanes on two devices above; sixteen trials here, two at a time on each."""
    monkeypatch.setattr("jaxnn.sweeps.engine.plan.choose_lanes", lambda *_: (8, 2))
    monkeypatch.setattr("jaxnn.sweeps.engine.plan.trials_per_lane", lambda *_: turns)
    quantiles = np.array([[0.5, 0.0]] * 3 + [[0.7, 0.2]] + [[0.1, 0.3]] * 16)
    found = nn.sweep(
        make_recipe, SPACE, SPLIT.train, key=jax.random.key(0), trials=20, epochs=EPOCHS, lanes=lanes,
        validation=SPLIT.test, sampler=Given(quantiles), keep=20, progress=False,
    )  # fmt: skip
    assert len(found.chunks) == 2
    assert_same_bits(found.trials[WATCHED].curves, alone.trials[WATCHED].curves)
    assert_same_bits(found.params(WATCHED), alone.params(WATCHED))


def test_to_send_the_next_call_before_the_last_is_read_changes_nothing(monkeypatch, tmp_path):
    """With a directory each call is read before the next is sent; without, trials diverge while one is under way."""
    monkeypatch.setattr("jaxnn.sweeps.engine.plan.max_chunk_epochs", lambda *_: 2)
    quantiles = np.array([[0.5, 0.9], [0.6, 0.1], [0.3, 0.9], [0.7, 0.2], [0.2, 0.6], [0.4, 0.3], [0.9, 0.9]])

    def found(directory):
        told = []
        swept = nn.sweep(
            make_recipe, SPACE, SPLIT.train, key=jax.random.key(0), trials=7, epochs=EPOCHS, lanes=4, keep=7,
            validation=SPLIT.test, sampler=Given(quantiles), directory=directory, progress=False,
            log=lambda trial, numbers: told.append(trial),
        )  # fmt: skip
        assert sorted(told) == list(range(7))
        at_work = sum(call.busy * call.epochs for call in swept.chunks) * 4
        assert at_work == pytest.approx(sum(outcome.epochs for outcome in swept.trials))
        return swept

    ahead, one_by_one = found(None), found(tmp_path / "sweep")
    for one, other in zip(ahead.trials, one_by_one.trials, strict=True):
        assert_same_bits(one._replace(seconds=0.0), other._replace(seconds=0.0))
    assert_same_bits([ahead.params(trial) for trial in (1, 3, 5)], [one_by_one.params(trial) for trial in (1, 3, 5)])
