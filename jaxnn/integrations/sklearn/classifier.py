"""The classifier for scikit-learn."""

import numpy as np
import scipy.sparse
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from jaxnn.integrations.sklearn.class_weights import check_class_weight, weigh_rows
from jaxnn.integrations.sklearn.keywords import names_unknown
from jaxnn.integrations.sklearn.network import Encoded, Network
from jaxnn.integrations.sklearn.options import pair_validation
from jaxnn.losses.binary import binary_cross_entropy
from jaxnn.losses.classes import cross_entropy


class NetworkClassifier(ClassifierMixin, Network):
    """A network that classifies, for pipelines, cross-validation and searches of scikit-learn.

    Scale the features first, such as by `StandardScaler` in a pipeline. Trainings that differ in numbers alone
    (learning rate, decay, dropout, epochs, patience, tolerance, seed) share one compiled program, and so do data sets
    of similar sizes: rows with weight 0 fill them up. Models with buffers, such as a batch norm's means, are not filled
    up. In `cross_val_score` and others leave `n_jobs` at 1: every other process compiles anew.

    pickle, joblib and `skops.io` store it as plain arrays, without the model, which is made again when it is loaded.
    The `trusted=` of `skops.io.load` then needs "jaxnn.integrations.sklearn.classifier.NetworkClassifier" (or
    "…regressor.NetworkRegressor", "…search.SweepSearchCV"), and the functions that you gave. With a `Model` as `model=`
    it also needs the classes of its parts, which `skops.io.get_untrusted_types` lists; a function that makes the model
    avoids that.

    Args:
        hidden_sizes: nodes of each hidden layer of an MLP.
        model: in place of the MLP, a `Model`, a module of Flax (an instance of linen, a class of NNX), or a function of
            (inputs, outputs) that gives one. The inputs are the number of features, or the shape of an example with
            more axes, such as an image. The outputs are the number of classes or labels. `hidden_sizes`, `activation`
            and `dropout` then count for nothing. To be pickled, a function must be one of a module, not a lambda.
        activation: its name, such as "relu" or "tanh", or a function.
        dropout: the probability of dropping a hidden node in training, in [0, 1).
        optimizer: "adam", "sgd" (with momentum 0.9), or a function of the learning rate that gives an optax
            transformation, such as `optax.rmsprop`.
        learning_rate: of the optimizer.
        weight_decay: each step subtracts learning_rate * weight_decay * params, as AdamW does.
        batch_size: rows in a minibatch; "auto" is 200, or all rows if there are fewer.
        epochs: the epoch limit.
        early_stopping: whether to hold out a validation part, which ends the training, see `patience`. The network is
            then that of the best epoch.
        validation_fraction: of the rows, with `early_stopping`; classes keep their shares.
        patience: epochs in a row without a better score before the training ends. The score is minus the validation
            loss, or minus the training loss without a validation part.
        tolerance: by how much a score must exceed the best.
        class_weight: a dict from labels to weights, in which missing labels weigh 1; "balanced", by which all classes
            weigh the same; or None. With several labels of a row a list of a dict for each, such as `{0: 1, 1: 5}`.
        warm_start: whether `fit` starts from the params of the last `fit`, of the same classes and hidden sizes.
        precision: "float32" or "float64", of training and prediction.
        random_state: a seed or a `RandomState`; None draws a seed from NumPy's global generator.
        verbose: whether to show a progress bar (extra `progress`).
        callbacks: functions `callback(epoch, values)`, called after every epoch with "loss", and on a validation part
            also "validation_loss" and "score". One that returns "stop" ends the training. `clone` copies them.

    Attributes:
        classes_: the labels, sorted; for multi-label targets the column numbers.
        params_: the trained parameters of `model_`, NumPy arrays.
        model_: the `Model`.
        n_iter_: the number of epochs that ran.
        loss_curve_: the training loss of each epoch, before its updates.
        validation_loss_curve_: the loss on the validation part after each epoch, if there is one.
        n_features_in_, feature_names_in_: of X.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> X, y = load_iris(return_X_y=True)
        >>> network = make_pipeline(StandardScaler(), NetworkClassifier(learning_rate=0.01, random_state=0))
        >>> network.fit(X, y).score(X, y) > 0.95
        True
    """

    @names_unknown
    def __init__(
        self,
        hidden_sizes=(100,),
        *,
        model=None,
        activation="relu",
        dropout=0.0,
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=1e-4,
        batch_size="auto",
        epochs=200,
        early_stopping=False,
        validation_fraction=0.1,
        patience=10,
        tolerance=1e-4,
        class_weight=None,
        warm_start=False,
        precision="float32",
        random_state=None,
        verbose=0,
        callbacks=None,
    ):
        super().__init__(
            hidden_sizes, model=model, activation=activation, dropout=dropout, optimizer=optimizer,
            learning_rate=learning_rate, weight_decay=weight_decay, batch_size=batch_size, epochs=epochs,
            early_stopping=early_stopping, validation_fraction=validation_fraction, patience=patience,
            tolerance=tolerance, warm_start=warm_start, precision=precision, random_state=random_state,
            verbose=verbose, callbacks=callbacks,
        )  # fmt: skip
        self.class_weight = class_weight

    def fit(self, X, y, sample_weight=None, validation=None, *, X_val=None, y_val=None):
        """Trains the network.

        Args:
            X: features, shape (rows, features): an array or a DataFrame. With `model=` it may have more axes.
            y: labels, numbers or strings, shape (rows,); or 0 and 1, shape (rows, labels), of which each row may have
                several, also sparse.
            sample_weight: of each row, shape (rows,).
            validation: `(X, y)` that ends the training as `early_stopping` does, in place of a part of the rows. It is
                not transformed by earlier steps of a pipeline.
            X_val: in place of `validation`; `Pipeline(..., transform_input=["X_val"])` transforms it as it does X.
            y_val: of `X_val`.

        Returns:
            The estimator.

        Raises:
            TypeError: a parameter of another type.
            ValueError: a parameter out of range, NaN in the data, lengths that differ, weights without a positive sum,
                or a validation label that y does not have.
        """
        validation = pair_validation(type(self).__name__, validation, X_val, y_val)
        return self._fit(X, y, sample_weight, validation)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Trains for one epoch more on these rows, with the optimizer's state of the last call.

        It needs the same model and optimizer as before. `epochs`, `patience` and `early_stopping` count for nothing.

        Args:
            X: as in `fit`.
            y: as in `fit`.
            classes: all labels that may come, needed in the first call.
            sample_weight: as in `fit`.

        Returns:
            The estimator.

        Raises:
            TypeError, ValueError: as `fit`; a first call without `classes`, or a label that is not one of them.
        """
        first = not self._has_learned()
        if first and classes is None:
            raise ValueError("NetworkClassifier: the first call of partial_fit needs classes=, all labels there are")
        if classes is not None:
            classes = np.unique(classes)
            if not first and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"NetworkClassifier: classes {classes} are not those of earlier calls, {self.classes_}"
                )
        if self.class_weight == "balanced":
            raise ValueError(
                'NetworkClassifier: partial_fit does not know all labels, which class_weight="balanced" needs'
            )
        return self._fit(X, y, sample_weight, more=True, classes=classes if first else self.classes_)

    def _encode(self, x, y, weights, validation, *, first, classes=None):
        x, y = self._check_data(x, y, reset=first)
        weights = self._check_weights(weights, x)
        y = self._check_labels(y)
        if first:
            self.multilabel_ = y.ndim == 2
            if classes is None:
                classes = np.arange(y.shape[1]) if self.multilabel_ else np.unique(y)
            if self.warm_start and hasattr(self, "params_") and not np.array_equal(classes, self.classes_):
                raise ValueError(f"NetworkClassifier: warm_start goes on with classes {self.classes_}, not {classes}")
            self.classes_ = classes
        name = type(self).__name__
        check_class_weight(name, self.class_weight)
        if self.class_weight is not None:
            weights = (1.0 if weights is None else weights) * weigh_rows(name, self.class_weight, y, self.classes_)
        if validation is not None:
            validation_x, validation_y = self._check_data(*validation)
            validation = validation_x, self._number(self._check_labels(validation_y), "validation y")
        loss = binary_cross_entropy if self.multilabel_ else cross_entropy
        return Encoded(x, self._number(y), weights, validation, loss, len(self.classes_))

    def _check_labels(self, y):
        y = y.toarray() if scipy.sparse.issparse(y) else y
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise ValueError(
                "NetworkClassifier: y has several columns of classes; fit one network for each, or give 0 and 1"
            )
        return y

    def _number(self, y, name="y"):
        """Returns the numbers of the classes, or the bits of labels."""
        shape = (len(y), len(self.classes_)) if self.multilabel_ else (len(y),)
        if y.shape != shape:
            raise ValueError(f"NetworkClassifier: {name} must have shape {shape}, not {y.shape}")
        if self.multilabel_:
            return np.asarray(y, np.dtype(self.precision))
        numbers = np.searchsorted(self.classes_, y)
        known = self.classes_[np.minimum(numbers, len(self.classes_) - 1)] == y
        if not np.all(known):
            label = y[~known].tolist()[0]
            raise ValueError(f"NetworkClassifier: {name} has the label {label!r}, but classes are {self.classes_}")
        return numbers.astype(np.int32)

    def _kind(self):
        return "labels" if self.multilabel_ else "classes"

    def _number_targets(self, y):
        return self._number(self._check_labels(np.asarray(y)))

    def _strata(self, targets):
        return targets if targets.ndim == 1 else None

    def predict(self, X):
        """Returns the most probable label of each row; with multi-label targets 0 or 1 for each label."""
        outputs = self._outputs(X)
        return (outputs > 0).astype(int) if self.multilabel_ else self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X):
        """Returns the probability of each class, or of each label, shape (rows, classes)."""
        outputs = self._outputs(X)
        return expit(outputs) if self.multilabel_ else softmax(outputs, axis=1)

    def predict_log_proba(self, X):
        """Returns the log of the probability of each class, or of each label, shape (rows, classes)."""
        outputs = self._outputs(X)
        return log_expit(outputs) if self.multilabel_ else log_softmax(outputs, axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
