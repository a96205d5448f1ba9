"""Checks of an estimator's parameters, made when it is fitted, as scikit-learn wants it."""

import numbers
from typing import Any

import jax
import numpy as np
import optax
import scipy.sparse

from jaxnn._checks.arrays import check_number, check_whole
from jaxnn.integrations.sklearn.task import OPTIMIZERS
from jaxnn.models.model import Model

PRECISIONS = ("float32", "float64")


def check_options(name: str, options: dict[str, Any]) -> None:
    """Checks the parameters of a network.

    Args:
        name: of the estimator, for messages.
        options: its parameters.

    Raises:
        TypeError: a parameter of another type.
        ValueError: a number out of range, or an unknown name.
    """
    for each in ("epochs", "patience"):
        check_whole(name, each, options[each], least=1)
    if not (isinstance(options["batch_size"], str) and options["batch_size"] == "auto"):
        check_whole(name, "batch_size", options["batch_size"], least=1)
    for each in ("learning_rate", "weight_decay", "tolerance"):
        if not 0 <= check_number(name, each, options[each]) < np.inf:
            raise ValueError(f"{name}: {each} must be at least 0 and finite, not {options[each]}")
    if not 0 <= check_number(name, "dropout", options["dropout"]) < 1:
        raise ValueError(f"{name}: dropout must lie in [0, 1), not {options['dropout']}")
    if not 0 < check_number(name, "validation_fraction", options["validation_fraction"]) < 1:
        raise ValueError(f"{name}: validation_fraction must lie in (0, 1), not {options['validation_fraction']}")
    for each in ("early_stopping", "warm_start"):
        if not isinstance(options[each], bool | np.bool_):
            raise TypeError(f"{name}: {each} must be True or False, not {options[each]!r}")
    _check_choice(name, "precision", options["precision"], PRECISIONS)
    _check_optimizer(name, options["optimizer"], options["learning_rate"])
    _check_callbacks(name, options["callbacks"])


def check_hidden_sizes(name: str, sizes: Any) -> tuple[int, ...]:
    """Returns the sizes of the hidden layers; one number is one layer."""
    sizes = (sizes,) if isinstance(sizes, numbers.Integral) else sizes
    if isinstance(sizes, str) or not np.iterable(sizes):
        raise TypeError(f"{name}: hidden_sizes must be a sequence of whole numbers, not {sizes!r}")
    return tuple(check_whole(name, f"hidden_sizes[{i}]", size, least=1) for i, size in enumerate(sizes))


def check_same_network(name: str, model: Model, params: Any) -> None:
    """Checks that a training with `warm_start` may go on with the params of the last one.

    Raises:
        ValueError: params of other shapes than those of the model.
    """
    wanted, given = _list_shapes(jax.eval_shape(lambda: model.init(jax.random.key(0)))), _list_shapes(params)
    for path in wanted | given:
        if wanted.get(path) != given.get(path):
            raise ValueError(
                f"{name}: warm_start goes on with earlier params, in which {path} has shape {given.get(path)}, not "
                f"{wanted.get(path)}; clone() makes an estimator that starts anew"
            )


def _list_shapes(params: Any) -> dict[str, tuple[int, ...]]:
    return {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree_util.tree_leaves_with_path(params)}


def check_dense(name: str, x: Any) -> None:
    """Checks that features are not a sparse matrix."""
    if scipy.sparse.issparse(x):
        raise TypeError(
            f"{name}: X is sparse, and networks take dense arrays: OneHotEncoder(sparse_output=False), "
            "ColumnTransformer(sparse_threshold=0), or X.toarray()"
        )


def pair_validation(name: str, validation: Any, x: Any, y: Any) -> Any:
    """Returns a validation set as a pair of features and targets, or None.

    Args:
        name: of the estimator, for messages.
        validation: the pair, or None.
        x: `X_val`, in place of the pair.
        y: `y_val`.

    Raises:
        TypeError: a validation set that is no pair.
        ValueError: a part of it alone, or both forms of it.
    """
    if (x is None) != (y is None):
        raise ValueError(f"{name}: X_val and y_val go together, but {'X_val' if x is None else 'y_val'} is missing")
    if x is not None and validation is not None:
        raise ValueError(f"{name}: give validation, or X_val and y_val, not both")
    if validation is not None and not (isinstance(validation, tuple | list) and len(validation) == 2):
        raise TypeError(f"{name}: validation must be a pair (X, y), not {type(validation).__name__}")
    return validation if x is None else (x, y)


def _check_choice(name: str, option: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}: {option} must be one of {', '.join(known)}, not {value!r}")


def _check_optimizer(name: str, optimizer: Any, learning_rate: Any) -> None:
    if isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(
            f"{name}: optimizer must be a function of the learning rate, such as optax.rmsprop, not its result"
        )
    if not callable(optimizer):
        _check_choice(name, "optimizer", optimizer, tuple(OPTIMIZERS))
    elif not isinstance(made := optimizer(learning_rate), optax.GradientTransformation):
        raise TypeError(f"{name}: optimizer must give an optax transformation, not {made!r}")


def _check_callbacks(name: str, callbacks: Any) -> None:
    if callbacks is None:
        return
    if not np.iterable(callbacks) or not all(map(callable, callbacks)):
        raise TypeError(f"{name}: callbacks must be a list of functions of the epoch and its values, not {callbacks!r}")
