"""The weights of examples: targets are then pairs `(labels, weights)`, or `(targets, weights)` of a regression.

They ride in the targets, so that minibatches, folds and lanes take the weights of their own rows.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from jaxnn._checks.arrays import check_finite, is_traced
from jaxnn._checks.labels import check_weights
from jaxnn._kernels.dtypes import as_arrays

Loss = Callable[..., Any]


def weighted(function: Loss) -> Loss:
    """Returns a loss or a score of targets `(targets, weights)`, in which each example has its weight.

    A weighted loss is each example's own loss times its weight. `Recipe.reduction` divides the sum by the number of
    examples, and not by the sum of their weights as PyTorch and scikit-learn do: the loss of an example must not depend
    on the others. Weights with the mean 1, such as those of `balanced_weights`, give both. The validation loss, and the
    default score, are weighted too.

    A weighted score is that of scikit-learn with `sample_weight=`. Other scores take the labels of such targets, and
    count every example once.

    Args:
        function: `loss(outputs, targets) -> (batch,)`, of this library, of optax or your own; or a score of this
            library, such as `auc` or `functools.partial(f1, average="macro")`. A function of your own that has a
            keyword `weights` is taken for a score: it gets the weights by this name.

    Returns:
        A function of outputs and `(targets, weights)`, with weights of shape (batch,), floats of at least 0; that of a
        score has the other keywords of the score, such as `where`.

    Raises:
        TypeError: not a function; when called, targets that are not a pair, or weights that are not floats.
        ValueError: when called, weights of another shape, or one that is negative.

    Example:
        >>> import jaxnn as nn, optax
        >>> x, labels = jnp.zeros((4, 2)), np.array([0, 0, 0, 1])
        >>> data, recipe = (x, (labels, nn.balanced_weights(labels))), nn.Recipe(
        ...     nn.mlp([2, 8, 2]), nn.weighted(nn.cross_entropy), optax.adam(0.01)
        ... )
        >>> fitted = nn.fit(recipe, data, key=jax.random.key(0), epochs=3)
        >>> evaluation = nn.evaluate(recipe, fitted.params, data, score=nn.weighted(nn.accuracy))
    """
    if not callable(function):
        raise TypeError(f"weighted: loss must be a function of outputs and targets, not {function!r}")
    # A partial has a name in run directories and can be pickled.
    return functools.partial(weigh_score if _takes_weights(function) else weigh, function)


def _takes_weights(function: Loss) -> bool:
    try:
        return "weights" in inspect.signature(function).parameters
    except ValueError:  # functions written in C have no signature
        return False


def weigh(loss: Loss, outputs: Any, targets: Any) -> Float[Array, "batch"]:
    """Returns the losses of examples times their weights; `weighted` returns this function of a loss."""
    targets, weights = _split_pair(targets)
    losses = loss(outputs, targets)
    check_weights("weighted", weights, jnp.shape(losses)[0] if jnp.shape(losses) else None)
    return losses * jnp.asarray(as_arrays(weights), losses.dtype)


def weigh_score(score: Loss, outputs: Any, targets: Any, **options: Any) -> Any:
    """Returns a score with the weights of examples; `weighted` returns this function of a score."""
    targets, weights = _split_pair(targets)
    return score(outputs, targets, weights=weights, **options)


def _split_pair(targets: Any) -> tuple[Any, Any]:
    if not isinstance(targets, tuple) or len(targets) != 2:
        raise TypeError(f"weighted: targets must be a pair (targets, weights), not {type(targets).__name__}")
    return targets


def balanced_weights(labels: ArrayLike) -> Float[np.ndarray, "batch"]:
    """Returns examples / (classes · examples of the same class) for each example, so that all classes count the same.

    The mean of the weights is 1. They are the "balanced" ones of scikit-learn. Weights of your own for each class are
    `np.array([1.0, 5.0])[labels]`.

    Args:
        labels: of the training part, shape (batch,), of any type.

    Returns:
        float32, shape (batch,).

    Raises:
        TypeError: labels that are traced.
        ValueError: another shape, no labels, or NaN.

    Example:
        >>> balanced_weights(np.array([0, 0, 0, 1])).round(2).tolist()
        [0.6700000166893005, 0.6700000166893005, 0.6700000166893005, 2.0]

    References:
        King and Zeng (2001), Logistic regression in rare events data.
    """
    if is_traced(labels):
        raise TypeError(
            "balanced_weights: labels must be known here; call it before jit and put the weights in the data"
        )
    values = np.asarray(labels)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"balanced_weights: labels must have shape (batch,), at least one, not {values.shape}")
    if values.dtype.kind == "f":
        check_finite("balanced_weights", "labels", values)
    _, numbers, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (values.size / (counts.size * counts[numbers])).astype(np.float32)


def split_weights(targets: Any) -> tuple[Any, Any]:
    """Returns targets and weights of a pair, and None as weights of other targets."""
    if isinstance(targets, tuple) and len(targets) == 2:
        return targets
    return targets, None
