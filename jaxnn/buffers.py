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
    """

    value: Any


def is_buffer(leaf: Any) -> bool:
    """Returns whether a node of a pytree is a buffer."""
    return isinstance(leaf, Buffer)


def partition(params: Any) -> tuple[Any, Any]:
    """Divides parameters into what is learned and the buffers; each has None in the places of the other.

    Without buffers the learned tree is `params` itself, and the second part is None.
    """
    leaves, structure = jax.tree.flatten(params, is_leaf=is_buffer)
    if not any(map(is_buffer, leaves)):
        return params, None
    learned = [None if is_buffer(leaf) else leaf for leaf in leaves]
    return structure.unflatten(learned), structure.unflatten([leaf if is_buffer(leaf) else None for leaf in leaves])


def merge(learned: Any, buffers: Any) -> Any:
    """Puts together what `partition` has divided."""
    if buffers is None:
        return learned
    return jax.tree.map(
        lambda leaf, buffer: buffer if leaf is None else leaf, learned, buffers, is_leaf=lambda leaf: leaf is None
    )
