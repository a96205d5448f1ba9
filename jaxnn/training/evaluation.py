"""Outputs, losses and scores of a trained model."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxnn._checks.arrays import check_key
from jaxnn._checks.data import check_rows
from jaxnn._checks.params import check_arrays, check_model, check_params
from jaxnn._kernels.dtypes import as_arrays
from jaxnn.models.model import Model
from jaxnn.training.prepare import check_real_number, check_training
from jaxnn.training.recipe import Recipe, check_recipe, reduce_losses
from jaxnn.training.tiles import apply_in_tiles, predict_in_tiles

# `score(outputs, targets) -> number`, higher is better; with a mask, `score(outputs, targets, where=mask)`.
Score = Callable[..., Any]
# Functions like a score by name, which are reported beside it.
Metrics = dict[str, Score]


class Evaluation(NamedTuple):
    """The result of `evaluate`: loss and score on a data set.

    Attributes:
        loss: the recipe's reduction of the losses of all examples.
        score: one number, higher is better.
    """

    loss: Float[Array, ""]
    score: Float[Array, ""]


class Numbers(NamedTuple):
    """Loss, score and metrics by name, inside a compiled loop."""

    loss: Array
    score: Array
    metrics: dict[str, Array]


class Curves(NamedTuple):
    """Numbers by epoch, on the last axis; in results NaN for epochs that were not evaluated.

    They are JAX arrays inside compiled loops, and NumPy arrays in results.

    Attributes:
        losses: the training loss of each epoch, before its updates.
        validation_losses: the loss on the validation part after each epoch.
        scores: the score after each epoch, higher is better.
        metrics: each metric after each epoch, by name; only in sweeps.
    """

    losses: Any
    validation_losses: Any
    scores: Any
    metrics: Any = {}  # noqa: RUF012 - never changed


def predict(model: Model, params: PyTree, x: Any, *, key: Array | None = None) -> Any:
    """Returns the outputs of a model for x, batch first.

    Examples are evaluated in tiles of a fixed size, by one compiled program for each model. The memory does not grow
    with their number, and without a key the outputs of an example do not depend on the others. Inside `jax.jit`, and if
    an output has no axis of examples, all examples are evaluated at once.

    Args:
        model: a `Model`.
        params: its parameters.
        x: the examples on the first axis.
        key: a `jax.random.key` for dropout; None, the default, computes without dropout.

    Raises:
        TypeError: x that is not an array of real numbers, or a key that is not a single `jax.random.key`.
        ValueError: NaN or infinity in x, no rows, a shape that the model does not take, or another model's params.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.mlp([4, 16, 3])
        >>> predict(model, model.init(jax.random.key(0)), jnp.zeros((5, 4))).shape
        (5, 3)
    """
    check_model("predict", model)
    check_arrays("predict", params)
    check_params("predict", model, params)
    check_rows("predict", {"x": x})
    if key is not None:
        check_key(key)
    return predict_in_tiles(model.apply, params, x, key=key)


def evaluate(recipe: Recipe, params: PyTree, data: tuple[Any, Any], *, score: Score | None = None) -> Evaluation:
    """Returns loss and score on a data set, without dropout; the outputs are computed as in `predict`.

    Args:
        recipe: its model, loss and reduction.
        params: the parameters to evaluate.
        data: `(x, targets)`.
        score: `score(outputs, targets) -> number`, higher is better; it may use NumPy or scikit-learn. By default it is
            minus the mean loss.

    Returns:
        `Evaluation(loss, score)`.

    Raises:
        TypeError, ValueError: as `fit`; a score that is not a function, or does not give a number.

    Example:
        >>> import jaxnn as nn, optax
        >>> recipe = nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.sgd(0.1))
        >>> params = {"output": nn.Affine(jnp.zeros((4, 3)), jnp.zeros(3))}
        >>> evaluate(recipe, params, (jnp.ones((2, 4)), jnp.array([0, 1])), score=nn.accuracy)
        Evaluation(loss=Array(1.0986123, dtype=float32), score=Array(0.5, dtype=float32))
    """
    check_recipe(recipe)
    if not (score is None or callable(score)):
        raise TypeError(f"evaluate: score must be a function of outputs and targets, not {score!r}")
    check_arrays("evaluate", params)
    check_training("evaluate", recipe._replace(batch_size=None, augment=None), data, params)
    x, targets = data
    outputs = predict_in_tiles(recipe.model.apply, params, x)
    checked_score = None if score is None else _with_checked_result(score)
    return Evaluation(*_score_outputs(recipe, outputs, as_arrays(targets), checked_score, {}, None)[:2])


def loss_and_score(
    recipe: Recipe,
    params: PyTree,
    data: tuple[Any, Any],
    score: Score | None,
    metrics: Metrics = {},  # noqa: B006 - never changed
    mask: Array | None = None,
) -> Numbers:
    """Returns loss, score and metrics of the rows in the mask for traced arrays, unchecked and without dropout."""
    x, targets = data
    return _score_outputs(recipe, apply_in_tiles(recipe.model.apply, params, x), targets, score, metrics, mask)


def _score_outputs(
    recipe: Recipe, outputs: Any, targets: Any, score: Score | None, metrics: Metrics, mask: Array | None
) -> Numbers:
    losses = recipe.loss(outputs, targets)
    loss = reduce_losses(recipe, losses, mask)
    options = {} if mask is None else {"where": mask}

    def compute(function: Score) -> Array:
        return jnp.asarray(function(outputs, targets, **options))

    value = -jnp.mean(losses, where=mask) if score is None else compute(score)
    return Numbers(loss, value, {name: compute(metric) for name, metric in metrics.items()})


def _with_checked_result(score: Score) -> Score:
    """Returns a score with a check of its result; it may use NumPy, so it cannot be traced on shapes."""

    def checked(outputs: Any, targets: Any) -> Any:
        result = score(outputs, targets)
        check_real_number("evaluate", result, "score")
        return result

    return checked
