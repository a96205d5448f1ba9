"""The examples of a network: checked features, targets and weights, and their validation part."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted, validate_data

from jaxnn.integrations.sklearn.options import check_dense
from jaxnn.integrations.sklearn.private import check_sample_weight


class Examples(BaseEstimator):
    """An estimator that checks the examples that it gets."""

    model: Any
    precision: Any
    validation_fraction: Any

    def _check_data(self, x: Any, y: Any, *, reset: bool = False) -> tuple[Any, Any]:
        """Returns features of the dtype of the network, and targets; with `reset` this is a first fit."""
        check_dense(type(self).__name__, x)
        options = {"dtype": np.dtype(self.precision), "multi_output": True, "allow_nd": self.model is not None}
        return validate_data(self, x, y, reset=reset, y_numeric=is_regressor(self), **options)  # pyright: ignore

    def _check_x(self, x: Any) -> Any:
        check_is_fitted(self)
        check_dense(type(self).__name__, x)
        dtype = np.dtype(getattr(self, "_precision", self.precision))
        return validate_data(self, x, reset=False, dtype=dtype, allow_nd=self.model is not None)

    def _check_weights(self, weights: Any, x: Any) -> Any:
        if weights is None:
            return None
        return check_sample_weight(weights, x, dtype=np.float64, ensure_non_negative=True)

    def _scale_weights(self, weights: Any, count: int) -> np.ndarray:
        """Returns weights with the mean 1."""
        dtype = np.dtype(self.precision)
        if weights is None:
            return np.ones(count, dtype)
        total = weights.sum()
        if not total > 0:
            raise ValueError(
                f"{type(self).__name__}: the weights of the examples must have a positive sum, not {total}"
            )
        return (weights * (count / total)).astype(dtype)

    def _split(self, data: Any, seed: int) -> tuple[Any, Any]:
        """Returns a training part and a validation part of `validation_fraction`, each with weights of mean 1."""
        x, (targets, weights) = data
        train, test = train_test_split(
            np.arange(len(x)), test_size=self.validation_fraction, random_state=seed, stratify=self._strata(targets)
        )
        first, second = (
            (x[rows], (targets[rows], self._scale_weights(weights[rows], len(rows)))) for rows in (train, test)
        )
        return first, second

    def _strata(self, targets: Any) -> Any:
        """Returns the labels of which a validation part has equal shares, or None."""
        return None


def choose_output_dtype(x: Any) -> Any:
    """Returns the dtype of the predictions for x."""
    return np.float32 if getattr(x, "dtype", None) == np.float32 else np.float64
