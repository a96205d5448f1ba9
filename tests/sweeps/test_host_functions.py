"""Scores and metrics that use NumPy or scikit-learn: computed on the host, where trials are compared and end."""

import jax
import numpy as np
import optax
import pytest
import sklearn.metrics

import jaxnn as nn
from helpers import resumable_runs
from helpers.resumable_runs import TRAIN, VALIDATION, InjectedError, assert_same_bits, assert_same_sweep

RUNGS = np.isin(np.arange(1, 10), [1, 3, 9])
# Virginica or not. The rows of the two folds differ in number, so that one is padded.
X, LABELS = np.asarray(TRAIN[0]), (np.asarray(TRAIN[1]) == 2).astype(np.int32)
TEST_X, TEST_LABELS = np.asarray(VALIDATION[0]), (np.asarray(VALIDATION[1]) == 2).astype(np.int32)


def make_linear(hypers):
    return nn.Recipe(nn.mlp([4, 2]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))


def auc(outputs, labels):
    return sklearn.metrics.roc_auc_score(labels, outputs[:, 1] - outputs[:, 0])


def numpy_accuracy(outputs, labels):
    return np.mean(np.asarray(outputs).argmax(axis=1) == labels)


def sweep(directory=None, **options):
    options = {"make": make_linear, "data": (X, LABELS), "validation": (TEST_X, TEST_LABELS)} | options
    return resumable_runs.sweep(directory, **options)


def compute_auc(params, x, labels):
    weight, bias = params["output"]
    return auc(x @ weight + bias, labels)


@pytest.fixture(scope="module")
def measured():
    return sweep(metrics={"auc": auc, "right": nn.accuracy}, keep=18)


def test_a_metric_of_scikit_learn_has_its_value_where_trials_are_compared_and_where_they_end(measured):
    assert {trial.status for trial in measured.trials} == {"finished", "stopped"}
    for trial in measured.trials:
        expected = compute_auc(measured.params(trial.trial, lane=0), TEST_X, TEST_LABELS)
        np.testing.assert_allclose(trial.metrics["auc"], expected, rtol=1e-6)
    assert len({trial.metrics["auc"] for trial in measured.trials}) > 3
    compiled = ~np.isnan(measured.curves("right"))
    np.testing.assert_array_equal(compiled, ~np.isnan(measured.curves()))
    np.testing.assert_array_equal(~np.isnan(measured.curves("auc")), compiled & RUNGS)


def test_a_replay_computes_it_again(measured):
    again = measured.replay(measured.best.trial)
    assert_same_bits(again.curves, measured.trials[measured.best.trial].curves)


def test_each_fold_and_repeat_is_computed_from_its_own_rows():
    counts = []

    def count_and_measure(outputs, labels):
        counts.append((type(outputs), len(outputs), len(labels)))
        return auc(outputs, labels)

    result = sweep(validation=None, folds=2, repeats=2, metrics={"auc": count_and_measure}, trials=3, scheduler=None)
    folds = result.plan.folds
    assert folds is not None
    own = [np.asarray(rows)[np.asarray(mask)] for rows, mask in zip(folds.validation, folds.mask, strict=True)]
    assert len(own[0]) != len(own[1])
    # While it is traced the function gets all rows, which are no NumPy arrays.
    real = sorted(lengths for kind, *lengths in counts if kind is np.ndarray)
    assert real == sorted([[len(rows)] * 2 for rows in own] * 6)
    for trial in result.trials:
        params = result.replay(trial.trial).params
        lanes = [jax.tree.map(lambda leaf, lane=lane: leaf[lane], params) for lane in range(4)]
        values = [compute_auc(lane, X[own[i % 2]], LABELS[own[i % 2]]) for i, lane in enumerate(lanes)]
        np.testing.assert_allclose(trial.curves.metrics["auc"][:, -1], values, rtol=1e-6)
        np.testing.assert_allclose(trial.metrics["auc"], np.mean(values), rtol=1e-6)


SCHEDULERS = {
    "asha": {"scheduler": nn.asha(grace_period=1)},
    "asha with folds": {"scheduler": nn.asha(grace_period=1), "validation": None, "folds": 2},
    "population": {"scheduler": nn.population_based(perturbation_interval=2), "lanes": 16, "trials": 16},
    "none": {"scheduler": None, "trials": 6},
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_score_of_numpy_decides_as_its_twin_of_jax_numpy(name):
    results = [sweep(evaluate_at="rungs", score=score, **SCHEDULERS[name]) for score in (numpy_accuracy, nn.accuracy)]
    ends = [[(trial.status, trial.epochs, trial.copies) for trial in result.trials] for result in results]
    assert ends[0] == ends[1]
    np.testing.assert_allclose(*(result.curves() for result in results), rtol=1e-6)
    assert results[0].best.trial == results[1].best.trial
    best = results[0].best.trial
    assert_same_bits(results[0].replay(best).curves, results[0].trials[best].curves)


@pytest.mark.parametrize(
    "options",
    [{"score": numpy_accuracy, "evaluate_at": "rungs"}, {"validation": None, "folds": 2}],
    ids=["score", "metric"],
)
def test_a_resumed_sweep_has_the_same_bits(tmp_path, options):
    options = {"metrics": {"auc": auc, "right": nn.accuracy}} | options
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=7, **options)
    assert_same_sweep(sweep(tmp_path, **options), sweep(**options))


def test_sizes_are_masked_for_the_host_too():
    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([4, hypers["width"], 2]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))

    space = resumable_runs.SPACE | {"width": nn.sizes(2, 6)}
    result = sweep(make=make_recipe, space=space, metrics={"auc": auc}, trials=4, scheduler=None, keep=4)
    for trial in result.trials:
        outputs = nn.predict(result.recipe_of(trial.trial).model, result.params(trial.trial, lane=0), TEST_X)
        np.testing.assert_allclose(trial.metrics["auc"], auc(np.asarray(outputs), TEST_LABELS), rtol=1e-6)


def test_a_function_may_change_its_arrays():
    def destroy(outputs, labels):
        value = np.asarray(outputs)[:, 0].mean() + labels.mean()
        outputs[:], labels[:] = 0, 0
        return value

    def keep(outputs, labels):
        return np.asarray(outputs)[:, 0].mean() + labels.mean()

    result = sweep(metrics={"destroyed": destroy, "kept": keep}, trials=4)
    assert_same_bits(result.curves("destroyed"), result.curves("kept"))


def test_a_function_that_picks_rows_by_their_targets_is_computed_on_the_host():
    """It can be traced while the targets are known, but not in a compiled program."""

    def pairs_in_order(outputs, labels):
        margins = outputs[:, 1] - outputs[:, 0]
        return (margins[labels == 1][:, None] > margins[labels == 0][None]).mean()

    result = sweep(metrics={"pairs": pairs_in_order, "auc": auc}, trials=2, scheduler=None)
    np.testing.assert_allclose(result.curves("pairs"), result.curves("auc"), rtol=1e-6)


def test_diverged_lanes_are_not_computed():
    space = {"learning_rate": nn.log_uniform(1e38, 3e38)}
    result = sweep(metrics={"auc": auc}, space=space, trials=2, scheduler=None)
    assert {trial.status for trial in result.trials} == {"diverged"}
    assert np.isnan([trial.metrics["auc"] for trial in result.trials]).all()


def test_an_exception_in_a_metric_ends_the_sweep():
    def fail(outputs, labels):
        np.asarray(outputs)
        raise InjectedError

    with pytest.raises(InjectedError):
        sweep(metrics={"fails": fail}, trials=2)


def test_a_metric_that_is_no_number_is_named():
    with pytest.raises(ValueError, match=r"sweep: both must give one real number, not an array of shape \(2,\)"):
        sweep(metrics={"both": lambda outputs, labels: np.asarray(outputs)[0]}, trials=2)


def test_a_function_without_a_mask_is_computed_on_the_host_for_folds():
    def right(outputs, labels):
        return np.mean(np.argmax(outputs, axis=1) == labels)  # NumPy leaves these to the methods of JAX arrays

    options = {"validation": None, "folds": 2, "trials": 4}
    result = sweep(metrics={"right": right, "masked": nn.accuracy}, **options)
    curves = result.curves("masked")
    np.testing.assert_allclose(result.curves("right"), np.where(RUNGS, curves, np.nan), rtol=1e-6)
    with pytest.raises(ValueError, match=r"score must be written in functions of jax\.numpy and take where="):
        sweep(score=right, **options)


def test_an_error_of_the_function_itself_is_shown():
    def wrong(outputs, labels, *, where=None):
        return {}["no such key"]

    with pytest.raises(KeyError, match="no such key"):
        sweep(validation=None, folds=2, metrics={"wrong": wrong})


def test_a_function_on_the_host_compiles_one_program_for_its_outputs(compilations):
    def make_recipe(hypers):  # a recipe of its own, which no other test has compiled
        return nn.Recipe(nn.mlp([4, 11, 2]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))

    options = {"make": make_recipe, "trials": 2, "scheduler": None}
    sweep(**options)
    with compilations() as names:
        sweep(metrics={"auc": auc}, **options)
    assert len(names) == 1
