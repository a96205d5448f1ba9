"""Equinox: modules that are pytrees, as an ensemble by `filter_vmap` and one by one by `filter_jit`."""

# pyright: reportMissingImports=false
# Who checks the types need not have every peer installed.

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from experiments.benchmarks import workers
from experiments.benchmarks.compiling import compiled, over_devices
from experiments.benchmarks.harness import Ready, Seconds, Side, timed
from experiments.benchmarks.peers.plain_jax import take_rows
from experiments.benchmarks.problems import Problem, channels_first


def ensemble_side(problem: Problem, short: Problem, timed_trials: int) -> Side:
    """`filter_vmap` of the whole fit over the learning rates, spread over the cores."""

    def prepare() -> Ready:
        run, start = ensemble(problem.only(slice(timed_trials)))
        losses = run if short is problem else lambda: ensemble(short)[0]()
        return Ready(timed(run), losses, start, timed_trials, len(problem.rates))

    return Side("Equinox filter_vmap", ("equinox",), prepare)


def one_side(problem: Problem, short: Problem) -> Side:
    """One training: a Python loop around the step under `filter_jit`."""

    def prepare() -> Ready:
        def run() -> Seconds:
            return {"run": workers.on_all_cores(train_steps, problem).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.on_all_cores(train_steps, short).results[0])

        return Ready(run, losses, workers.on_all_cores(start_seconds, problem).results[0], 1, 1, "1 process")

    return Side("Equinox, jitted step", ("equinox",), prepare)


def network(problem: Problem) -> Any:
    """The network for one example, an `eqx.nn.Sequential` with the problem's weights."""
    import equinox as eqx
    import jax.numpy as jnp

    key, parts = jax.random.key(0), []
    for weight, bias in channels_first(problem.layers):
        if weight.ndim == 4:
            layer: Any = eqx.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, key=key)
            tail = [eqx.nn.Lambda(jax.nn.relu), eqx.nn.MaxPool2d(2, 2)]
        else:
            parts += [eqx.nn.Lambda(jnp.ravel)] if parts and isinstance(parts[-1], eqx.nn.MaxPool2d) else []
            layer, tail = eqx.nn.Linear(weight.shape[1], weight.shape[0], key=key), [eqx.nn.Lambda(jax.nn.relu)]
        given = jnp.asarray(weight), jnp.asarray(bias).reshape(layer.bias.shape)
        parts += [eqx.tree_at(lambda layer: (layer.weight, layer.bias), layer, given), *tail]
    return eqx.nn.Sequential(parts[:-1])


def images_first(problem: Problem) -> tuple[Any, Any]:
    """Data and test with the channels in front of the space, as Equinox takes them."""

    def turned(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.moveaxis(x, -1, 1))

    return (turned(problem.data[0]), problem.data[1]), (turned(problem.test[0]), problem.test[1])


def mean_loss(model: Any, x: Any, labels: Any) -> Any:
    """Mean cross-entropy, the model mapped over the batch."""
    return optax.softmax_cross_entropy_with_integer_labels(jax.vmap(model)(x), labels).mean()


def update(model: Any, state: Any, x: Any, labels: Any, rate: Any) -> tuple[Any, Any]:
    """One step of Adam."""
    import equinox as eqx

    grads = eqx.filter_grad(mean_loss)(model, x, labels)
    updates, state = optax.adam(rate).update(grads, state)
    return eqx.apply_updates(model, updates), state


def ensemble(problem: Problem) -> tuple[Callable[[], np.ndarray], Seconds]:
    """A program that trains all trials, and what it took to make."""
    import equinox as eqx

    arrays, static = eqx.partition(network(problem), eqx.is_array)

    def one(arrays: Any, data: Any, test: Any, rate: Any, rows: Any) -> Any:
        def step(learned: Any, rows: Any) -> tuple[Any, None]:
            x, labels = data if rows is None else jax.tree.map(lambda leaf: leaf[rows], data)
            model, state = update(eqx.combine(learned[0], static), learned[1], x, labels, rate)
            return (eqx.filter(model, eqx.is_array), state), None

        start = arrays, optax.adam(rate).init(arrays)
        (arrays, _), _ = jax.lax.scan(step, start, rows, length=problem.steps)
        return mean_loss(eqx.combine(arrays, static), *test)

    def train(arrays: Any, data: Any, test: Any, rates: Any, rows: Any = None) -> Any:
        axes = (None, None, None, 0, None if rows is None else 0)
        return eqx.filter_vmap(one, in_axes=axes)(arrays, data, test, rates, rows)

    arguments = arrays, *images_first(problem), problem.rates
    arguments = arguments if problem.rows is None else (*arguments, problem.rows)
    program, start = compiled(over_devices(train, shared=3), *arguments, spread=True)
    arguments = jax.tree.map(jax.device_put, arguments, program.input_shardings[0])
    return lambda: np.asarray(program(*arguments)), start


_jitted: dict[str, Any] = {}


def train_steps(problem: Problem) -> list[float]:
    """The validation loss of one training, step by step."""
    import equinox as eqx

    if not _jitted:  # made once a worker, so that every round finds it compiled
        _jitted["step"], _jitted["loss"] = eqx.filter_jit(update), eqx.filter_jit(mean_loss)
    data, test = jax.device_put(images_first(problem))
    model, rate = network(problem), jax.numpy.asarray(problem.rates[0])
    state = optax.adam(0.0).init(eqx.filter(model, eqx.is_array))
    for i in range(problem.steps):
        x, labels = data if problem.rows is None else take_rows(data, problem.rows[0, i])
        model, state = _jitted["step"](model, state, x, labels, rate)
    return [float(_jitted["loss"](model, *test))]


def start_seconds(problem: Problem) -> Seconds:
    """How long the step takes to trace and to compile, in a worker that has everything imported."""
    import equinox as eqx

    jax.clear_caches()  # another case may have compiled it
    model, (data, _) = network(problem), images_first(problem)
    x, labels = data if problem.rows is None else (leaf[problem.rows[0, 0]] for leaf in data)
    state = optax.adam(0.0).init(eqx.filter(model, eqx.is_array))
    arguments = model, state, *jax.device_put((x, labels, problem.rates[0]))
    step: Any = eqx.filter_jit(update)
    begun = time.perf_counter()
    lowered = step.lower(*arguments)
    traced = time.perf_counter()
    lowered.compile()
    return {"trace": traced - begun, "compile": time.perf_counter() - traced}
