"""The coefficients of scikit-learn's `MLPClassifier` and `MLPRegressor`, in and out, without importing scikit-learn."""

from typing import Any

import numpy as np
from jaxtyping import PyTree

from jaxnn.activations import relu, sigmoid, tanh
from jaxnn.integrations.weights.matching import Layer, as_numpy, build_params, fill_layers, list_layers, pair_layers
from jaxnn.layers.dense import Affine
from jaxnn.models.model import Model

_ACTIVATIONS = {"relu": relu, "tanh": tanh, "logistic": sigmoid}


def load(model: Model, estimator: Any) -> PyTree:
    """Returns the parameters of an `mlp` that computes what a fitted `MLPClassifier` or `MLPRegressor` computes.

    The outputs of a regressor are its predictions, or with `loss="poisson"` their logarithms. Those of a classifier are
    logits: `softmax` of them gives the probabilities. Of two classes there is one logit, and `sigmoid` gives the
    probability of the second.

    Args:
        model: `mlp([inputs, *hidden_layer_sizes, outputs])` with the activation of the estimator.
        estimator: fitted, with `coefs_` and `intercepts_`.

    Returns:
        The parameters, as `model.init` makes them.

    Raises:
        TypeError: something other than a model, or an estimator that is not fitted.
        ValueError: another number of layers, other shapes, or another activation than that of the `mlp`.

    Example:
        >>> import jaxnn as nn
        >>> from types import SimpleNamespace
        >>> fitted = SimpleNamespace(coefs_=[np.array([[3.0], [4.0]])], intercepts_=[np.zeros(1)])
        >>> nn.integrations.sklearn.load(nn.mlp([2, 1]), fitted)["output"].weight
        Array([[3.],
               [4.]], dtype=float32)
    """
    coefficients, intercepts = (getattr(estimator, name, None) for name in ("coefs_", "intercepts_"))
    if coefficients is None or intercepts is None:
        raise TypeError(f"sklearn.load: estimator must be fitted, with coefs_ and intercepts_, not {estimator!r}")
    _check_activation(model, estimator, hidden=len(coefficients) > 1)
    pairs = zip(coefficients, intercepts, strict=True)
    theirs = [Layer(f"coefs_[{i}]", Affine(as_numpy(weight), as_numpy(bias))) for i, (weight, bias) in enumerate(pairs)]
    paired = pair_layers("sklearn.load", list_layers("sklearn.load", model), theirs, None)
    return build_params(model, {our.name: their.params for our, their in paired})


def coefficients(model: Model, params: PyTree) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns the parameters of an `mlp` as `coefs_` and `intercepts_` of scikit-learn.

    An estimator that was fitted to the same columns and classes, if only with `max_iter=1`, takes them by

        estimator.coefs_, estimator.intercepts_ = nn.integrations.sklearn.coefficients(model, params)

    Args:
        model: an `mlp`.
        params: its parameters.

    Returns:
        The weights (inputs, outputs) and the biases (outputs,), each a list by layer.

    Raises:
        TypeError, ValueError: a model that is not made of dense layers, or params that do not fit it.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.mlp([4, 16, 3])
        >>> weights, biases = nn.integrations.sklearn.coefficients(model, model.init(jax.random.key(0)))
        >>> [weight.shape for weight in weights]
        [(4, 16), (16, 3)]
    """
    layers = fill_layers("sklearn.coefficients", model, params)
    if others := [layer.describe() for layer in layers if layer.kind != "dense"]:
        raise ValueError(f"sklearn.coefficients: the model must have dense layers alone, but has {others[0]}")
    return [layer.params.weight for layer in layers], [layer.params.bias for layer in layers]


def _check_activation(model: Any, estimator: Any, *, hidden: bool) -> None:
    """Checks that an `mlp` has the activation of the estimator, where both are known."""
    name, ours = getattr(estimator, "activation", None), getattr(getattr(model, "apply", None), "activation", None)
    if hidden and name in _ACTIVATIONS and ours is not None and ours is not _ACTIVATIONS[name]:
        expected = _ACTIVATIONS[name].__name__
        actual = getattr(ours, "__name__", repr(ours))
        raise ValueError(
            f"sklearn.load: the estimator has activation={name!r}, so the mlp needs {expected}, not {actual}"
        )
