"""What a trained model says, and how good that is."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxnn._checks.arrays import check_key, check_rows, is_traced
from jaxnn._checks.params import check_arrays, check_model, check_params
from jaxnn.models import Model
from jaxnn.training.recipe import Recipe, check_recipe, check_training


class Evaluation(NamedTuple):
    """Of a data set: `loss`, the recipe's reduction of it, and `score`, higher is better."""

    loss: Float[Array, ""]
    score: Float[Array, ""]


def predict(model: Model, params: PyTree, x: Any, *, key: Array | None = None) -> Any:
    """The model's outputs for x, shape (batch, outputs); compiled once for each model and shape.

    Args:
        model: the pair of functions.
        params: its parameters.
        x: the examples on the first axis.
        key: turns dropout on.

    Raises:
        TypeError: x that is no array of real numbers, or a key that is none.
        ValueError: NaN or infinity in x, no rows, a shape that the model does not take, or another model's params.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.mlp([4, 16, 3])
        >>> predict(model, model.init(jax.random.key(0)), jnp.zeros((5, 4))).shape
        (5, 3)
    """
    check_model("predict", model)
    check_rows("predict", {"x": x})
    if key is not None:
        check_key(key)
    check_arrays("predict", params)
    check_params("predict", model, params)
    # Inside somebody's trace the model may close over tracers, which must not stay behind in a cache of ours.
    apply = model.apply if is_traced((params, x, key)) else _jitted(model.apply)
    return apply(params, x, key=key)


def evaluate(
    recipe: Recipe, params: PyTree, data: tuple[Any, Any], *, score: Callable[[Any, Any], Array] | None = None
) -> Evaluation:
    """Loss and score on a data set, without dropout.

    Args:
        recipe: its model, loss and reduction.
        params: the parameters to judge.
        data: `(x, targets)`.
        score: `score(outputs, targets) -> number`, higher is better; by default minus the mean loss.

    Raises:
        TypeError, ValueError: as `fit`.

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
    check_training("evaluate", recipe._replace(batch_size=None), data, params)
    x, targets = jax.tree.map(jnp.asarray, data)
    outputs = predict(recipe.model, params, x)
    losses = recipe.loss(outputs, targets)
    judged = -jnp.mean(losses) if score is None else _scored(score, outputs, targets)
    return Evaluation(recipe.reduction(losses), judged)


def _scored(score: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Array:
    """The score, which may be computed with NumPy, so that it cannot be tried on shapes."""
    found = score(outputs, targets)
    real = isinstance(found, np.ndarray | np.generic | Array | int | float) and not np.iscomplexobj(found)
    if not real or jnp.shape(found) != ():
        shown = f"an array of shape {jnp.shape(found)}" if real else repr(found)
        raise ValueError(f"evaluate: score must give one real number, not {shown}")
    return jnp.asarray(found)


def check_score(
    where: str, score: Any, recipe: Recipe, params: PyTree, data: tuple[Any, Any], counted: Any = None
) -> None:
    """Refuse a score that cannot be compiled with the training, or gives no number; it is tried on shapes.

    `counted` is a mask of the rows that count; a score that is given one takes it as `where`.
    """
    if score is None:
        return
    if not callable(score):
        raise TypeError(f"{where}: score must be a function of outputs and targets, not {score!r}")
    x, targets = data
    found: list[Any] = []
    masked = {} if counted is None else {"where": counted}
    try:
        jax.eval_shape(
            lambda params, x: found.append(score(recipe.model.apply(params, x, key=None), targets, **masked)),
            params,
            x,
        )
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise ValueError(f"{where}: score must be written in functions of jax.numpy, it is compiled") from error
    number = isinstance(found[0], Array | np.ndarray | np.generic | int | float) and not jnp.iscomplexobj(found[0])
    if not number or jnp.shape(found[0]) != ():
        shown = f"an array of shape {jnp.shape(found[0])}" if number else repr(found[0])
        raise ValueError(f"{where}: score must give one real number, not {shown}")


@functools.lru_cache(maxsize=32)
def _jitted(apply: Callable[..., Any]) -> Callable[..., Any]:
    return jax.jit(apply)
