"""Small networks of Flax linen, Flax NNX and Equinox, and the minibatches of a loop of one's own."""

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from flax import linen, nnx

import jaxnn as nn

FLOWERS = nn.datasets.iris()
X = np.asarray(nn.scale(nn.standard_scaling(FLOWERS.x), FLOWERS.x))[:: 150 // 38][:38]
LABELS = FLOWERS.targets[:: 150 // 38][:38]


class Linen(linen.Module):
    """A network of 4-6-3 with a batch norm, a dropout, or both."""

    norm: bool = True
    rate: Any = 0.0
    ours: bool = False

    @linen.compact
    def __call__(self, x, train):
        x = linen.Dense(6)(x)
        if self.norm:
            x = linen.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        x = linen.tanh(x)
        if self.ours:
            x = nn.dropout(self.make_rng("dropout"), x, self.rate) if train else x
        else:
            x = linen.Dropout(self.rate, deterministic=not train)(x)
        return linen.Dense(3)(x)


class NNX(nnx.Module):
    """The same network."""

    def __init__(self, norm=True, rate=0.0, ours=False, *, rngs):
        self.hidden = nnx.Linear(4, 6, rngs=rngs)
        self.norm = nnx.BatchNorm(6, momentum=0.9, rngs=rngs) if norm else None
        self.dropout = None if ours else nnx.Dropout(rate, rngs=rngs)
        self.layers = nnx.List([nnx.Linear(6, 3, rngs=rngs)])
        self.rate, self.rngs, self.deterministic = rate, rngs.fork(), False

    def __call__(self, x):
        x = self.hidden(x)
        x = nnx.tanh(x if self.norm is None else self.norm(x))
        if self.dropout is not None:
            x = self.dropout(x)
        elif not self.deterministic:
            x = nn.dropout(self.rngs.dropout(), x, self.rate)
        return self.layers[0](x)


def make_equinox(norm: bool = True, rate: Any = 0.0) -> Callable[[jax.Array], eqx.Module]:
    """Returns the function of a key that builds the same network."""

    def make(key: jax.Array) -> eqx.Module:
        keys = jax.random.split(key)
        norms = [eqx.nn.BatchNorm(6, axis_name="examples", mode="batch")] if norm else []
        last = [eqx.nn.Lambda(jax.numpy.tanh), eqx.nn.Dropout(rate), eqx.nn.Linear(6, 3, key=keys[1])]
        return eqx.nn.Sequential([eqx.nn.Linear(4, 6, key=keys[0]), *norms, *last])

    return make


def model_of(tool: str, **options: Any) -> nn.Model:
    """Returns the model of a tool's network."""
    if tool == "equinox":
        return nn.integrations.equinox.model(make_equinox(**{k: v for k, v in options.items() if k != "ours"}))
    if tool == "linen":
        return nn.integrations.flax.model(Linen(**options), X[:1])
    return nn.integrations.flax.model(lambda rngs: NNX(**options, rngs=rngs))


def draw_rows(key: jax.Array, batch_size: int, epochs: int) -> Iterator[Any]:
    """Yields the row numbers of the full minibatches that a training with this key takes."""
    _, run_key = jax.random.split(key)
    for epoch in range(epochs):
        order_key, _ = jax.random.split(jax.random.fold_in(run_key, epoch))
        yield from nn.minibatches(order_key, len(X), batch_size, drop_last=True)[0]


def init_key(key: jax.Array) -> jax.Array:
    """Returns the key of the initial weights in a training with this key."""
    return jax.random.split(key)[0]


def assert_close(actual: Any, expected: Any) -> None:
    """Checks that two pytrees agree to 1e-5."""
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-5), actual, expected)
