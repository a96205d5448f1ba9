"""The recipe: what is trained, and how."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxnn._checks.arrays import check_whole, is_traced
from jaxnn._checks.describe import describe
from jaxnn._checks.params import check_model
from jaxnn.augment.calls import Augmentation, takes_targets
from jaxnn.models.model import Model
from jaxnn.training.ema import check_ema

# A function gets the total steps of the training.
Optimizer = optax.GradientTransformation | optax.MultiSteps | Callable[[int], Any]


class Recipe(NamedTuple):
    """What is trained, and how.

    Attributes:
        model: a `Model`, the pair of functions (init, apply).
        loss: `loss(outputs, targets) -> (batch,)`, one value per example, which does not depend on the others.
        optimizer: an optax transformation, or a function `total_steps -> transformation` for schedules whose length
            depends on the run. It gets `value`, `grad`, `value_fn` and `grad_fn`, so that optax's line searches and
            `optax.contrib.sam` work. An `optax.MultiSteps` is one too.
        batch_size: the number of examples in a minibatch; None trains on full batches.
        reduction: reduces the losses of a batch to one number: `jnp.mean` or `jnp.sum`. It takes `where=`, a mask.
        ema: the decay of an exponential moving average of the parameters, such as 0.999. Training goes on with the
            parameters, while their mean is evaluated and returned: mean = ema * mean + (1 - ema) * params after each
            update, at first the initial parameters. Each `Buffer` is returned as it is. It may be a traced hyper. None
            keeps no mean.
        epochs: the most epochs of a training, at most those of the call. As a hyper it limits each trial of a sweep; an
            optimizer that is a function of the total steps gets those of the call.
        penalty: `penalty(params) -> number`, added to the training loss of each example, and so to their mean: it is
            learned from, and the reported training losses show it. Buffers are left out. Validation losses and the
            default score do not hold it, or a search over its strength would choose the weakest. It may use traced
            hypers. None adds nothing.
        augment: changes each batch at random, in training only: `augment(key, x) -> x`, or `augment(key, x, targets) ->
            (x, targets)`, in functions of `jax.numpy`. `jaxnn.augment` has some. x keeps its shape. The training loss
            is that of the augmented examples.
        drop_last: whether an epoch leaves out a last minibatch that is not full. Its rows are others in every epoch,
            and the training loss does not count them. By default rows of the epoch's start fill the minibatch, and
            `where` is False for them in `train_apply` and the reduction. A batch norm that does not know `where`, such
            as Flax's, would count them twice.

    The optimizer sees what is learned: its masks and labels are functions of params that have None in the places of
    buffers. Decay on weights alone is `optax.adamw(rate, mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1,
    params))`, also for models without buffers.

    To freeze parameters, use `optax.selective_transform(optimizer, freeze_mask=...)` or `optax.chain(optimizer,
    optax.freeze(mask))`. Do not use `optax.masked`, which applies raw gradients to the other parameters.

    Example:
        >>> import jaxnn as nn
        >>> recipe = Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(0.01), batch_size=20)
        >>> warmup = recipe._replace(optimizer=lambda steps: optax.adam(optax.linear_schedule(0.0, 0.01, steps)))
        >>> lasso = recipe._replace(penalty=lambda params: 1e-4 * optax.tree.norm(params, ord=1))

    A schedule is a function of the step, so a traced peak may multiply a fixed one. `warmup_cosine_decay_schedule` and
    `sgdr_schedule` of optax need that, since Python compares their peak; its others take a traced one. Here the
    gradient is clipped, weights decay and biases do not, and the mean of the parameters is kept:

        >>> def make_recipe(hypers):
        ...     def make_optimizer(steps):
        ...         unit = optax.warmup_cosine_decay_schedule(0.0, 1.0, steps // 10, steps)
        ...         adamw = optax.adamw(
        ...             lambda step: hypers["peak"] * unit(step),
        ...             weight_decay=hypers["decay"],
        ...             mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params),
        ...         )
        ...         return optax.chain(optax.clip_by_global_norm(1.0), adamw)
        ...     return nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, make_optimizer, batch_size=20, ema=0.99)
        >>> fitted = nn.fit(
        ...     make_recipe({"peak": 0.01, "decay": 1e-4}), nn.datasets.iris().data, key=jax.random.key(0), epochs=2
        ... )

    Layers learn at rates of their own by their names in `params`:

        >>> rates = {"body": optax.sgd(0.001), "head": optax.sgd(0.01)}
        >>> layers = recipe._replace(optimizer=optax.partition(rates, {"hidden_1": "body", "output": "head"}))

    `optax.lookahead` keeps fast and slow parameters. Its model learns the fast ones; use the slow ones of the result:

        >>> model, lookahead = nn.mlp([4, 16, 3]), optax.lookahead(optax.sgd(0.1), sync_period=5, slow_step_size=0.5)
        >>> recipe = Recipe(
        ...     nn.Model(
        ...         lambda key: optax.LookaheadParams.init_synced(model.init(key)),
        ...         lambda params, x, *, key=None: model.apply(params.fast, x, key=key),
        ...     ),
        ...     nn.cross_entropy,
        ...     optax.GradientTransformation(lookahead.init, lambda grad, *rest: lookahead.update(grad.fast, *rest)),
        ... )
        >>> nn.fit(recipe, nn.datasets.iris().data, key=jax.random.key(0), epochs=9).params.slow["output"].weight.shape
        (16, 3)
    """

    model: Model
    loss: Callable[[Any, Any], Float[Array, "batch"]]
    optimizer: Optimizer
    batch_size: int | None = None
    reduction: Callable[..., Float[Array, ""]] = jnp.mean
    ema: float | Float[Array, ""] | None = None
    epochs: int | Int[Array, ""] | None = None
    penalty: Callable[[Any], Float[Array, ""]] | None = None
    augment: Augmentation | None = None
    drop_last: bool = False


def check_recipe(recipe: Any) -> None:
    """Checks the types of a recipe and its parts; what the functions compute is checked on shapes later."""
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe must be a Recipe, not {type(recipe).__name__}")
    check_model("Recipe", recipe.model)
    for name in ("loss", "reduction"):
        if not callable(getattr(recipe, name)):
            raise TypeError(f"Recipe: {name} must be a function, not {describe(getattr(recipe, name))}")
    if not (recipe.penalty is None or callable(recipe.penalty)):
        raise TypeError(f"Recipe: penalty must be a function of the params, not {recipe.penalty!r}")
    check_ema(recipe.ema)
    if recipe.augment is not None:
        takes_targets("Recipe", recipe.augment)
    if not isinstance(recipe.drop_last, bool):
        raise TypeError(f"Recipe: drop_last must be True or False, not {recipe.drop_last!r}")
    if recipe.epochs is not None and not is_traced(recipe.epochs):
        _check_epochs(recipe.epochs)
    optimizer = recipe.optimizer
    if isinstance(optimizer, optax.GradientTransformation | optax.MultiSteps):
        return
    # optax.adam itself is callable too, and would take the number of steps as its learning rate.
    if not callable(optimizer) or str(getattr(optimizer, "__module__", "")).startswith("optax"):
        raise TypeError(
            "Recipe: optimizer must be an optax transformation, such as optax.adam(0.01), "
            f"or a function of the total steps that gives one, not {describe(optimizer)}"
        )


def steps_per_epoch(recipe: Recipe, count: int) -> int:
    """Returns the number of updates in an epoch of `count` examples, for a valid recipe.

    Raises:
        TypeError, ValueError: a batch size that is not a whole number from 1 to `count`.
    """
    if recipe.batch_size is None:
        return 1
    batch_size = check_whole("Recipe", "batch_size", recipe.batch_size, least=1)
    if batch_size > count:
        raise ValueError(f"Recipe: batch_size must be at most the number of examples, {count}, not {batch_size}")
    return count // batch_size if recipe.drop_last else math.ceil(count / batch_size)


def limit_epochs(caller: str, recipe: Recipe, epochs: int) -> int:
    """Returns the epochs of a training, those of the call or fewer.

    Raises:
        TypeError: a limit in the recipe that is traced.
    """
    if recipe.epochs is None:
        return epochs
    if is_traced(recipe.epochs):
        raise TypeError(
            f"{caller}: the epochs of the Recipe must be known here; as a hyper they limit trials of a sweep"
        )
    return min(epochs, _check_epochs(recipe.epochs))


def _check_epochs(epochs: Any) -> int:
    # Values of `quantized` are floats.
    whole = int(epochs) if isinstance(epochs, float) and epochs.is_integer() else epochs
    return check_whole("Recipe", "epochs", whole, least=1)


def reduce_losses(recipe: Recipe, losses: Array, mask: Array | None) -> Array:
    """Reduces the losses of the examples in the mask; None is all of them."""
    return recipe.reduction(losses) if mask is None else recipe.reduction(losses, where=mask)
