"""`stop=` in a sweep: each training ends by the rule of `train`, and frees its lane."""

from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxnn as nn
from helpers.resumable_runs import SPACE, TRAIN, VALIDATION, InjectedError, assert_same_bits, assert_same_sweep, sweep

FAST = {"learning_rate": nn.log_uniform(0.02, 1.0)}
RULE = nn.no_improvement(patience=3)
OPTIONS = {"space": FAST, "scheduler": None, "stop": RULE, "epochs": 40, "trials": 10, "keep": 10}


@pytest.fixture(scope="module")
def stopped():
    return sweep(**OPTIONS)


def expected_end(scores, patience=3):
    """The epoch after which the rule stops, by a loop of its own."""
    best, waited = -np.inf, 0
    for epoch, score in enumerate(scores, 1):
        best, waited = (score, 0) if score > best else (best, waited + 1)
        if waited == patience:
            return epoch
    return len(scores)


def test_trials_end_where_the_rule_ends_them(stopped):
    whole = sweep(**OPTIONS | {"stop": None})
    ends = [expected_end(trial.curves.scores[0]) for trial in whole.trials]
    assert [trial.epochs for trial in stopped.trials] == ends
    assert 1 < min(ends) < max(ends)
    for trial, full in zip(stopped.trials, whole.trials, strict=True):
        np.testing.assert_allclose(trial.curves.scores[0], full.curves.scores[0, : trial.epochs], rtol=1e-5)
        assert trial.score == pytest.approx(float(full.curves.scores[0, trial.epochs - 1]), rel=1e-5)
        expected = ("stopped", f"stopped by the stopping rule after epoch {trial.epochs}")
        assert (trial.status, trial.reason) == (expected if trial.epochs < 40 else ("finished", ""))


def test_a_lane_ends_as_train_does(stopped):
    for trial in stopped.trials[:3]:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), trial.trial), 0)
        alone = nn.train(
            stopped.recipe_of(trial.trial), TRAIN, key=key, epochs=40, validation=VALIDATION, stop=RULE, progress=False
        )
        assert alone.epochs == trial.epochs
        lane = stopped.params(trial.trial, lane=0)
        jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, rtol=1e-4, atol=1e-5), alone.state.params, lane)


def test_lanes_are_freed():
    """Waiting trials start soon after others have ended."""
    result = sweep(**OPTIONS | {"trials": 48, "keep": 1})
    [count] = result.plan.lane_counts.values()
    spent = sum(trial.epochs for trial in result.trials)
    ran = sum(chunk.epochs for chunk in result.chunks) * count.width * len(jax.devices())
    assert spent <= ran < 0.9 * 48 * 40
    assert result.occupancy > 0.7


def test_each_fold_ends_for_itself_and_keeps_its_last_numbers():
    result = sweep(**OPTIONS | {"folds": 3, "validation": None, "lanes": 6, "trials": 4})
    ragged = 0
    for trial in result.trials:
        ends = [expected_end(scores) for scores in trial.curves.scores]
        assert trial.epochs == max(ends)
        ragged += min(ends) < max(ends)
        for end, *curves in zip(ends, *trial.curves[:3], strict=True):
            for curve in curves:
                assert (curve[end:] == curve[end - 1]).all()
        np.testing.assert_allclose(trial.score, trial.curves.scores[:, -1].mean(), rtol=1e-6)
    assert ragged


def test_neighbours_and_chunks_change_no_bit(stopped):
    """The same lanes with another order of trials: a trial's own key and numbers decide."""
    seeds = FAST | {"seed": nn.seeds(0, 99)}
    first = sweep(**OPTIONS | {"space": seeds})
    known = [first.hypers_of(trial) for trial in range(10)][::-1]
    second = sweep(**OPTIONS | {"space": seeds, "first": known})
    for trial in range(10):
        assert_same_bits(first.trials[trial].curves, second.trials[9 - trial].curves)
        assert_same_bits(first.kept[trial], second.kept[9 - trial])


def test_replay_stops_too(stopped):
    for trial in (0, 5):
        replayed = stopped.replay(trial)
        assert_same_bits(replayed.params, stopped.kept[trial])
        assert_same_bits(replayed.curves, stopped.trials[trial].curves)


def test_the_best_epoch_lies_before_the_end():
    result = sweep(**OPTIONS | {"keep_epoch": "best", "keep": 2})
    assert all(trial.score_epoch in (trial.epochs - 3, trial.epochs) for trial in result.trials)
    evaluated = nn.evaluate(result.best.recipe, result.params(result.best.trial, lane=0), VALIDATION)
    np.testing.assert_allclose(-evaluated.loss, result.best.score, rtol=1e-5)


def test_a_scheduler_decides_beside_the_rule():
    result = sweep(**OPTIONS | {"scheduler": nn.asha(grace_period=2)})
    reasons = {trial.reason.split(" after")[0] for trial in result.trials}
    assert {"stopped by the scheduler", "stopped by the stopping rule"} <= reasons


def test_an_interrupted_sweep_goes_on_to_the_same_bits(tmp_path, stopped):
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=5, **OPTIONS)
    assert_same_sweep(sweep(tmp_path, **OPTIONS), stopped)
    assert_same_sweep(nn.sweeps.load(tmp_path), stopped)


class AfterEpoch(NamedTuple):
    """A rule of the user: a number of epochs."""

    epochs: int

    def init(self):
        return np.zeros((), np.int32)

    def update(self, memory, score, step_size):
        return memory + 1, memory + 1 >= self.epochs


def test_a_rule_of_the_user():
    result = sweep(**OPTIONS | {"stop": AfterEpoch(5)})
    assert {trial.epochs for trial in result.trials} == {5}


def test_what_does_not_fit_a_rule_is_refused():
    with pytest.raises(ValueError, match='stop= looks at the score of every epoch, so it needs evaluate_at="epochs"'):
        sweep(stop=RULE, evaluate_at="rungs")
    with pytest.raises(ValueError, match="stop= ends trainings that a population still copies"):
        sweep(stop=RULE, scheduler=nn.population_based(perturbation_interval=3), space=SPACE)
