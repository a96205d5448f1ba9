"""Plain JAX with optax: batch-first layers as anyone would write them, and `jax.vmap` over trainings.

The loops here serve Flax as well, with its own layers.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.benchmarks.compiling import compiled, over_devices
from experiments.benchmarks.harness import Ready, Seconds, Side, seconds, timed
from experiments.benchmarks.problems import Problem

Apply = Callable[[Any, Any], Any]


def network(params: Any, x: Any) -> Any:
    """Convolutions with relu and max-pooling, then dense layers: `lax.conv`, `lax.reduce_window` and `@`."""
    for place, (weight, bias) in enumerate(params):
        if weight.ndim == 4:
            x = jax.nn.relu(convolve(x, weight, bias))
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            continue
        x = x.reshape(len(x), -1) @ weight + bias[None]
        x = x if place == len(params) - 1 else jax.nn.relu(x)
    return x


def convolve(x: Any, weight: Any, bias: Any) -> Any:
    """A 3×3 convolution with "same" padding, by XLA's own operation."""
    numbers = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=numbers) + bias[None, None, None]


def mean_loss(apply: Apply, params: Any, x: Any, labels: Any) -> Any:
    """Mean cross-entropy, by optax."""
    return optax.softmax_cross_entropy_with_integer_labels(apply(params, x), labels).mean()


def update(apply: Apply, params: Any, state: Any, x: Any, labels: Any, rate: Any) -> tuple[Any, Any]:
    """One step of Adam; the rate is an argument, so that all trainings share the program."""
    grads = jax.grad(functools.partial(mean_loss, apply))(params, x, labels)
    updates, state = optax.adam(rate).update(grads, state)
    return optax.apply_updates(params, updates), state


def fit(apply: Apply, steps: int, data: Any, test: Any, params: Any, rate: Any, rows: Any) -> Any:
    """A whole training as one function: the validation loss after so many steps; rows None are all rows at once."""

    def step(learned: Any, rows: Any) -> tuple[Any, None]:
        x, labels = data if rows is None else jax.tree.map(lambda leaf: leaf[rows], data)
        return update(apply, learned[0], learned[1], x, labels, rate), None

    (params, _), _ = jax.lax.scan(step, (params, optax.adam(rate).init(params)), rows, length=steps)
    return mean_loss(apply, params, *test)


@jax.jit
def take_rows(data: Any, rows: Any) -> Any:
    """A minibatch."""
    return jax.tree.map(lambda leaf: leaf[rows], data)


def stepwise(step: Any, loss: Any, problem: Problem, params: Any, trials: Any) -> list[float]:
    """One training after the other, each a Python loop that calls a jitted step."""
    data, losses = jax.device_put(problem.data), []
    for trial in trials:
        learned, rate = (params, optax.adam(0.0).init(params)), problem.rates[trial]
        for i in range(problem.steps):
            batch = data if problem.rows is None else take_rows(data, problem.rows[trial, i])
            learned = step(*learned, *batch, rate)
        losses.append(float(loss(learned[0], *problem.test)))
    return losses


def mapped(problem: Problem, tile: int | None, apply: Apply = network) -> tuple[Callable[[], np.ndarray], Seconds]:
    """All trainings by `jax.vmap`, over all devices, each device's all at once or a tile at a time."""

    def train(data: Any, test: Any, params: Any, rates: Any, rows: Any = None) -> Any:
        one = functools.partial(fit, apply, problem.steps, data, test, params)
        some = jax.vmap(lambda trial: one(*trial)) if rows is not None else jax.vmap(lambda trial: one(trial[0], None))
        trials = (rates,) if rows is None else (rates, rows)
        if tile is None or tile >= len(rates):
            return some(trials)
        tiles = jax.tree.map(lambda leaf: leaf.reshape(-1, tile, *leaf.shape[1:]), trials)
        return jax.lax.map(some, tiles).reshape(-1)

    arguments = problem.data, problem.test, problem.layers, problem.rates
    arguments = arguments if problem.rows is None else (*arguments, problem.rows)
    program, start = compiled(over_devices(train, shared=3), *arguments, spread=True)
    arguments = jax.tree.map(jax.device_put, arguments, program.input_shardings[0])
    return lambda: np.asarray(program(*arguments)), start


def mapped_side(problem: Problem, short: Problem, timed_trials: int) -> Side:
    """`jax.vmap` of the whole fit, all lanes at once."""

    def prepare() -> Ready:
        run, start = mapped(problem.only(slice(timed_trials)), None)
        losses = run if short is problem else lambda: mapped(short, None)[0]()
        return Ready(timed(run), losses, start, timed_trials, len(problem.rates))

    return Side("plain vmap", (), prepare)


def tiled_side(problem: Problem, short: Problem, timed_trials: int, tiles: tuple[int, ...]) -> Side:
    """The same in tiles, of the width that is fastest here."""

    def prepare() -> Ready:
        some, devices = problem.only(slice(timed_trials)), len(jax.devices())
        widths = [tile for tile in tiles if timed_trials % (tile * devices) == 0]
        tried = {tile: mapped(some, tile) for tile in widths}
        best = min(tried, key=lambda tile: seconds(tried[tile][0]))
        run, start = tried[best]
        losses = run if short is problem else lambda: mapped(short, 2)[0]()
        return Ready(timed(run), losses, start, timed_trials, len(problem.rates), f"tiles of {best}")

    return Side("plain vmap, tiled", (), prepare)
