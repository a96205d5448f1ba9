"""A model: pure functions over its parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array


class Model(NamedTuple):
    """A network as two pure functions, or three; your own network is a `Model` of your own functions.

    Attributes:
        init: `init(key) -> params`, any pytree of arrays; those that are carried and not learned are each a `Buffer`.
        apply: `apply(params, x, *, key=None) -> outputs`, batch first. It must accept `key`, from which dropout is
            drawn: training passes a new key in every step, and evaluation passes None, which means no dropout. In
            evaluation the outputs of an example must not depend on the others, since they come in tiles.
        train_apply: `train_apply(params, x, *, key, where=None) -> (outputs, params)`, required with a `Buffer` among
            the params, such as a batch norm's means: training calls it in place of `apply`, and goes on with the
            buffers of the params that it returns; the other params are the optimizer's. It must return the structure,
            shapes and types that it gets. `where`, shape (batch,), is False for rows that only fill the last minibatch
            or fold, and None if all rows count. Evaluation always calls `apply`.

    Example:
        >>> from jaxnn import Model, init_dense, dense
        >>> line = Model(lambda key: init_dense(key, 1, 1), lambda params, x, *, key=None: dense(params, x))
        >>> line.apply(line.init(jax.random.key(0)), jax.numpy.zeros((5, 1))).shape
        (5, 1)

    A model with a running mean of its inputs, which it subtracts in evaluation; in training it subtracts that of the
    minibatch:

        >>> import jax.numpy as jnp, jaxnn as nn, optax
        >>> def train_apply(params, x, *, key, where=None):
        ...     mean = x.mean(axis=0, where=None if where is None else where[:, None])
        ...     latest = nn.Buffer(0.9 * params["mean"].value + 0.1 * mean)
        ...     return dense(params["line"], x - mean[None]), {**params, "mean": latest}
        >>> centered = Model(
        ...     lambda key: {"line": init_dense(key, 4, 3), "mean": nn.Buffer(jnp.zeros(4))},
        ...     lambda params, x, *, key=None: dense(params["line"], x - params["mean"].value[None]),
        ...     train_apply,
        ... )
        >>> recipe, flowers = nn.Recipe(centered, nn.cross_entropy, optax.adam(0.1)), nn.datasets.iris()
        >>> fitted = nn.fit(recipe, flowers.data, key=jax.random.key(0), epochs=90)
        >>> bool(jnp.allclose(fitted.params["mean"].value, flowers.x.mean(axis=0), atol=0.01))
        True
    """

    init: Callable[[Array], Any]
    apply: Callable[..., Any]
    train_apply: Callable[..., tuple[Any, Any]] | None = None
