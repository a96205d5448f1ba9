"""Sweeps that evaluate at the rungs only: the same trainings and decisions as with an evaluation after every epoch."""

import jax
import numpy as np
import optax
import pytest
import scipy.special

import jaxnn as nn
from helpers.resumable_runs import SPACE, TRAIN, assert_same_bits, sweep

RUNGS = [1, 3, 9]


def make_linear(hypers):
    """Returns a recipe that compiles fast: a linear model and plain gradient descent."""
    return nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))


@pytest.fixture(scope="module")
def halving():
    return {evaluate_at: sweep(evaluate_at=evaluate_at, keep=18) for evaluate_at in ("epochs", "rungs")}


def test_the_scheduler_makes_the_same_decisions(halving):
    ends = {
        evaluate_at: [(trial.status, trial.epochs) for trial in result.trials]
        for evaluate_at, result in halving.items()
    }
    assert {status for status, _ in ends["rungs"]} == {"finished", "stopped"}
    assert ends["rungs"] == ends["epochs"]
    np.testing.assert_allclose(halving["rungs"].scores, halving["epochs"].scores, rtol=1e-6)
    assert halving["rungs"].best.trial == halving["epochs"].best.trial


@pytest.mark.parametrize("quantity", ["scores", "validation_losses"])
def test_curves_have_values_at_the_rungs_alone(halving, quantity):
    full, few = (halving[evaluate_at].curves(quantity) for evaluate_at in ("epochs", "rungs"))
    at_rungs = np.isin(np.arange(1, 10), RUNGS)
    np.testing.assert_array_equal(~np.isnan(few), ~np.isnan(full) & at_rungs)
    np.testing.assert_allclose(few[:, at_rungs], full[:, at_rungs], rtol=1e-6)


def test_losses_are_recorded_in_every_epoch(halving):
    np.testing.assert_allclose(halving["rungs"].curves("losses"), halving["epochs"].curves("losses"), rtol=1e-6)


@pytest.mark.skipif(jax.devices()[0].platform != "cpu", reason="other devices have longer chunks")
def test_a_chunk_in_which_no_trial_ends_evaluates_nothing():
    """With 256 lanes, 300 epochs are two chunks on a CPU, and the trials end in the second."""
    result = sweep(evaluate_at="rungs", make=make_linear, scheduler=None, epochs=300, trials=4, lanes=256)
    assert [chunk.epochs for chunk in result.chunks] == [256, 44]
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(result.curves()).all(axis=0)), [299])
    np.testing.assert_array_equal(result.curves()[:, -1].astype(np.float32), result.scores.astype(np.float32))


def test_a_trial_that_diverges_is_not_evaluated():
    space = {"learning_rate": nn.log_uniform(1e38, 3e38)}
    result = sweep(evaluate_at="rungs", make=make_linear, scheduler=None, epochs=20, lanes=256, space=space)
    assert {trial.status for trial in result.trials} == {"diverged"}
    assert all(trial.epochs < 20 and np.isnan(trial.curves.scores).all() for trial in result.trials)


def assert_replays(result, trial):
    again, curves = result.replay(trial), result.trials[trial].curves
    assert_same_bits(again.curves, curves)
    assert not np.isnan(curves.scores[:, -1]).any()
    assert_same_bits(again.params, result.kept[trial])


def test_replay_of_halving_evaluates_at_the_same_rungs(halving):
    assert_replays(halving["rungs"], halving["rungs"].best.trial)


def test_replay_of_a_population_evaluates_at_the_same_epochs():
    scheduler = nn.population_based(perturbation_interval=2)
    result = sweep(evaluate_at="rungs", scheduler=scheduler, trials=4, keep=4)
    copied = [trial.trial for trial in result.trials if trial.copies]
    assert copied
    for trial in {result.best.trial, *copied}:
        assert_replays(result, trial)


def test_folds_are_evaluated_on_their_rows_and_replay_at_the_same_rungs():
    result = sweep(evaluate_at="rungs", make=make_linear, validation=None, folds=2)
    best, (x, labels) = result.best.trial, jax.tree.map(np.asarray, TRAIN)
    folds = nn.k_folds(jax.random.fold_in(jax.random.key(0), 2**32 - 2), len(x), 2, stratify=labels)
    assert not folds.mask.all()
    for fold, rows in enumerate(folds.validation):
        scored = rows[folds.mask[fold]]
        weight, bias = result.params(best, lane=fold)["output"]
        logits = x[scored] @ weight + bias
        expected = np.mean(logits[np.arange(len(scored)), labels[scored]] - scipy.special.logsumexp(logits, axis=1))
        np.testing.assert_allclose(result.trials[best].curves.scores[fold, -1], expected, rtol=1e-5)
    assert_replays(result, best)


def test_a_validation_loss_that_is_not_finite_is_noticed_where_it_is_evaluated():
    """The model fits its training data well, and its validation losses are too large: no training loss shows it."""
    x = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
    far = np.full((3, 1), 1e30, np.float32)

    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["learning_rate"]))

    result = nn.sweep(
        make_recipe, SPACE, (x, 3 * x), key=jax.random.key(0), trials=4, epochs=300, validation=(far, far),
        evaluate_at="rungs", lanes=128, progress=False,
    )  # fmt: skip
    assert [(trial.status, trial.epochs) for trial in result.trials] == [("diverged", 300)] * 4
    assert np.isfinite(result.curves("losses")).all()
    assert np.isnan(result.scores).all()


@pytest.mark.parametrize(("evaluate_at", "evaluations"), [("epochs", 9), ("rungs", 1)])
def test_each_lane_is_evaluated_at_the_requested_epochs_only(evaluate_at, evaluations):
    outputs_seen = []

    def score(outputs, labels):
        jax.debug.callback(outputs_seen.append, outputs[0, 0])
        return nn.accuracy(outputs, labels)

    result = sweep(evaluate_at=evaluate_at, make=make_linear, score=score, scheduler=None, trials=4)
    jax.effects_barrier()
    assert len(result.chunks) == 1
    assert len(outputs_seen) == 4 * evaluations
