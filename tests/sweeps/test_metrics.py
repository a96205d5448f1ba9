"""Metrics of a sweep: reported beside the score, with the values that scikit-learn computes from the outputs."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.metrics

import jaxnn as nn
from helpers.resumable_runs import SPACE, TRAIN, VALIDATION, InjectedError, assert_same_bits, assert_same_sweep, sweep
from jaxnn.sweeps.results.tables import RESULT_COLUMNS


def make_linear(hypers):
    return nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))


def macro_f1(outputs, labels, *, where=None):
    table = nn.confusion_matrix(outputs, labels, where=where)
    return jnp.mean(2 * jnp.diagonal(table) / (table.sum(axis=0) + table.sum(axis=1)))


METRICS = {"right": nn.accuracy, "f1": macro_f1}
REFERENCES = {
    "right": sklearn.metrics.accuracy_score,
    "f1": lambda labels, predicted: sklearn.metrics.f1_score(labels, predicted, average="macro"),
}


def compute_reference(name, params, x, labels):
    """Returns a metric of a linear model on some rows, from scikit-learn."""
    weight, bias = params["output"]
    return REFERENCES[name](labels, (x @ weight + bias).argmax(axis=1))


@pytest.fixture(scope="module")
def scored():
    """A sweep whose metrics are the score under another name, and one more."""
    return sweep(make=make_linear, score=nn.accuracy, metrics=METRICS, keep=18)


@pytest.mark.parametrize("name", METRICS)
def test_every_trial_has_the_value_of_scikit_learn(scored, name):
    for trial in scored.trials:
        expected = compute_reference(name, scored.params(trial.trial, lane=0), *map(np.asarray, VALIDATION))
        np.testing.assert_allclose(trial.metrics[name], expected, rtol=1e-6)
    assert len({trial.metrics[name] for trial in scored.trials}) > 3


def test_curves_have_a_value_wherever_the_score_has_one(scored):
    assert_same_bits(scored.curves("right"), scored.curves("scores"))
    assert [trial.metrics["right"] for trial in scored.trials] == scored.scores.tolist()
    curves = scored.curves("f1")
    assert curves.shape == (18, 9)
    np.testing.assert_array_equal(np.isnan(curves), np.isnan(scored.curves()))
    for curve, trial in zip(curves, scored.trials, strict=True):
        assert np.float32(curve[trial.epochs - 1]) == np.float32(trial.metrics["f1"])


def test_metrics_decide_nothing(scored):
    plain = sweep(make=make_linear, score=nn.accuracy, keep=18)
    assert [(trial.status, trial.epochs) for trial in scored.trials] == [
        (trial.status, trial.epochs) for trial in plain.trials
    ]
    np.testing.assert_allclose(scored.curves("losses"), plain.curves("losses"), rtol=1e-6)


def test_at_rungs_metrics_are_evaluated_with_the_score(scored):
    few = sweep(make=make_linear, score=nn.accuracy, metrics=METRICS, evaluate_at="rungs")
    at_rungs = np.isin(np.arange(1, 10), [1, 3, 9])
    np.testing.assert_array_equal(~np.isnan(few.curves("f1")), ~np.isnan(scored.curves("f1")) & at_rungs)
    np.testing.assert_allclose(few.curves("f1")[:, at_rungs], scored.curves("f1")[:, at_rungs], rtol=1e-5)
    best = few.best.trial
    assert_same_bits(few.replay(best).curves, few.trials[best].curves)


def test_folds_count_their_own_rows_and_a_trial_has_the_mean_over_its_lanes():
    result = sweep(make=make_linear, validation=None, folds=2, repeats=2, metrics=METRICS, trials=3, scheduler=None)
    x, labels = map(np.asarray, TRAIN)
    folds = result.plan.folds
    assert folds is not None
    assert not folds.mask.all()
    for trial in result.trials:
        params = result.replay(trial.trial).params
        for name in METRICS:
            values = []
            for lane in range(4):
                rows = np.asarray(folds.validation)[lane % 2][np.asarray(folds.mask)[lane % 2]]
                one = jax.tree.map(lambda leaf, lane=lane: leaf[lane], params)
                values.append(compute_reference(name, one, x[rows], labels[rows]))
            np.testing.assert_allclose(trial.curves.metrics[name][:, -1], values, rtol=1e-6)
            np.testing.assert_allclose(trial.metrics[name], np.mean(values), rtol=1e-6)


def test_tables_files_and_logs_have_a_value_for_each_metric(tmp_path, scored):
    logged = {}
    result = sweep(tmp_path, make=make_linear, score=nn.accuracy, metrics=METRICS)
    names = ["trial", "learning_rate", *RESULT_COLUMNS, "right", "f1"]
    assert list(result.table()[0]) == names
    assert result.to_pandas()["f1"].tolist() == [trial.metrics["f1"] for trial in scored.trials]
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert list(rows[0]) == names
    assert [float(row["f1"]) for row in rows] == [trial.metrics["f1"] for trial in result.trials]
    epochs = np.genfromtxt(tmp_path / "curves.csv", delimiter=",", names=True)
    assert epochs.dtype.names == ("trial", "epoch", "loss", "validation_loss", "score", "right", "f1")
    curves = result.curves("f1")
    np.testing.assert_array_equal(epochs["f1"].astype("f"), curves[~np.isnan(curves)].astype("f"))
    nn.sweep(
        make_linear, SPACE, TRAIN, key=jax.random.key(0), trials=2, epochs=1, validation=VALIDATION, metrics=METRICS,
        log=logged.__setitem__, progress=False,
    )  # fmt: skip
    assert set(logged[1]) == {"learning_rate", "score", "epochs", "right", "f1"}
    assert "f1" in result._repr_html_()


@pytest.mark.parametrize("options", [{}, {"evaluate_at": "rungs", "validation": None, "folds": 2}], ids=str)
def test_a_resumed_sweep_has_the_same_bits(tmp_path, options):
    options = {"make": make_linear, "metrics": METRICS} | options
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=7, **options)
    assert_same_sweep(sweep(tmp_path, **options), sweep(**options))


def test_a_directory_does_not_resume_with_other_metrics(tmp_path):
    sweep(tmp_path, make=make_linear, metrics=METRICS, trials=2)
    with pytest.raises(ValueError, match="metric_names was"):
        sweep(tmp_path, make=make_linear, metrics=dict(reversed(METRICS.items())), trials=2)
    with pytest.raises(ValueError, match=r"; metrics was right\(accuracy\), f1\(macro_f1\) and is None"):
        sweep(tmp_path, make=make_linear, trials=2)


def test_a_diverged_trial_has_the_metric_nan():
    space = {"learning_rate": nn.log_uniform(1e38, 3e38)}
    result = sweep(make=make_linear, scheduler=None, trials=2, space=space, metrics=METRICS)
    for trial in result.trials:
        assert trial.status == "diverged"
        assert np.isnan(list(trial.metrics.values())).all()


def test_metrics_compile_one_program_and_no_metrics_none(compilations):
    def make_recipe(hypers):  # a recipe of its own, which no other test has compiled
        return nn.Recipe(nn.mlp([4, 7, 3]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))

    options = {"make": make_recipe, "trials": 2, "scheduler": None}
    with compilations() as first:
        sweep(**options)
    with compilations() as again:
        sweep(metrics={}, **options)
    with compilations() as measured:
        sweep(metrics=METRICS, **options)
    assert first
    assert again == []
    assert len(measured) == 1


def test_a_curve_that_does_not_exist_is_refused(scored):
    with pytest.raises(ValueError, match="curves of losses, validation_losses, scores, right, f1, not of 'auc'"):
        scored.curves("auc")
