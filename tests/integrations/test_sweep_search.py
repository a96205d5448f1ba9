"""`SweepSearchCV` beside scikit-learn's searches around the same estimator: the same candidates, folds and scores."""

import pickle

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, RandomizedSearchCV, ShuffleSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import jaxnn as nn
from jaxnn.integrations.sklearn import NetworkClassifier, NetworkRegressor, SweepSearchCV, fit_cache
from jaxnn.integrations.sklearn.lanes import run_jobs

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
NETWORK = NetworkClassifier((6,), epochs=12, random_state=0)
PIPELINE = Pipeline([("scale", StandardScaler()), ("network", NETWORK)])
RATES = {"learning_rate": loguniform(1e-3, 1.0), "weight_decay": loguniform(1e-6, 1e-2)}
NESTED = {f"network__{name}": values for name, values in RATES.items()}
OPTIONS = {"n_iter": 4, "random_state": 0, "cv": 3}


def assert_same(ours, theirs, rtol: float = 1e-5) -> None:
    """Asserts that two searches have the same results, but for their seconds."""
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    for name, values in theirs.cv_results_.items():
        if "_test_" in name or "_train_" in name:
            np.testing.assert_allclose(ours.cv_results_[name], values, rtol=rtol, atol=1e-6, err_msg=name)
    if hasattr(theirs, "best_params_"):
        assert ours.best_params_ == theirs.best_params_


def search_both(estimator, space, data=(X, NAMES), *, params=None, **options):
    options = OPTIONS | options
    ours = SweepSearchCV(estimator, space, **options).fit(*data, **(params or {}))
    theirs = RandomizedSearchCV(estimator, space, **options).fit(*data, **(params or {}))
    assert_same(ours, theirs)
    return ours, theirs


def test_the_results_are_those_of_scikit_learn() -> None:
    scoring = ["accuracy", "neg_log_loss"]
    splitter = ShuffleSplit(3, test_size=0.3)
    splitter.random_state = 3
    ours, theirs = search_both(
        PIPELINE, NESTED, scoring=scoring, refit="accuracy", cv=splitter, return_train_score=True
    )
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-5)
    assert ours.best_estimator_.get_params()["memory"] is None
    assert isinstance(ours.estimator, Pipeline)
    assert set(ours.scorer_) == set(theirs.scorer_)
    copy = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(copy.predict(X), ours.predict(X))
    assert clone(ours).get_params()["n_iter"] == 4


def test_all_fits_of_a_search_share_few_programs_and_preprocessing_is_fitted_once(compilations) -> None:
    class Counting(StandardScaler):
        fits = 0

        def fit(self, X, y=None, sample_weight=None):  # noqa: N803
            Counting.fits += 1
            return super().fit(X, y, sample_weight)

    pipeline = Pipeline([("scale", Counting()), ("network", clone(NETWORK).set_params(hidden_sizes=(7,)))])
    with compilations() as compiled:
        SweepSearchCV(pipeline, NESTED, n_iter=8, random_state=0, cv=4, refit=False).fit(X, NAMES)
    assert Counting.fits == 4
    # The start, the lanes for 112 and 113 rows, predictions, and the bits of a key.
    assert len(compiled) <= 5


def test_a_fitted_search_keeps_the_best_network_alone() -> None:
    search = SweepSearchCV(PIPELINE, NESTED, **OPTIONS)
    few, many = (len(pickle.dumps(clone(search).set_params(n_iter=n).fit(X, NAMES))) for n in (2, 8))
    assert many < few + 2000  # the columns of the results alone


def test_any_scorer_groups_and_weights() -> None:
    def count_right(y, predicted, sample_weight=None):
        return np.sum((y == predicted) * (1.0 if sample_weight is None else sample_weight))

    groups = np.arange(150) % 7
    weights = 1.0 + np.arange(150) % 3
    params = {"groups": groups, "sample_weight": weights}
    search_both(NETWORK, RATES, scoring=make_scorer(count_right), cv=GroupKFold(3), params=params)
    search_both(
        NETWORK, RATES, scoring={"own": lambda network, x, y: network.n_iter_ + network.score(x, y)}, refit="own"
    )


def test_a_grid_with_settings_of_other_steps_and_shapes() -> None:
    grid = {
        "scale": [StandardScaler(), "passthrough"], "network__hidden_sizes": [(4,)],
        "network__learning_rate": [0.01, 0.1],
    }  # fmt: skip
    ours = SweepSearchCV(PIPELINE, param_grid=grid, cv=2).fit(X, NAMES)
    theirs = GridSearchCV(PIPELINE, param_grid=grid, cv=2).fit(X, NAMES)
    assert str(ours.cv_results_["params"]) == str(theirs.cv_results_["params"])
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-5)


def test_grids_that_name_other_numbers_leave_the_rest_as_in_the_estimator() -> None:
    grids = [{"learning_rate": [0.3]}, {"weight_decay": [0.3]}, {"learning_rate": [0.1, 1e-3]}, {}]
    ours = SweepSearchCV(NETWORK, grids, n_iter=None, cv=2, scoring="neg_log_loss").fit(X, NAMES)
    theirs = GridSearchCV(NETWORK, grids, cv=2, scoring="neg_log_loss").fit(X, NAMES)
    assert_same(ours, theirs)


def test_epochs_and_early_stopping_differ_between_lanes() -> None:
    network = clone(NETWORK).set_params(epochs=60, early_stopping=True, patience=2, learning_rate=0.1)
    search_both(
        network, {"epochs": [5, 40], "learning_rate": [0.01, 0.1, 0.3], "patience": [2, 5]}, scoring="neg_log_loss"
    )
    search_both(NETWORK, {"random_state": [1, 2, 3], "learning_rate": [0.01, 0.1]}, refit=False)


def test_numbers_are_predicted() -> None:
    network = NetworkRegressor((5,), epochs=12, random_state=0)
    scoring = ["r2", "neg_mean_squared_error", "neg_root_mean_squared_error", "neg_mean_absolute_error"]
    targets = X[:, 2:] + 1.0
    search_both(network, RATES, (X[:, :2], targets), scoring=scoring, refit="r2")
    search_both(network, RATES, (X[:, :2], targets[:, 0]), refit=False)


def test_a_network_inside_another_estimator_trains_in_lanes() -> None:
    network = Pipeline([("scale", StandardScaler()), ("network", NetworkRegressor((5,), epochs=12, random_state=0))])
    estimator = TransformedTargetRegressor(network, transformer=StandardScaler())
    space = {f"regressor__{name}": values for name, values in NESTED.items()}
    # A fit that is made alone would warn, which is an error here.
    search_both(estimator, space, (X[:, :2], 100 * X[:, 2:]))


def test_an_unknown_name_ends_the_search_at_once() -> None:
    spaces = [{"network__learning_rate": [0.1]}, {"network__rate": [0.1]}]
    for search in (SweepSearchCV(PIPELINE, spaces, n_iter=None, cv=2), GridSearchCV(PIPELINE, spaces, cv=2)):
        with pytest.raises(ValueError, match="Invalid parameter 'rate' for estimator NetworkClassifier"):
            search.fit(X, NAMES)


def test_a_candidate_that_fails_is_reported_as_by_scikit_learn() -> None:
    space = {"learning_rate": [0.1, -1.0], "hidden_sizes": [(4,), (0,)]}
    with pytest.warns(UserWarning, match="non-finite"), pytest.warns(FitFailedWarning):
        ours = SweepSearchCV(NETWORK, space, n_iter=None, cv=2, refit=False).fit(X, NAMES)
    assert np.isnan(ours.cv_results_["mean_test_score"]).tolist() == [False, True, True, True]
    with pytest.raises(ValueError, match="learning_rate must be at least 0"):
        SweepSearchCV(NETWORK, space, n_iter=None, cv=2, error_score="raise").fit(X, NAMES)


@pytest.mark.parametrize(
    ("estimator", "rounds"),
    [
        (OneVsRestClassifier(NETWORK), 1),
        (BaggingClassifier(NETWORK, n_estimators=2, max_features=3, random_state=0), 1),
        (CalibratedClassifierCV(NETWORK, cv=2, method="isotonic"), 2),
    ],
    ids=lambda part: type(part).__name__,
)
def test_all_networks_of_an_estimator_train_in_lanes(estimator, rounds, monkeypatch) -> None:
    runs = []
    monkeypatch.setattr(fit_cache, "run_jobs", lambda jobs, **options: runs.append(jobs) or run_jobs(jobs, **options))
    space = {"estimator__learning_rate": [0.01, 0.1], "estimator__epochs": [6, 9]}
    # A fit that is made alone would warn, which is an error here.
    options = {"n_iter": 2, "cv": 2, "random_state": 0, "scoring": "accuracy", "refit": False}
    ours = SweepSearchCV(estimator, space, **options).fit(X, NAMES)
    assert len([jobs for jobs in runs if jobs]) == rounds
    assert_same(ours, RandomizedSearchCV(estimator, space, **options).fit(X, NAMES))


def test_fits_that_are_not_known_ahead_are_counted() -> None:
    # The third fit of each stack needs predictions of the second; a round would fit the other estimator again.
    stack = StackingClassifier([("tree", DecisionTreeClassifier()), ("network", NETWORK)], cv=2)
    with pytest.warns(UserWarning, match="SweepSearchCV: 4 fits of networks were not known ahead"):
        SweepSearchCV(stack, {"network__epochs": [2, 3]}, n_iter=2, cv=2, refit=False).fit(X, NAMES)
    # Without a seed, both networks of each fit get other rows every time.
    drawing = BaggingClassifier(clone(NETWORK).set_params(epochs=2), n_estimators=2)
    with pytest.warns(UserWarning, match="SweepSearchCV: 8 fits of networks were not known ahead"):
        SweepSearchCV(drawing, {"estimator__learning_rate": [0.01, 0.1]}, n_iter=2, cv=2, refit=False).fit(X, NAMES)


def test_successive_halving_trains_the_best_for_longer() -> None:
    search = SweepSearchCV(
        PIPELINE, NESTED, n_iter=9, random_state=0, cv=2, scheduler=nn.asha(grace_period=4, reduction_factor=3)
    )
    found = search.fit(X, NAMES).cv_results_
    assert found["iter"].tolist() == [0] * 9 + [1] * 3
    assert found["n_resources"].tolist() == [4] * 9 + [12] * 3
    first, last = found["mean_test_score"][:9], found["params"][9:]
    best = sorted(np.argsort(-first, kind="stable")[:3])
    assert last == [found["params"][i] | {"network__epochs": 12} for i in best]
    assert search.best_index_ == 9 + found["mean_test_score"][9:].argmax()
    assert search.best_estimator_[-1].n_iter_ == 12
