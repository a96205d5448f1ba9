"""The checks of scikit-learn that an estimator of ours could fail; `experiments.benchmarks.sklearn_checks` runs all."""

import warnings
from itertools import chain

import pytest
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, estimator_checks_generator

from jaxnn.integrations.sklearn import NetworkClassifier, NetworkRegressor

# About weights, labels, shapes, pickles and what must not change; those that are left out fit the same things again.
CHECKS = {
    "check_sample_weight_equivalence_on_dense_data", "check_estimators_pickle", "check_estimators_dtypes",
    "check_classifiers_classes", "check_classifiers_one_label_sample_weights", "check_regressor_multioutput",
    "check_classifiers_multilabel_output_format_predict_proba", "check_dict_unchanged", "check_fit_idempotent",
    "check_estimators_partial_fit_n_features", "check_do_not_raise_errors_in_init_or_set_params",
    "check_no_attributes_set_in_init",
}  # fmt: skip
NETWORKS = [make(precision="float64", epochs=20) for make in (NetworkClassifier, NetworkRegressor)]


def name_of(check) -> str:
    return getattr(check, "func", check).__name__


PAIRS = [
    (network, check)
    for network, check in chain.from_iterable(map(estimator_checks_generator, NETWORKS))
    if name_of(check) in CHECKS
]


@pytest.mark.parametrize(("estimator", "check"), PAIRS, ids=lambda part: name_of(part) if callable(part) else "")
def test_a_check_of_scikit_learn(estimator, check) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.mark.parametrize("estimator", NETWORKS, ids=lambda each: type(each).__name__)
def test_names_of_columns_are_kept_and_compared(estimator) -> None:
    check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


def test_all_of_these_checks_exist() -> None:
    assert {name_of(check) for _, check in PAIRS} == CHECKS
