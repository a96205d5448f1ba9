"""The regressor for scikit-learn."""

import numpy as np
from sklearn.base import RegressorMixin

from jaxnn.integrations.sklearn.network import Encoded, Network
from jaxnn.integrations.sklearn.options import pair_validation
from jaxnn.losses.regression import squared_error


class NetworkRegressor(RegressorMixin, Network):
    """A network that predicts numbers, for pipelines, cross-validation and searches of scikit-learn.

    It minimises the squared error, the sum over the outputs of a row. Scale features and targets first, such as by
    `StandardScaler` and `TransformedTargetRegressor`. Parameters and attributes are those of `NetworkClassifier`,
    without `class_weight` and `classes_`; the outputs of a model are the columns of y.

    Example:
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> network = NetworkRegressor((), learning_rate=0.1, random_state=0).fit(x, 3 * x[:, 0] + 1)
        >>> network.predict([[0.5]]).round(1)
        array([2.5])
    """

    def fit(self, X, y, sample_weight=None, validation=None, *, X_val=None, y_val=None):
        """Trains the network.

        Args:
            X: features, shape (rows, features): an array or a DataFrame. With `model=` it may have more axes.
            y: numbers, shape (rows,) or (rows, outputs).
            sample_weight: of each row, shape (rows,).
            validation: `(X, y)` that ends the training as `early_stopping` does, in place of a part of the rows. It is
                not transformed by earlier steps of a pipeline.
            X_val: in place of `validation`; `Pipeline(..., transform_input=["X_val"])` transforms it as it does X.
            y_val: of `X_val`.

        Returns:
            The estimator.

        Raises:
            TypeError: a parameter of another type.
            ValueError: a parameter out of range, NaN in the data, lengths that differ, or weights without a positive
                sum.
        """
        validation = pair_validation(type(self).__name__, validation, X_val, y_val)
        return self._fit(X, y, sample_weight, validation)

    def partial_fit(self, X, y, sample_weight=None):
        """Trains for one epoch more on these rows, with the optimizer's state of the last call."""
        return self._fit(X, y, sample_weight, more=True)

    def _encode(self, x, y, weights, validation, *, first, classes=None):
        del classes
        x, y = self._check_data(x, y, reset=first)
        weights = self._check_weights(weights, x)
        targets = self._as_columns(y)
        if first:
            self.single_output_, self._columns = y.ndim == 1, targets.shape[1]
        self._check_columns("y", targets)
        if validation is not None:
            validation_x, validation_y = self._check_data(*validation)
            validation = validation_x, self._as_columns(validation_y)
            self._check_columns("validation y", validation[1])
        return Encoded(x, targets, weights, validation, squared_error, targets.shape[1])

    def _as_columns(self, y):
        return y.reshape(len(y), -1).astype(np.dtype(self.precision))

    def _check_columns(self, name, targets):
        if targets.shape[1] != self._columns:
            raise ValueError(f"NetworkRegressor: {name} must have {self._columns} columns, not {targets.shape[1]}")

    def _kind(self):
        return "numbers"

    def _number_targets(self, y):
        return np.asarray(y, float).reshape(len(y), -1)

    def predict(self, X):
        """Returns the predictions, shape (rows,) or (rows, outputs)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self.single_output_ else outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
