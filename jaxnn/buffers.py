"""Buffers: numbers among the parameters that a model carries but does not learn, such as the means of a batch norm.

They travel inside the parameters, so that `predict`, `save` and the lanes of a sweep need nothing else. Gradients and
optimizers see the learned tree of `partition`, which has None in their places.
"""

from typing import Any, NamedTuple

import jax


class Buffer(NamedTuple):
    """Marks an array among the parameters that is carried and not learned, as PyTorch's buffers are.

    A model with buffers has a function `train_apply`, which returns their new values; see `Model` for an example. They
    are evaluated, saved, copied and replayed with the parameters. Gradients, optimizers with their masks and labels,
    step sizes and the mean of `Recipe.ema` leave them out.

    Attributes:
        value: an array of any type.

    Example:
        >>> import jax.numpy as jnp
        >>> params = {"weight": jnp.ones(3), "count": Buffer(jnp.zeros((), int))}
        >>> jax.tree.map(jnp.shape, params)
        {'count': Buffer(value=()), 'weight': (3,)}

    A loop of your own differentiates the learned tree, and goes on with the buffers that `train_apply` returns:

        >>> import jaxnn as nn
        >>> model, optimizer = nn.resnet((8, 8, 1), (4,), 10, blocks=1), optax.adam(0.01)
        >>> @jax.jit
        ... def step(params, state, x, labels):
        ...     learned, buffers = nn.partition(params)
        ...     def objective(learned):
        ...         outputs, after = model.train_apply(nn.merge(learned, buffers), x, key=None)
        ...         return nn.cross_entropy(outputs, labels).mean(), nn.partition(after)[1]
        ...     (loss, buffers), gradient = jax.value_and_grad(objective, has_aux=True)(learned)
        ...     updates, state = optimizer.update(gradient, state, learned)
        ...     return nn.merge(optax.apply_updates(learned, updates), buffers), state, loss
        >>> (x, labels), params = nn.datasets.digits().data, model.init(jax.random.key(0))
        >>> state, losses = optimizer.init(nn.partition(params)[0]), []
        >>> for start in range(0, 1280, 64):
        ...     params, state, loss = step(params, state, x[start : start + 64], labels[start : start + 64])
        ...     losses.append(float(loss))
        >>> losses[-1] < losses[0]
        True
    """

    value: Any


class Frozen(NamedTuple):
    """Marks a part of the parameters that a model of `freeze` carries and does not learn.

    Attributes:
        params: the part, a pytree.
    """

    params: Any


def is_buffer(leaf: Any) -> bool:
    """Returns whether a node of a pytree is a buffer, or a frozen part, which is treated as one."""
    return isinstance(leaf, Buffer | Frozen)


def partition(params: Any) -> tuple[Any, Any]:
    """Divides parameters into what is learned and the buffers; each has None in the places of the other.

    Args:
        params: any pytree, in which each `Buffer` counts as one leaf, and so does each `Frozen` part.

    Returns:
        The learned tree, which gradients and optimizers take, and the tree of buffers. Without buffers the learned tree
        is `params` itself, and the second part is None.

    Example:
        >>> learned, buffers = partition({"weight": 3.0, "count": Buffer(7)})
        >>> learned, buffers
        ({'count': None, 'weight': 3.0}, {'count': Buffer(value=7), 'weight': None})
    """
    leaves, structure = jax.tree.flatten(params, is_leaf=is_buffer)
    if not any(map(is_buffer, leaves)):
        return params, None
    learned = [None if is_buffer(leaf) else leaf for leaf in leaves]
    return structure.unflatten(learned), structure.unflatten([leaf if is_buffer(leaf) else None for leaf in leaves])


def merge(learned: Any, buffers: Any) -> Any:
    """Puts together what `partition` has divided; either part may be a newer one.

    Args:
        learned: the learned tree, with None in the places of buffers.
        buffers: the tree of buffers, with None in the other places; or None, and the learned tree is returned.

    Returns:
        The parameters, as a model takes them.

    Raises:
        ValueError: the two trees have different structures.

    Example:
        >>> learned, buffers = partition({"weight": 3.0, "count": Buffer(7)})
        >>> merge({"weight": 2.5, "count": None}, buffers)
        {'count': Buffer(value=7), 'weight': 2.5}
    """
    if buffers is None:
        return learned
    return jax.tree.map(
        lambda leaf, buffer: buffer if leaf is None else leaf, learned, buffers, is_leaf=lambda leaf: leaf is None
    )
