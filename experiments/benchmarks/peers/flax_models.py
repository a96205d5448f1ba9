"""Flax: a linen module with optax, one training after the other on every core.

With the step jitted, as its examples have it, and with the whole fit jitted, a `lax.scan` over the steps.
"""

# pyright: reportMissingImports=false
# Who checks the types need not have every peer installed.

import functools
import time
from typing import Any

import jax
import numpy as np
import optax

from experiments.benchmarks import workers
from experiments.benchmarks.harness import Ready, Seconds, Side
from experiments.benchmarks.peers import plain_jax
from experiments.benchmarks.problems import Problem


def stepped_side(problem: Problem, short: Problem, timed_trials: int) -> Side:
    """A Python loop around the jitted step."""
    return _side("Flax, jitted step", train_steps, problem, short, timed_trials)


def fitted_side(problem: Problem, short: Problem, timed_trials: int) -> Side:
    """The whole fit as one program, called once a training."""
    return _side("Flax, jitted fit", train_fits, problem, short, timed_trials)


def _side(name: str, train: Any, problem: Problem, short: Problem, timed_trials: int) -> Side:
    """Many trainings have a worker on every core; a training alone has one with all of them."""

    def prepare() -> Ready:
        def run() -> Seconds:
            if len(problem.rates) == 1:
                return {"run": workers.on_all_cores(train, problem, [0]).seconds}
            return {"run": workers.on_each_core(train, (problem,), workers.shares(timed_trials)).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.on_all_cores(train, short, list(range(len(short.rates)))).results[0])

        start = workers.on_all_cores(start_seconds, train is train_fits, problem).results[0]
        detail = workers.hands(timed_trials)
        return Ready(run, losses, start, timed_trials, len(problem.rates), detail)

    return Side(name, ("flax",), prepare)


@functools.cache
def network(filters: tuple[int, ...], nodes: tuple[int, ...]) -> Any:
    """A compact module: convolutions with relu and max-pooling, then dense layers."""
    from flax import linen

    class Network(linen.Module):
        """Layers of these sizes."""

        @linen.compact
        def __call__(self, x: Any) -> Any:
            for place, count in enumerate(filters):
                x = linen.relu(linen.Conv(count, (3, 3), name=f"layer_{place}")(x))
                x = linen.max_pool(x, (2, 2), strides=(2, 2))
            x = x.reshape((len(x), -1))
            for place, count in enumerate(nodes, len(filters)):
                x = linen.Dense(count, name=f"layer_{place}")(x)
                x = x if place == len(filters) + len(nodes) - 1 else linen.relu(x)
            return x

    return Network().apply


def module_and_params(problem: Problem) -> tuple[Any, Any]:
    """The module's `apply`, the same object for the same sizes so that JAX compiles it once, and its parameters."""
    weights = [weight for weight, _ in problem.layers]
    filters = tuple(weight.shape[-1] for weight in weights if weight.ndim == 4)
    apply = network(filters, tuple(weight.shape[-1] for weight in weights if weight.ndim == 2))
    layers = {f"layer_{i}": {"kernel": weight, "bias": bias} for i, (weight, bias) in enumerate(problem.layers)}
    return apply, {"params": jax.device_put(layers)}


_step = jax.jit(plain_jax.update, static_argnums=0)
_loss = jax.jit(plain_jax.mean_loss, static_argnums=0)
_fit = jax.jit(plain_jax.fit, static_argnums=(0, 1))


def train_steps(problem: Problem, trials: list[int]) -> list[float]:
    """Validation losses of these trials, step by step."""
    apply, params = module_and_params(problem)
    return plain_jax.stepwise(functools.partial(_step, apply), functools.partial(_loss, apply), problem, params, trials)


def train_fits(problem: Problem, trials: list[int]) -> list[float]:
    """Validation losses of these trials, a call each; they are dispatched one behind the other and read in the end."""
    apply, params = module_and_params(problem)
    data, test = jax.device_put((problem.data, problem.test))
    rows = [None if problem.rows is None else problem.rows[trial] for trial in trials]
    losses = [
        _fit(apply, problem.steps, data, test, params, problem.rates[trial], some)
        for trial, some in zip(trials, rows, strict=True)
    ]
    return [float(loss) for loss in losses]


def start_seconds(whole: bool, problem: Problem) -> Seconds:
    """How long the program takes to trace and to compile, in a worker that has everything imported."""
    jax.clear_caches()  # another case may have compiled it
    apply, params = module_and_params(problem)
    rows = None if problem.rows is None else problem.rows[0]
    begun = time.perf_counter()
    if whole:
        lowered = _fit.lower(apply, problem.steps, problem.data, problem.test, params, problem.rates[0], rows)
    else:
        x, labels = problem.data if rows is None else (leaf[rows[0]] for leaf in problem.data)
        lowered = _step.lower(apply, params, optax.adam(0.0).init(params), x, labels, problem.rates[0])
    traced = time.perf_counter()
    lowered.compile()
    return {"trace": traced - begun, "compile": time.perf_counter() - traced}
