"""A model: pure functions over its parameters."""

import functools
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
        train_apply: `train_apply(params, x, *, key, where=None) -> (outputs, params)`. It is required with a `Buffer`
            among the params, such as a batch norm's means. Training calls it in place of `apply`, and goes on with the
            buffers of the params that it returns. The other params are the optimizer's. It must return the structure,
            shapes and types that it gets. `where`, shape (batch,), is False for rows that only fill the last minibatch
            or fold, and None if all rows count. Evaluation always calls `apply`.

    Example:
        >>> from jaxnn import Model, init_dense, dense
        >>> line = Model(lambda key: init_dense(key, 1, 1), lambda params, x, *, key=None: dense(params, x))
        >>> line.apply(line.init(jax.random.key(0)), jax.numpy.zeros((5, 1))).shape
        (5, 1)
        >>> line
        Model(init=<lambda>, apply=<lambda>)

    A network of your own with a batch norm, whose running means `train_apply` returns:

        >>> import jaxnn as nn, optax
        >>> def init(key):
        ...     keys = jax.random.split(key)
        ...     norm = nn.init_batch_norm(16)
        ...     return {"hidden": nn.init_dense(keys[0], 4, 16), "norm": norm, "output": nn.init_dense(keys[1], 16, 3)}
        >>> def apply(params, x, *, key=None):
        ...     hidden = nn.batch_norm(params["norm"], nn.dense(params["hidden"], x))
        ...     return nn.dense(params["output"], nn.relu(hidden))
        >>> def train_apply(params, x, *, key, where=None):
        ...     hidden, norm = nn.train_batch_norm(params["norm"], nn.dense(params["hidden"], x), where=where)
        ...     return nn.dense(params["output"], nn.relu(hidden)), params | {"norm": norm}
        >>> model = Model(init, apply, train_apply)
        >>> recipe, flowers = nn.Recipe(model, nn.cross_entropy, optax.adam(0.1)), nn.datasets.iris()
        >>> fitted = nn.fit(recipe, flowers.data, key=jax.random.key(0), epochs=90)
        >>> bool(nn.accuracy(nn.predict(model, fitted.params, flowers.x), flowers.targets) > 0.95)
        True
    """

    init: Callable[[Array], Any]
    apply: Callable[..., Any]
    train_apply: Callable[..., tuple[Any, Any]] | None = None

    def __repr__(self) -> str:
        """Returns the kind and the widths of a network of this library, and the names of functions of your own."""
        title = find_title(self.init)
        if title is not None:
            return f"Model({title})"
        functions = {name: function for name, function in self._asdict().items() if function is not None}
        return f"Model({', '.join(f'{name}={_name(function)}' for name, function in functions.items())})"


def find_title(init: Callable[..., Any]) -> str | None:
    """Returns the kind and the widths of the network that a function of this library starts, or None."""
    return getattr(_unwrap(init), "title", None)


def join_widths(*widths: Any) -> str:
    """Returns the widths of layers in a row, for a title; those that are traced are not known.

    Example:
        >>> join_widths(4, 16, 3)
        '4-16-3'
    """
    return "-".join(str(width) if isinstance(width, int) else "?" for width in widths)


def _unwrap(function: Any) -> Any:
    return _unwrap(function.func) if isinstance(function, functools.partial) else function


def _name(function: Any) -> str:
    function = _unwrap(function)
    return getattr(function, "__qualname__", type(function).__qualname__).rpartition("<locals>.")[-1]
