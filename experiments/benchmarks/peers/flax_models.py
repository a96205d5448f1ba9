"""Flax: a linen module with optax, one training after the other on every core.

One contender jits the step, as Flax's examples do; the other jits the whole fit, a `lax.scan` over the steps.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import functools
import time
from typing import Any

import jax
import numpy as np
import optax

from experiments.benchmarks import workers
from experiments.benchmarks.harness import Contender, Prepared, Seconds
from experiments.benchmarks.peers import networks, plain_jax
from experiments.benchmarks.problems import Problem


def step_contender(problem: Problem, short: Problem, timed_trials: int) -> Contender:
    """Returns a Python loop around the jitted step."""
    return _make_contender("Flax, jitted step", train_steps, problem, short, timed_trials)


def fit_contender(problem: Problem, short: Problem, timed_trials: int) -> Contender:
    """Returns the whole fit as one program, called once per training."""
    return _make_contender("Flax, jitted fit", train_fits, problem, short, timed_trials)


def _make_contender(name: str, train: Any, problem: Problem, short: Problem, timed_trials: int) -> Contender:
    """Returns a contender with a worker on every core, or, for a single training, one worker on all cores."""

    def prepare() -> Prepared:
        def run() -> Seconds:
            if len(problem.rates) == 1:
                return {"run": workers.run_on_all_cores(train, problem, [0]).seconds}
            return {"run": workers.run_on_each_core(train, (problem,), workers.split_trials(timed_trials)).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.run_on_all_cores(train, short, list(range(len(short.rates)))).results[0])

        startup = workers.run_on_all_cores(time_startup, train is train_fits, problem).results[0]
        detail = workers.describe_processes(timed_trials)
        return Prepared(run, losses, startup, timed_trials, len(problem.rates), detail)

    return Contender(name, ("flax",), prepare)


def make_apply_and_params(problem: Problem) -> tuple[Any, Any]:
    """Returns `apply` and the parameters."""
    weights = [weight for weight, _ in problem.layers]
    filters = tuple(weight.shape[-1] for weight in weights if weight.ndim == 4)
    apply = networks.make_module(filters, tuple(weight.shape[-1] for weight in weights if weight.ndim == 2)).apply
    layers = {f"layer_{i}": {"kernel": weight, "bias": bias} for i, (weight, bias) in enumerate(problem.layers)}
    return apply, {"params": jax.device_put(layers)}


_step = jax.jit(plain_jax.update, static_argnums=0)
_loss = jax.jit(plain_jax.mean_loss, static_argnums=0)
_fit = jax.jit(plain_jax.fit, static_argnums=(0, 1))


def train_steps(problem: Problem, trials: list[int]) -> list[float]:
    """Trains these trials step by step and returns their validation losses."""
    apply, params = make_apply_and_params(problem)
    step, loss = functools.partial(_step, apply), functools.partial(_loss, apply)
    return plain_jax.train_stepwise(step, loss, problem, params, trials)


def train_fits(problem: Problem, trials: list[int]) -> list[float]:
    """Trains these trials with one call each and returns their validation losses, read after all are dispatched."""
    apply, params = make_apply_and_params(problem)
    data, test = jax.device_put((problem.data, problem.test))
    rows = [None if problem.rows is None else problem.rows[trial] for trial in trials]
    losses = [
        _fit(apply, problem.steps, data, test, params, problem.rates[trial], rows_of_trial)
        for trial, rows_of_trial in zip(trials, rows, strict=True)
    ]
    return [float(loss) for loss in losses]


def time_startup(whole_fit: bool, problem: Problem) -> Seconds:
    """Returns the seconds that tracing and compiling take in a worker with everything imported."""
    jax.clear_caches()  # another case may have compiled it
    apply, params = make_apply_and_params(problem)
    rows = None if problem.rows is None else problem.rows[0]
    started = time.perf_counter()
    if whole_fit:
        lowered = _fit.lower(apply, problem.steps, problem.data, problem.test, params, problem.rates[0], rows)
    else:
        x, labels = problem.data if rows is None else (leaf[rows[0]] for leaf in problem.data)
        lowered = _step.lower(apply, params, optax.adam(0.0).init(params), x, labels, problem.rates[0])
    traced = time.perf_counter()
    lowered.compile()
    return {"trace": traced - started, "compile": time.perf_counter() - traced}
