"""Equinox: modules that are pytrees, as an ensemble by `filter_vmap` and one by one by `filter_jit`."""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from experiments.benchmarks import workers
from experiments.benchmarks.compiling import compile_program, shard_over_devices
from experiments.benchmarks.harness import Contender, Prepared, Seconds, add_timer
from experiments.benchmarks.peers.plain_jax import take_rows
from experiments.benchmarks.problems import Problem, to_channels_first


def ensemble_contender(problem: Problem, short: Problem, timed_trials: int) -> Contender:
    """Returns `filter_vmap` of the whole fit over the learning rates, spread over the cores."""

    def prepare() -> Prepared:
        run, startup = compile_ensemble(problem.select(slice(timed_trials)))
        losses = run if short is problem else lambda: compile_ensemble(short)[0]()
        return Prepared(add_timer(run), losses, startup, timed_trials, len(problem.rates))

    return Contender("Equinox filter_vmap", ("equinox",), prepare)


def single_contender(problem: Problem, short: Problem) -> Contender:
    """Returns one training: a Python loop around the step under `filter_jit`."""

    def prepare() -> Prepared:
        def run() -> Seconds:
            return {"run": workers.run_on_all_cores(train_steps, problem).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.run_on_all_cores(train_steps, short).results[0])

        startup = workers.run_on_all_cores(time_startup, problem).results[0]
        return Prepared(run, losses, startup, 1, 1, "1 process")

    return Contender("Equinox, jitted step", ("equinox",), prepare)


def make_network(problem: Problem, norm: bool = False) -> Any:
    """Returns the network for one example, an `eqx.nn.Sequential` with the problem's weights.

    With a batch norm after each convolution, which then has no biases.
    """
    import equinox as eqx
    import jax.numpy as jnp

    layers: list[Any] = []
    for weight, bias in to_channels_first(problem.layers):
        key = jax.random.key(0)
        if weight.ndim == 4:
            layer: Any = eqx.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, use_bias=not norm, key=key)
            norms = [eqx.nn.BatchNorm(len(weight), "batch", momentum=0.9, mode="batch")] if norm else []
            following = [*norms, eqx.nn.Lambda(jax.nn.relu), eqx.nn.MaxPool2d(2, 2)]
        else:
            layers += [eqx.nn.Lambda(jnp.ravel)] if layers and isinstance(layers[-1], eqx.nn.MaxPool2d) else []
            layer = eqx.nn.Linear(weight.shape[1], weight.shape[0], key=key)
            following = [eqx.nn.Lambda(jax.nn.relu)]
        layer = eqx.tree_at(lambda layer: layer.weight, layer, jnp.asarray(weight))
        if layer.bias is not None:
            layer = eqx.tree_at(lambda layer: layer.bias, layer, jnp.asarray(bias).reshape(layer.bias.shape))
        layers += [layer, *following]
    return eqx.nn.Sequential(layers[:-1])


def move_channels_first(problem: Problem) -> tuple[Any, Any]:
    """Returns training and test data with images of shape (channels, height, width), as Equinox takes them."""

    def move(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.moveaxis(x, -1, 1))

    return (move(problem.data[0]), problem.data[1]), (move(problem.test[0]), problem.test[1])


def mean_loss(model: Any, x: Any, labels: Any) -> Any:
    """Returns the mean cross-entropy, with the model mapped over the batch."""
    return optax.softmax_cross_entropy_with_integer_labels(jax.vmap(model)(x), labels).mean()


def update(model: Any, state: Any, x: Any, labels: Any, rate: Any) -> tuple[Any, Any]:
    """Takes one step of Adam."""
    import equinox as eqx

    grads = eqx.filter_grad(mean_loss)(model, x, labels)
    updates, state = optax.adam(rate).update(grads, state)
    return eqx.apply_updates(model, updates), state


def compile_ensemble(problem: Problem) -> tuple[Callable[[], np.ndarray], Seconds]:
    """Compiles a program of all trials; returns a function that runs it and returns the losses, and the seconds."""
    import equinox as eqx

    arrays, static = eqx.partition(make_network(problem), eqx.is_array)

    def fit(arrays: Any, data: Any, test: Any, rate: Any, rows: Any) -> Any:
        def step(carry: Any, rows: Any) -> tuple[Any, None]:
            x, labels = data if rows is None else jax.tree.map(lambda leaf: leaf[rows], data)
            model, state = update(eqx.combine(carry[0], static), carry[1], x, labels, rate)
            return (eqx.filter(model, eqx.is_array), state), None

        start = arrays, optax.adam(rate).init(arrays)
        (arrays, _), _ = jax.lax.scan(step, start, rows, length=problem.steps)
        return mean_loss(eqx.combine(arrays, static), *test)

    def train(arrays: Any, data: Any, test: Any, rates: Any, rows: Any = None) -> Any:
        axes = (None, None, None, 0, None if rows is None else 0)
        return eqx.filter_vmap(fit, in_axes=axes)(arrays, data, test, rates, rows)

    arguments = arrays, *move_channels_first(problem), problem.rates
    arguments = arguments if problem.rows is None else (*arguments, problem.rows)
    program, startup = compile_program(shard_over_devices(train, shared=3), *arguments, spread=True)
    arguments = jax.tree.map(jax.device_put, arguments, program.input_shardings[0])
    return lambda: np.asarray(program(*arguments)), startup


_jitted: dict[str, Any] = {}  # the jitted functions of this worker, kept so that only the first round compiles


def train_steps(problem: Problem) -> list[float]:
    """Trains one network step by step and returns its validation loss."""
    import equinox as eqx

    if not _jitted:
        _jitted["step"], _jitted["loss"] = eqx.filter_jit(update), eqx.filter_jit(mean_loss)
    data, test = jax.device_put(move_channels_first(problem))
    model, rate = make_network(problem), jax.numpy.asarray(problem.rates[0])
    state = optax.adam(0.0).init(eqx.filter(model, eqx.is_array))
    for i in range(problem.steps):
        x, labels = data if problem.rows is None else take_rows(data, problem.rows[0, i])
        model, state = _jitted["step"](model, state, x, labels, rate)
    return [float(_jitted["loss"](model, *test))]


def time_startup(problem: Problem) -> Seconds:
    """Returns the seconds that tracing and compiling the step take in a worker with everything imported."""
    import equinox as eqx

    jax.clear_caches()  # another case may have compiled it
    model, (data, _) = make_network(problem), move_channels_first(problem)
    x, labels = data if problem.rows is None else (leaf[problem.rows[0, 0]] for leaf in data)
    state = optax.adam(0.0).init(eqx.filter(model, eqx.is_array))
    arguments = model, state, *jax.device_put((x, labels, problem.rates[0]))
    step: Any = eqx.filter_jit(update)
    started = time.perf_counter()
    lowered = step.lower(*arguments)
    traced = time.perf_counter()
    lowered.compile()
    return {"trace": traced - started, "compile": time.perf_counter() - traced}
