"""Trials that are judged at their rungs only: the same trainings and decisions as when every epoch is judged."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import SPACE, assert_same_bits, sweep

RUNGS = [1, 3, 9]


@pytest.fixture(scope="module")
def halved():
    return {evaluate_at: sweep(evaluate_at=evaluate_at, keep=18) for evaluate_at in ("epochs", "rungs")}


def test_the_scheduler_decides_the_same(halved):
    ends = {evaluate_at: [(end.status, end.epochs) for end in found.trials] for evaluate_at, found in halved.items()}
    assert {status for status, _ in ends["rungs"]} == {"finished", "stopped"}
    assert ends["rungs"] == ends["epochs"]
    np.testing.assert_allclose(halved["rungs"].scores, halved["epochs"].scores, rtol=1e-6)
    assert halved["rungs"].best.trial == halved["epochs"].best.trial


@pytest.mark.parametrize("quantity", ["scores", "validation_losses"])
def test_curves_have_values_at_the_rungs_alone(halved, quantity):
    full, few = (halved[evaluate_at].curves(quantity) for evaluate_at in ("epochs", "rungs"))
    at_rungs = np.isin(np.arange(1, 10), RUNGS)
    np.testing.assert_array_equal(~np.isnan(few), ~np.isnan(full) & at_rungs)
    np.testing.assert_allclose(few[:, at_rungs], full[:, at_rungs], rtol=1e-6)


def test_losses_are_those_of_every_epoch(halved):
    np.testing.assert_allclose(halved["rungs"].curves("losses"), halved["epochs"].curves("losses"), rtol=1e-6)


def test_a_call_that_is_shorter_than_a_trial_judges_nothing():
    """300 epochs of so many lanes are two calls, of which the second alone reaches the trials' end."""
    found = sweep(evaluate_at="rungs", scheduler=None, epochs=300, trials=4, lanes=256)
    assert [call.epochs for call in found.chunks] == [256, 44]
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(found.curves()).all(axis=0)), [299])
    np.testing.assert_array_equal(found.curves()[:, -1].astype(np.float32), found.scores.astype(np.float32))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scheduler": nn.population_based(perturbation_interval=2), "lanes": 16, "trials": 16},
        {"validation": None, "folds": 3},
    ],
    ids=["asha", "population", "folds"],
)
def test_replay_visits_the_same_rungs(options):
    found = sweep(evaluate_at="rungs", **({"lanes": 6} | options))
    best = found.best
    again = found.replay(best.trial)
    assert_same_bits(again.curves, best_curves := found.trials[best.trial].curves)
    assert not np.isnan(best_curves.scores[:, -1]).any()
    assert_same_bits(again.params, found.kept[best.trial])


def test_a_loss_that_is_not_finite_is_found_where_it_is_judged():
    """One fit well to where it was trained, and too large to square elsewhere: nothing but the judging hears of it."""
    line = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
    far = np.full((3, 1), 1e30, np.float32)

    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["learning_rate"]))

    found = nn.sweep(
        make_recipe, SPACE, (line, 3 * line), key=jax.random.key(0), trials=4, epochs=300, validation=(far, far),
        evaluate_at="rungs", lanes=128, progress=False,
    )  # fmt: skip
    assert [(end.status, end.epochs) for end in found.trials] == [("diverged", 300)] * 4
    assert np.isfinite(found.curves("losses")).all()
    assert np.isnan(found.scores).all()


def test_a_training_that_diverges_is_not_judged():
    found = sweep(evaluate_at="rungs", space={"learning_rate": nn.log_uniform(1e38, 3e38)}, scheduler=None, epochs=20)
    assert {end.status for end in found.trials} == {"diverged"}
    assert all(end.epochs < 20 and np.isnan(end.curves.scores).all() for end in found.trials)


@pytest.mark.parametrize(("evaluate_at", "looks"), [("epochs", 9), ("rungs", 1)])
def test_lanes_are_judged_as_often_as_was_asked(evaluate_at, looks):
    seen = []

    def score(outputs, labels):
        jax.debug.callback(seen.append, outputs[0, 0])
        return nn.accuracy(outputs, labels)

    found = sweep(evaluate_at=evaluate_at, score=score, scheduler=None, trials=4)
    jax.effects_barrier()
    assert len(found.chunks) == 1
    assert len(seen) == 4 * looks
