"""Networks stored by skops and pickle: which types a file needs, and that a loaded network goes on."""

import pickle
from operator import itemgetter

import numpy as np
import optax
import skops.io
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import jaxnn as nn
from helpers.errors import error_message
from jaxnn.integrations.sklearn import NetworkClassifier, NetworkRegressor, SweepSearchCV

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
OWN = "jaxnn.integrations.sklearn"
CLASSIFIER = f"{OWN}.classifier.NetworkClassifier"


def build(inputs: int, outputs: int) -> nn.Model:
    return nn.mlp([inputs, 5, outputs])


def make_optimizer(learning_rate):
    return optax.rmsprop(learning_rate, momentum=0.9)


def reload(estimator, types: set[str]):
    """Returns what skops loads, which must need exactly these types."""
    stored = skops.io.dumps(estimator)
    assert set(skops.io.get_untrusted_types(data=stored)) == types
    return skops.io.loads(stored, trusted=sorted(types))


def make(**options) -> NetworkClassifier:
    return NetworkClassifier((6,), learning_rate=0.03, epochs=5, random_state=0, **options)


def test_skops_trusts_the_estimator_and_functions_of_the_user_alone() -> None:
    pipeline = make_pipeline(StandardScaler(), make(optimizer=make_optimizer, model=build)).fit(X, NAMES)
    loaded = reload(pipeline, {CLASSIFIER, f"{__name__}.build", f"{__name__}.make_optimizer"})
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    # The momentum of rmsprop is loaded too: an epoch more of both is the same.
    scaled = pipeline[:-1].transform(X)
    for each in map(itemgetter(-1), (pipeline, loaded)):
        each.partial_fit(scaled, NAMES)
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    assert loaded[-1].n_iter_ == 6


def test_skops_loads_regressors_of_double_precision_and_searches() -> None:
    line = NetworkRegressor((3,), epochs=3, precision="float64", early_stopping=True, random_state=0).fit(X, Y)
    loaded = reload(line, {f"{OWN}.regressor.NetworkRegressor"})
    np.testing.assert_array_equal(loaded.predict(X), line.predict(X))
    search = SweepSearchCV(make(), {"learning_rate": [0.01, 0.1]}, n_iter=2, cv=2, random_state=0).fit(X, NAMES)
    theirs = {"sklearn.metrics._scorer._PassthroughScorer", "sklearn.model_selection._split.StratifiedKFold"}
    loaded = reload(search, {CLASSIFIER, f"{OWN}.search.SweepSearchCV"} | theirs)
    np.testing.assert_array_equal(loaded.predict(X), search.predict(X))


def test_a_model_is_made_of_the_parameters_of_its_fit() -> None:
    fitted = make().fit(X, NAMES).set_params(hidden_sizes=(9,), activation="tanh")
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    # A function of the user may give another model when it is loaded.
    state = make(model=build).fit(X, NAMES).__getstate__()
    state["_origin"]["options"]["model"] = lambda inputs, outputs: nn.mlp([inputs, 4, outputs])
    message = error_message(ValueError, lambda: make().__setstate__(state))
    assert message.startswith("NetworkClassifier: it was stored with arrays of shapes [(4, 5), (5,), ")
    assert message.endswith("now make [(4, 4), (4,), (4, 3), (3,)]")
