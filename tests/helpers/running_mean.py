"""A model with two buffers that can be computed by hand: the running mean of its inputs, and a counter of its steps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from jaxnn.batches import minibatches

RATE = 0.1  # of gradient descent
MOMENTUM = 0.75  # of the mean


class Params(NamedTuple):
    weight: Any
    mean: Any
    steps: Any


def data(rows: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns two inputs with means 1 and -2, and a linear function of them."""
    x = np.random.default_rng(seed).normal([1, -2], size=(rows, 2)).astype("f")
    return x, (x @ np.array([[2], [-1]], "f") + 1).astype("f")


def init(key: jax.Array) -> Params:
    weight = jax.random.normal(key, (2,)).reshape(2, 1)
    return Params(weight, nn.Buffer(jnp.zeros(2)), nn.Buffer(jnp.zeros((), jnp.int32)))


def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
    return (x - params.mean.value[None]) @ params.weight


def train_apply(params: Params, x: jax.Array, *, key: jax.Array, where: Any = None) -> tuple[jax.Array, Params]:
    mean = jnp.mean(x, axis=0, where=None if where is None else where[:, None])
    latest = MOMENTUM * params.mean.value + (1 - MOMENTUM) * mean
    after = Params(params.weight, nn.Buffer(latest), nn.Buffer(params.steps.value + 1))
    return (x - mean[None]) @ params.weight, after


MODEL = nn.Model(init, apply, train_apply)


def hidden_model(width: Any, inputs: int = 2, outputs: int = 1) -> nn.Model:
    """Returns a network that subtracts the running mean of its hidden units; the width may be that of `sizes`."""

    def init(key: jax.Array) -> dict[str, Any]:
        keys = jax.random.split(key)
        hidden = nn.init_dense(keys[0], inputs, width)
        buffers = {"mean": nn.Buffer(jnp.zeros_like(hidden.bias)), "steps": nn.Buffer(jnp.zeros((), jnp.int32))}
        return {"hidden": hidden, "output": nn.init_dense(keys[1], width, outputs)} | buffers

    def hide(params: Any, x: Any) -> jax.Array:
        return nn.mask_units(nn.softplus(nn.dense(params["hidden"], x)), width)

    def apply(params: Any, x: Any, *, key: Any = None) -> jax.Array:
        return nn.dense(params["output"], hide(params, x) - params["mean"].value[None])

    def train_apply(params: Any, x: Any, *, key: Any, where: Any = None) -> tuple[jax.Array, Any]:
        hidden = hide(params, x)
        mean = hidden.mean(axis=0, where=None if where is None else where[:, None])
        latest = MOMENTUM * params["mean"].value + (1 - MOMENTUM) * mean
        buffers = {"mean": nn.Buffer(latest), "steps": nn.Buffer(params["steps"].value + 1)}
        return nn.dense(params["output"], hidden - mean[None]), params | buffers

    return nn.Model(init, apply, train_apply)


def train_in_numpy(state: nn.TrainingState, rows: Any, epochs: int, batch_size: int | None, rate: float = RATE) -> Any:
    """Returns the params after some epochs of gradient descent on the mean squared error, computed with NumPy."""
    params = jax.tree.map(np.asarray, state.params)
    for epoch in range(int(state.epoch), int(state.epoch) + epochs):
        for x, targets in draw_batches(state.key, rows, epoch, batch_size):
            mean = x.mean(axis=0)
            errors = (x - mean) @ params.weight - targets
            weight = params.weight - rate * 2 * (x - mean).T @ errors / len(x)
            latest = MOMENTUM * params.mean.value + (1 - MOMENTUM) * mean
            params = Params(weight, nn.Buffer(latest), nn.Buffer(params.steps.value + 1))
    return params


def draw_batches(key: jax.Array, rows: Any, epoch: int, batch_size: int | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the minibatches of an epoch, without the rows that fill the last one."""
    x, targets = rows
    if batch_size is None:
        return [(x, targets)]
    order_key, _ = jax.random.split(jax.random.fold_in(jax.random.clone(key), epoch))
    numbers, mask = minibatches(order_key, len(x), batch_size)
    masks = np.ones_like(numbers, bool) if mask is None else np.asarray(mask)
    return [(x[own[counts]], targets[own[counts]]) for own, counts in zip(np.asarray(numbers), masks, strict=True)]


def assert_close(params: Params, expected: Params) -> None:
    """Asserts that params have the expected numbers, and counters the very same."""
    np.testing.assert_array_equal(params.steps.value, expected.steps.value)
    for given, wanted in ((params.weight, expected.weight), (params.mean.value, expected.mean.value)):
        np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-5)
