"""The bits of a trial depend on its hypers, its key, the data and the program, and on nothing else in the sweep."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import jaxnn as nn
from jaxnn.sweeps.engine.lane_count import LaneCount

# Equal bits of different loops are a promise of the optimized programs, which users run.
pytestmark = pytest.mark.optimized

FLOWERS = nn.datasets.iris()
SPLIT = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
SPACE = {"learning_rate": nn.log_uniform(1e-4, 1.0), "spoil": nn.uniform(0.0, 1.0)}
# The trial whose bits are compared, and its quantiles.
WATCHED = 3
WATCHED_QUANTILES = (0.7, 0.2)
EPOCHS = 9


@pytest.fixture(scope="module", autouse=True)
def _one_trial_per_lane_in_a_chunk():
    """With several trials per lane, all trials would have a lane at once, and no lane would be refilled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxnn.sweeps.engine.lane_count.trials_per_lane", lambda *_: 1)
        yield


def make_recipe(hypers):
    """Returns a recipe that diverges for `spoil` above 1/2; dropout and minibatches are drawn from the trial's key."""

    def loss(outputs, labels):
        return nn.cross_entropy(outputs, labels) * jnp.where(hypers["spoil"] > 0.5, jnp.inf, 1.0)

    return nn.Recipe(nn.mlp([4, 8, 3], dropout=0.2), loss, optax.adam(hypers["learning_rate"]), batch_size=35)


class FixedSampler(nn.sweeps.TrialSampler):
    """A sampler that returns the settings at fixed quantiles."""

    def __init__(self, quantiles):
        self.settings = nn.sweeps.settings_at(SPACE, np.array(quantiles))

    def init(self, space, key, lanes):
        return self

    def ask(self, n):
        settings, self.settings = self.settings[:n], self.settings[n:]
        return settings


def run(quantiles, *, lanes=4, **options):
    return nn.sweep(
        make_recipe, SPACE, SPLIT.train, key=jax.random.key(0), trials=len(quantiles), epochs=EPOCHS, lanes=lanes,
        validation=SPLIT.test, sampler=FixedSampler(quantiles), keep=len(quantiles), progress=False, **options,
    )  # fmt: skip


def assert_same_bits(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)


@pytest.fixture(scope="module")
def undisturbed():
    """A sweep of the watched trial and three others in four lanes; no trial diverges and no lane is refilled."""
    return run([(0.5, 0.0)] * 3 + [WATCHED_QUANTILES])


quantile_pairs = st.tuples(st.floats(0, 0.99), st.floats(0, 0.99))


@settings(max_examples=10, phases=[Phase.generate])  # shrinking an example takes minutes
@given(
    before=st.lists(quantile_pairs, min_size=WATCHED, max_size=WATCHED),
    after=st.lists(quantile_pairs, max_size=12),
    max_chunk_epochs=st.sampled_from([2, None]),
    max_waste=st.sampled_from([0.03, 0.9]),
    scheduler=st.sampled_from(
        [None, nn.asha(grace_period=1, reduction_factor=2), nn.median_stopping(interval=2, grace_period=2)]
    ),
)
def test_other_trials_lanes_refills_chunks_and_schedulers_change_no_bit(
    undisturbed, before, after, max_chunk_epochs, max_waste, scheduler
):
    quantiles = [*before, WATCHED_QUANTILES, *after]
    with pytest.MonkeyPatch.context() as patch:
        if max_chunk_epochs is not None:
            patch.setattr("jaxnn.sweeps.engine.plan.max_chunk_epochs", lambda *_: max_chunk_epochs)
        patch.setattr(
            "jaxnn.sweeps.engine.chunk_length._MAX_WASTE", max_waste
        )  # chunks may continue with most lanes frozen
        result = run(quantiles, scheduler=scheduler)
        # Waiting trials start in the lanes of diverged ones, at any epoch of the watched trial.
        trial, expected = result.trials[WATCHED], undisturbed.trials[WATCHED]
        assert_same_bits(trial.curves, jax.tree.map(lambda curve: curve[:, : trial.epochs], expected.curves))
        if trial.epochs == EPOCHS:
            assert_same_bits(result.params(WATCHED), undisturbed.params(WATCHED))
        again = result.replay(WATCHED)
        assert_same_bits(again.curves, trial.curves)
        assert_same_bits(again.params, result.params(WATCHED))
    for trial, (_, spoil) in zip(result.trials, quantiles, strict=True):
        assert (trial.status == "diverged") == (np.float32(spoil) > 0.5)


def test_a_trial_that_starts_in_a_refilled_lane_has_the_same_bits(undisturbed):
    """The first three trials diverge at once, and their lanes are refilled; trial 8 starts in such a lane."""
    quantiles = [(0.3, 0.9), (0.2, 0.9), (0.9, 0.9), WATCHED_QUANTILES, *[(0.4, 0.1)] * 5]
    result = run(quantiles)
    assert_same_bits(result.trials[WATCHED].curves, undisturbed.trials[WATCHED].curves)
    more = run(quantiles * 2)
    assert_same_bits(result.trials[8].curves, more.trials[8].curves)


@pytest.mark.parametrize(("lanes", "trials_per_lane"), [(16, 1), (4, 4)])
def test_more_trials_in_a_chunk_with_equally_many_at_a_time_change_no_bit(
    undisturbed, monkeypatch, lanes, trials_per_lane
):
    """The undisturbed sweep has four lanes on two devices; here are sixteen trials, two at a time on each device."""
    monkeypatch.setattr("jaxnn.sweeps.engine.plan.choose_lanes", lambda *_: LaneCount(8, 2))
    monkeypatch.setattr("jaxnn.sweeps.engine.lane_count.trials_per_lane", lambda *_: trials_per_lane)
    result = run([(0.5, 0.0)] * 3 + [WATCHED_QUANTILES] + [(0.1, 0.3)] * 16, lanes=lanes)
    assert len(result.chunks) == 2
    assert_same_bits(result.trials[WATCHED].curves, undisturbed.trials[WATCHED].curves)
    assert_same_bits(result.params(WATCHED), undisturbed.params(WATCHED))


def test_dispatching_the_next_chunk_before_the_last_is_read_changes_nothing(monkeypatch, tmp_path):
    """With a directory each chunk is read before the next; without one, trials diverge while a chunk is in flight."""
    monkeypatch.setattr("jaxnn.sweeps.engine.plan.max_chunk_epochs", lambda *_: 2)
    quantiles = [(0.5, 0.9), (0.6, 0.1), (0.3, 0.9), WATCHED_QUANTILES, (0.2, 0.6), (0.4, 0.3), (0.9, 0.9)]
    results = []
    for directory in (None, tmp_path / "sweep"):
        logged = []
        result = run(quantiles, directory=directory, log=lambda trial, _, logged=logged: logged.append(trial))
        assert sorted(logged) == list(range(7))
        trained = sum(chunk.busy * chunk.epochs for chunk in result.chunks) * 4
        assert trained == pytest.approx(sum(trial.epochs for trial in result.trials))
        results.append(result)
    for left, right in zip(*(result.trials for result in results), strict=True):
        assert_same_bits(left._replace(seconds=0.0), right._replace(seconds=0.0))
    left, right = ([result.params(trial) for trial in (1, 3, 5)] for result in results)
    assert_same_bits(left, right)
