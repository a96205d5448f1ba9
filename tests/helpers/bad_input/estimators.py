"""What the estimators of scikit-learn refuse; `…` at the end of a message stands for the rest."""

import numpy as np
import optax
from sklearn.linear_model import Ridge

import jaxnn as nn
from helpers.bad_input.parts import LABELS, X
from jaxnn.integrations.sklearn import NetworkClassifier, NetworkRegressor, SweepSearchCV

NAMES = np.array(["setosa", "versicolor", "virginica"])[LABELS]
BITS = np.stack([LABELS == 0, LABELS != 2], axis=1).astype(int)


def classify(*data, fit=None, **options):
    """Returns a call that fits a classifier, by default to the labels."""
    return lambda: NetworkClassifier((3,), epochs=2, **options).fit(*(data or (X, LABELS)), **(fit or {}))


def search(space=None, estimator=None, **options):
    estimator = estimator or NetworkClassifier((3,), epochs=2)
    return lambda: SweepSearchCV(estimator, space, cv=2, **options).fit(X, LABELS)


ESTIMATOR_CALLS = {
    "a model of other inputs": (
        classify(model=nn.mlp([5, 3])),
        ValueError,
        "NetworkClassifier: the model does not take X of shape (rows, 4): dense: x (2, 4) has 4 features, but weight "
        "(5, 3) takes 5",
    ),
    "a table for a CNN": (
        classify(model=nn.cnn((8, 8, 1), (2,), 3)),
        ValueError,
        "NetworkClassifier: the model does not take X of shape (rows, 4): cnn: x must have shape (batch, 8, 8, 1), …",
    ),
    "a model of other outputs": (
        classify(model=nn.mlp([4, 2])),
        ValueError,
        "NetworkClassifier: the model must give outputs of shape (batch, 3) for examples of shape (4,), not (2, 2) …",
    ),
    "no model": (
        classify(model=3),
        TypeError,
        "NetworkClassifier: model must be a Model, a module of Flax, or a function of (inputs, outputs) that gives …",
    ),
    "an unknown class_weight": (
        classify(class_weight="balance"),
        ValueError,
        "NetworkClassifier: class_weight must be None, \"balanced\" or a dict from labels to weights, not 'balance'; …",
    ),
    "class_weight as an array": (
        classify(class_weight=np.ones(3)),
        TypeError,
        'NetworkClassifier: class_weight must be None, "balanced" or a dict from labels to weights, not array(…',
    ),
    "a misspelt label": (
        classify(X, NAMES, class_weight={"setossa": 2}),
        ValueError,
        "NetworkClassifier: class_weight has the label 'setossa', but y has the classes ['setosa', 'versicolor', …",
    ),
    "a negative weight of a class": (
        classify(class_weight={0: -1}),
        ValueError,
        "NetworkClassifier: class_weight[0] must be a finite number of at least 0, not -1",
    ),
    "a dict for several labels": (
        classify(X, BITS, class_weight={0: 1, 1: 2}),
        ValueError,
        'NetworkClassifier: with 2 labels of a row, class_weight must be "balanced" or a list of 2 dicts such as …',
    ),
    "a list of dicts for one label": (
        classify(class_weight=[{0: 1}]),
        ValueError,
        "NetworkClassifier: class_weight is a list of dicts, which rows of several labels take; y has one",
    ),
    "early_stopping as text": (
        classify(early_stopping="yes"),
        TypeError,
        "NetworkClassifier: early_stopping must be True or False, not 'yes'",
    ),
    "an optimizer that is made": (
        classify(optimizer=optax.adam(0.1)),
        TypeError,
        "NetworkClassifier: optimizer must be a function of the learning rate, such as optax.rmsprop, not its result",
    ),
    "a function that gives no optimizer": (
        classify(optimizer=abs),
        TypeError,
        "NetworkClassifier: optimizer must give an optax transformation, not 0.001",
    ),
    "an unknown validation label": (
        classify(fit={"validation": (X, LABELS + 1)}),
        ValueError,
        "NetworkClassifier: validation y has the label 3, but classes are [0 1 2]",
    ),
    "validation labels of another form": (
        classify(fit={"validation": (X, BITS)}),
        ValueError,
        "NetworkClassifier: validation y must have shape (15,), not (15, 2)",
    ),
    "validation without y": (
        classify(fit={"validation": X}),
        TypeError,
        "NetworkClassifier: validation must be a pair (X, y), not ndarray",
    ),
    "X_val without y_val": (
        classify(fit={"X_val": X}),
        ValueError,
        "NetworkClassifier: X_val and y_val go together, but y_val is missing",
    ),
    "two validation sets": (
        classify(fit={"X_val": X, "y_val": LABELS, "validation": (X, LABELS)}),
        ValueError,
        "NetworkClassifier: give validation, or X_val and y_val, not both",
    ),
    "several columns of classes": (
        classify(X, np.stack([LABELS, LABELS], axis=1)),
        ValueError,
        "NetworkClassifier: y has several columns of classes; fit one network for each, or give 0 and 1",
    ),
    "a first partial_fit without classes": (
        lambda: NetworkClassifier().partial_fit(X, LABELS),
        ValueError,
        "NetworkClassifier: the first call of partial_fit needs classes=, all labels there are",
    ),
    "partial_fit with balanced classes": (
        lambda: NetworkClassifier(class_weight="balanced").partial_fit(X, LABELS, classes=[0, 1, 2]),
        ValueError,
        'NetworkClassifier: partial_fit does not know all labels, which class_weight="balanced" needs',
    ),
    "validation of other columns": (
        lambda: NetworkRegressor().fit(X, X[:, :2], validation=(X, X)),
        ValueError,
        "NetworkRegressor: validation y must have 2 columns, not 4",
    ),
    "a grid and distributions": (
        search({"learning_rate": [0.1]}, param_grid={"learning_rate": [0.1]}),
        ValueError,
        "SweepSearchCV: give either param_distributions, or param_grid to try all combinations",
    ),
    "no grid and no distributions": (
        search(),
        ValueError,
        "SweepSearchCV: give either param_distributions, or param_grid to try all combinations",
    ),
    "epochs of a search by halving": (
        search({"epochs": [1, 2]}, n_iter=2, scheduler=nn.asha(grace_period=1, reduction_factor=2)),
        ValueError,
        "SweepSearchCV: a scheduler sets epochs, so that it cannot be searched",
    ),
    "halving of another estimator": (
        lambda: SweepSearchCV(Ridge(), {"alpha": [1.0]}, n_iter=1, scheduler=nn.asha(grace_period=1), cv=2).fit(
            X, X[:, 0]
        ),
        ValueError,
        "SweepSearchCV: a scheduler needs an estimator that holds one network",
    ),
}
