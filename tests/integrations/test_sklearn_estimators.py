"""Networks as estimators of scikit-learn: what fits, predicts, goes on and comes back, and how rarely it compiles."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
import sklearn
from flax import linen
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import jaxnn as nn
from helpers.errors import error_message
from jaxnn.integrations.sklearn import NetworkClassifier, NetworkRegressor, SweepSearchCV

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


def make(**options) -> NetworkClassifier:
    return NetworkClassifier((8,), learning_rate=0.03, epochs=60, random_state=0, **options)


@pytest.fixture(scope="module")
def fitted() -> NetworkClassifier:
    return make().fit(X, NAMES)


def test_strings_are_labels(fitted) -> None:
    assert fitted.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert fitted.score(X, NAMES) > 0.95
    shares = fitted.predict_proba(X)
    assert shares.shape == (150, 3)
    np.testing.assert_array_equal(fitted.classes_[shares.argmax(axis=1)], fitted.predict(X))
    # The outputs are the model's own, and the probabilities their softmax.
    outputs = np.asarray(nn.predict(fitted.model_, fitted.params_, X.astype("f")))
    np.testing.assert_allclose(shares, np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True), rtol=1e-5)


def test_a_training_is_that_of_fit() -> None:
    """The rows that fill up the bucket change nothing: the losses are those of `nn.fit` on the same start."""
    one = NetworkClassifier((8,), learning_rate=0.03, weight_decay=0.1, epochs=3, batch_size=40, random_state=0)
    rows = np.arange(150) % 7 != 0
    weights = np.where(Y == 1, 3.0, 1.0)[rows]
    one.fit(X[rows], Y[rows], sample_weight=weights)
    scaled = (weights / weights.mean()).astype("f")
    recipe = nn.Recipe(
        nn.mlp([4, 8, 3], initializer=nn.initializers.glorot_uniform), nn.weighted(nn.cross_entropy),
        optax.adamw(0.03, weight_decay=0.1), batch_size=40,
    )  # fmt: skip
    data = X[rows].astype("f"), (Y[rows], scaled)
    found = jax.jit(lambda key: nn.fit(recipe, data, key=key, epochs=3))(jax.random.key(one._seed))
    np.testing.assert_allclose(one.loss_curve_, found.losses, rtol=1e-5)
    np.testing.assert_allclose(one.params_["output"].weight, found.params["output"].weight, rtol=1e-4, atol=1e-6)


def test_columns_have_names_and_a_pipeline_keeps_them() -> None:
    table = pd.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), make()).set_output(transform="pandas").fit(table, pd.Series(NAMES))
    assert pipeline[-1].feature_names_in_.tolist() == list("abcd")
    assert pipeline.score(table, NAMES) > 0.95
    with pytest.raises(ValueError, match="feature names should match"):
        pipeline[-1].predict(table[list("dcba")])


def test_numbers_that_differ_share_a_program(compilations) -> None:
    pipeline = make_pipeline(StandardScaler(), NetworkClassifier((5,), epochs=4, random_state=0))
    grid = {"networkclassifier__learning_rate": np.geomspace(1e-3, 1.0, 8)}
    with compilations() as compiled:
        GridSearchCV(pipeline, grid, error_score="raise").fit(X, NAMES)
    assert len(compiled) <= 5
    with compilations() as compiled:
        make(dropout=0.0).set_params(hidden_sizes=(5,), epochs=7, weight_decay=0.5, patience=3).fit(X, NAMES)
    assert compiled == []


def test_several_labels_of_a_row_and_several_outputs() -> None:
    bits = np.stack([Y == 0, Y != 2], axis=1).astype(int)
    labels = make().fit(X, bits)
    assert (labels.predict(X) == bits).mean() > 0.9
    assert labels.predict_proba(X).shape == (150, 2)
    np.testing.assert_array_equal(make().fit(X, csr_matrix(bits)).predict(X), labels.predict(X))
    line = NetworkRegressor((), learning_rate=0.1, epochs=200, random_state=0, weight_decay=0.0)
    targets = X @ np.array([[1.0, 0], [0, 2], [0, 0], [-1, 1]]) + 0.5
    assert line.fit(X, targets).score(X, targets) > 0.99
    assert line.predict(X).shape == (150, 2)
    assert error_message(ValueError, lambda: line.partial_fit(X, targets[:, 0])).endswith("must have 2 columns, not 1")
    assert line.fit(X, targets[:, 0]).predict(X.astype("f")).dtype == np.float32


def test_weights_of_classes_and_rows_are_repetitions() -> None:
    options = {"precision": "float64", "batch_size": 300, "tolerance": 0.0}
    repeated = np.concatenate([np.arange(150), np.flatnonzero(Y == 1)])
    expected = make(**options).fit(X[repeated], Y[repeated]).predict_proba(X)
    by_class = make(class_weight={0: 1, 1: 2, 2: 1}, **options).fit(X, Y).predict_proba(X)
    by_row = make(**options).fit(X, Y, sample_weight=np.where(Y == 1, 2.0, 1.0)).predict_proba(X)
    np.testing.assert_allclose(by_class, expected, rtol=1e-7)
    np.testing.assert_allclose(by_row, expected, rtol=1e-7)
    assert not np.allclose(make(**options).fit(X, Y).predict_proba(X), expected, rtol=1e-3)
    # A part of a stream may lack the class that has a weight.
    some = make(class_weight={2: 4}).partial_fit(X[:100], Y[:100], classes=[0, 1, 2])
    plain = make().partial_fit(X[:100], Y[:100], classes=[0, 1, 2])
    np.testing.assert_array_equal(some.predict_proba(X), plain.predict_proba(X))


def test_a_validation_set_ends_the_training_and_its_best_epoch_is_kept() -> None:
    options = {"early_stopping": True, "patience": 3, "tolerance": 0.0}
    rng = np.random.default_rng(0)
    noisy = rng.permutation(NAMES[100:])
    given = make(**options).set_params(epochs=200).fit(X[:140], NAMES[:140], validation=(X[100:], noisy))
    curve = given.validation_loss_curve_
    assert len(curve) == given.n_iter_ < 200
    assert curve.argmin() == given.n_iter_ - 4
    loss = log_loss(noisy, given.predict_proba(X[100:]), labels=given.classes_)
    np.testing.assert_allclose(loss, curve.min(), rtol=1e-5)
    split = make(early_stopping=True).fit(X, NAMES)
    assert len(split.validation_loss_curve_) == split.n_iter_ < 60
    assert split.validation_loss_curve_.argmin() >= split.n_iter_ - 1 - split.patience


def test_callbacks_survive_clone_and_end_a_training() -> None:
    seen = []

    def callback(epoch, values):
        seen.append((epoch, values["loss"]))
        return "stop" if epoch == 5 else None

    one = clone(make(callbacks=[callback])).fit(X, NAMES)
    assert one.n_iter_ == 5
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose([loss for _, loss in seen], one.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(one.loss_curve_, make().set_params(epochs=5).fit(X, NAMES).loss_curve_, rtol=1e-6)


def test_partial_fit_goes_on_and_warm_start_starts_from_the_last() -> None:
    steps = make()
    words = error_message(ValueError, lambda: make().partial_fit(X, NAMES))
    assert words == "NetworkClassifier: the first call of partial_fit needs classes=, all labels there are"
    for _ in range(60):
        steps.partial_fit(X, NAMES, classes=np.unique(NAMES))
    # Full batches draw nothing, so that the losses are those of `fit`.
    np.testing.assert_allclose(steps.loss_curve_, make().fit(X, NAMES).loss_curve_, rtol=1e-4)
    assert steps.n_iter_ == 60
    assert error_message(ValueError, lambda: steps.partial_fit(X, Y)).startswith("NetworkClassifier: y has the label")
    words = error_message(ValueError, lambda: clone(steps).partial_fit(X, Y, classes=[0, 1]))
    assert words == "NetworkClassifier: y has the label 2, but classes are [0 1]"
    for name, value in {"hidden_sizes": (5,), "optimizer": "sgd"}.items():
        changed = pickle.loads(pickle.dumps(steps)).set_params(**{name: value})
        words = error_message(ValueError, lambda changed=changed: changed.partial_fit(X, NAMES))
        assert words.startswith(f"NetworkClassifier: partial_fit goes on with earlier calls, in which {name} was")
    assert pickle.loads(pickle.dumps(steps)).set_params(learning_rate=0.1).partial_fit(X, NAMES).n_iter_ == 61
    warm = make(warm_start=True).fit(X, NAMES)
    last = warm.loss_curve_[-1]
    assert warm.fit(X, NAMES).loss_curve_[0] < last


def test_warm_start_refuses_the_params_of_another_network() -> None:
    warm = make(warm_start=True).set_params(epochs=2).fit(X, NAMES)
    shapes = error_message(ValueError, lambda: warm.fit(X[:, :2], NAMES))
    assert "['hidden_1'].weight has shape (4, 8), not (2, 8)" in shapes
    deeper = clone(warm).fit(X, NAMES).set_params(hidden_sizes=(8, 8))
    assert "['hidden_2'].weight has shape None, not (8, 8)" in error_message(ValueError, lambda: deeper.fit(X, NAMES))
    labels = error_message(ValueError, lambda: clone(warm).fit(X, NAMES).fit(X, Y))
    assert (
        labels == "NetworkClassifier: warm_start goes on with classes ['setosa' 'versicolor' 'virginica'], not [0 1 2]"
    )


def test_log_probabilities_do_not_underflow(fitted) -> None:
    logs = fitted.predict_log_proba(1e4 * X)
    assert np.isfinite(logs).all()
    assert logs.min() < -1000
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), fitted.predict_proba(X), rtol=1e-12)


def test_a_pickled_network_predicts_the_same_and_goes_on(fitted) -> None:
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    before = copy.n_iter_
    assert copy.partial_fit(X, NAMES).n_iter_ == before + 1


def test_models_of_the_user() -> None:
    images = X.reshape(150, 2, 2, 1)
    model = nn.cnn((2, 2, 1), (4,), 3, pool=1)
    own = clone(make(model=model))
    assert own.model == model
    assert "model=Model(cnn 1-4, 16-3)" in repr(own)
    assert "Model(cnn 1-4, 16-3)" in own._repr_html_()
    assert own.fit(images, NAMES).score(images, NAMES) > 0.9

    def build(inputs, outputs):
        return nn.mlp([inputs, 6, outputs], activation=jnp.tanh)

    one = clone(make(model=build, optimizer=optax.rmsprop)).fit(X, NAMES)
    assert one.score(X, NAMES) > 0.9
    assert one.params_["hidden_1"].weight.shape == (4, 6)
    norm = nn.resnet((2, 2, 1), (4,), 3, blocks=1)
    assert make(model=norm).fit(images, NAMES).score(images, NAMES) > 0.8


class Linen(linen.Module):
    """A module of Flax."""

    width: int

    @linen.compact
    def __call__(self, x):
        return linen.Dense(3)(linen.relu(linen.Dense(self.width)(x)))


def test_modules_of_flax_train_alone_and_in_a_search(compilations) -> None:
    network = clone(make(model=Linen(6)))
    assert network.fit(X, NAMES).score(X, NAMES) > 0.9
    copy = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(copy.predict_proba(X), network.predict_proba(X))
    with compilations() as compiled:
        search = SweepSearchCV(network, {"learning_rate": [0.03, 0.1]}, n_iter=2, cv=2, refit=False).fit(X, NAMES)
    assert search.cv_results_["mean_test_score"].min() > 0.8
    assert len(compiled) <= 6


def test_metadata_is_routed() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        network = make().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        weights = np.where(Y == 1, 1e-9, 1.0)
        found = cross_validate(network, X, Y, params={"sample_weight": weights}, return_estimator=True)
    assert not any((one.predict(X) == 1).any() for one in found["estimator"])


def test_a_pipeline_transforms_the_validation_set() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        network = make().set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("network", network)], transform_input=["X_val"])
        pipeline.fit(7 * X[::2] + 1, NAMES[::2], X_val=7 * X[1::2] + 1, y_val=NAMES[1::2])
    loss = log_loss(NAMES[1::2], pipeline.predict_proba(7 * X[1::2] + 1))
    np.testing.assert_allclose(loss, pipeline[-1].validation_loss_curve_.min(), rtol=1e-5)


def test_errors_say_what_is_wrong(as_installed: None) -> None:
    with pytest.raises(NotFittedError):
        make().predict(X)
    wrong = {
        "precision": "half", "optimizer": "adamax", "activation": "rule", "dropout": 1.0, "epochs": 0,
        "learning_rate": -1.0, "validation_fraction": 1.0, "callbacks": [3], "model": 3, "patience": 0, "batch_size": 0,
        "hidden_sizes": (0,),
    }  # fmt: skip
    for name, value in wrong.items():
        with pytest.raises((TypeError, ValueError), match=rf"NetworkClassifier: {name}(\[0\])? must"):
            make().set_params(**{name: value}).fit(X, Y)
    assert "OneHotEncoder(sparse_output=False)" in error_message(TypeError, lambda: make().fit(csr_matrix(X), Y))
    words = error_message(ValueError, lambda: make().fit(X, Y, sample_weight=np.zeros(150)))
    assert "positive sum" in words or "zero" in words


def test_an_unknown_parameter_is_named_with_those_like_it() -> None:
    for estimator in (NetworkClassifier, NetworkRegressor):
        name = estimator.__name__

        def message(estimator=estimator, **options) -> str:
            return error_message(TypeError, lambda: estimator(**options))

        assert message(max_iter=9) == f"{name}: there is no parameter 'max_iter'; here it is epochs"
        assert message(weight_deca=1) == f"{name}: there is no parameter 'weight_deca'; did you mean weight_decay?"
        assert message(zzz=1).startswith(f"{name}: there is no parameter 'zzz'; the parameters are hidden_sizes, ")
    assert clone(make()).get_params() == make().get_params()
