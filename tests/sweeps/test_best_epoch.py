"""`keep_epoch="best"`: a trial has the score and the parameters of the best epoch of its mean curve."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import (
    SPACE,
    TRAIN,
    VALIDATION,
    InjectedError,
    assert_same_bits,
    assert_same_sweep,
    make_recipe,
    sweep,
)  # fmt: skip
from jaxnn.sweeps import Continue, Stop, TrialScheduler

# Learning rates at which the loss soon rises again.
FAST = {"learning_rate": nn.log_uniform(0.05, 1.0)}
OPTIONS = {"space": FAST, "scheduler": None, "keep_epoch": "best", "epochs": 12, "trials": 12}


@pytest.fixture(scope="module")
def best():
    return sweep(**OPTIONS)


def test_the_score_is_that_of_the_best_epoch_of_the_mean_curve(best):
    curves = best.curves()
    np.testing.assert_array_equal([trial.score_epoch for trial in best.trials], curves.argmax(axis=1) + 1)
    np.testing.assert_allclose(best.scores, curves.max(axis=1), rtol=1e-6)
    assert any(trial.score_epoch < trial.epochs for trial in best.trials)
    assert [row["score_epoch"] for row in best.table()] == [trial.score_epoch for trial in best.trials]


def test_the_parameters_are_those_of_that_epoch(best):
    """A sweep that ends at the best epoch has them at its last."""
    assert any(best.trials[trial].score_epoch < 12 for trial in best.kept)
    for trial in best.kept:
        ended = sweep(space=FAST, scheduler=None, epochs=best.trials[trial].score_epoch, trials=12, keep=12)
        assert_same_bits(best.kept[trial], ended.kept[trial])
        evaluated = nn.evaluate(best.recipe_of(trial), best.params(trial, lane=0), VALIDATION)
        np.testing.assert_allclose(-evaluated.loss, best.trials[trial].score, rtol=1e-5)


def test_nothing_but_the_choice_of_the_epoch_changes(best):
    last = sweep(**OPTIONS | {"keep_epoch": "last"})
    assert_same_bits([trial.curves for trial in best.trials], [trial.curves for trial in last.trials])
    assert [trial.score_epoch for trial in last.trials] == [12] * 12
    assert best.best.score > last.best.score


def test_folds_and_repeats_share_the_epoch():
    result = sweep(**OPTIONS | {"folds": 3, "validation": None, "repeats": 2, "lanes": 12})
    for trial in result.trials:
        means = trial.curves.scores.mean(axis=0)
        assert trial.score_epoch == means.argmax() + 1
        np.testing.assert_allclose(trial.score, means.max(), rtol=1e-6)
        np.testing.assert_allclose(trial.score_std, trial.curves.scores[:, trial.score_epoch - 1].std(), rtol=1e-4)


def test_only_rungs_count_where_only_rungs_are_evaluated():
    options = OPTIONS | {"evaluate_at": "rungs", "scheduler": nn.asha(grace_period=2, reduction_factor=2)}
    result = sweep(**options)
    assert {trial.score_epoch for trial in result.trials} <= {2, 4, 8, 12}
    for trial in result.trials:
        assert trial.score == pytest.approx(np.nanmax(trial.curves.scores))
    replayed = result.replay(result.best.trial)
    assert_same_bits(replayed.params, result.best.params)


class Reports(TrialScheduler):
    """Stops a trial at its third report, and records all scores."""

    def __init__(self, seen):
        self.seen = seen

    def start(self, trial):
        return 1

    def report(self, trial, epoch, score):
        self.seen.setdefault(trial, []).append(score)
        return Continue(epoch + 1) if epoch < 8 else Stop()


class Recording:
    """The configuration of `Reports`."""

    def __init__(self):
        self.seen = {}

    def init(self, epochs, space, key):
        return Reports(self.seen)


def test_schedulers_compare_the_best_so_far():
    recording = Recording()
    result = sweep(**OPTIONS | {"scheduler": recording})
    for number, trial in enumerate(result.trials):
        np.testing.assert_allclose(recording.seen[number], np.maximum.accumulate(trial.curves.scores[0]), rtol=1e-6)


def test_the_best_says_that_it_was_stopped_early():
    result = sweep(**OPTIONS | {"scheduler": Recording()})
    assert (result.best.status, result.best.epoch) == ("stopped", result.trials[result.best.trial].score_epoch)
    assert f"after epoch {result.best.epoch} (stopped early)" in repr(result.best)
    assert f"after epoch {result.best.epoch} (stopped early), learning_rate" in repr(result)


def test_a_population_is_compared_by_its_latest_scores():
    scheduler = nn.population_based(perturbation_interval=3)
    last, best = (
        sweep(**OPTIONS | {"scheduler": scheduler, "keep_epoch": each, "lanes": 12}) for each in ("last", "best")
    )
    assert [trial.copies for trial in best.trials] == [trial.copies for trial in last.trials]
    assert any(trial.copies for trial in best.trials)
    for trial in best.kept:
        evaluated = nn.evaluate(best.recipe_of(trial), best.params(trial, lane=0), VALIDATION)
        np.testing.assert_allclose(-evaluated.loss, best.trials[trial].score, rtol=1e-5)


def test_copies_after_the_best_epoch_change_no_size(tmp_path):
    """Copies inherit widths; the parameters of an earlier epoch have the width of that epoch."""
    space = {"learning_rate": nn.log_uniform(0.2, 1.0), "width": nn.sizes(2, 9)}
    options = OPTIONS | {"scheduler": nn.population_based(perturbation_interval=2), "space": space, "keep": 12}
    result = sweep(tmp_path, lanes=12, **options)
    late = [
        trial for trial in result.trials
        if any(epoch >= trial.score_epoch and values["width"] != trial.setting.values["width"]
               for epoch, _, values in trial.copies)
    ]  # fmt: skip
    assert late
    for trial in result.trials:
        params = result.params(trial.trial, lane=0)
        assert params["output"].weight.shape == (result.hypers_of(trial.trial)["width"], 3)
        evaluated = nn.evaluate(result.recipe_of(trial.trial), params, VALIDATION)
        np.testing.assert_allclose(-evaluated.loss, trial.score, rtol=1e-5)
    assert_same_sweep(sweep(tmp_path, lanes=12, **options), result)


def test_a_trial_that_diverges_has_no_best_epoch():
    def make(hypers):
        return nn.Recipe(nn.Model(lambda key: np.zeros((4, 3), np.float32), lambda params, x, *, key=None: x @ params),
                         nn.squared_error, optax.sgd(hypers["learning_rate"]))  # fmt: skip

    one_hot = TRAIN[0], np.eye(3, dtype=np.float32)[TRAIN[1]]
    result = nn.sweep(
        make, {"learning_rate": nn.log_uniform(1e3, 1e4)}, one_hot, key=jax.random.key(0), trials=4, epochs=40,
        validation=one_hot, keep_epoch="best", progress=False,
    )  # fmt: skip
    assert {trial.status for trial in result.trials} == {"diverged"}
    assert all(np.isnan(trial.score) and trial.score_epoch == trial.epochs < 40 for trial in result.trials)


def test_an_interrupted_sweep_goes_on_to_the_same_bits(tmp_path, best):
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=7, **OPTIONS)
    resumed = sweep(tmp_path, **OPTIONS)
    assert_same_sweep(resumed, best)
    assert_same_sweep(sweep(tmp_path, **OPTIONS), best)


def test_another_word_is_refused():
    with pytest.raises(ValueError, match='keep_epoch must be "last" or "best", not \'first\''):
        nn.sweep(make_recipe, SPACE, TRAIN, key=jax.random.key(0), trials=1, epochs=1, validation=VALIDATION,
                 keep_epoch="first")  # fmt: skip
