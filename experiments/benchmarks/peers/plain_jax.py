"""Plain JAX with optax, and `jax.vmap` over trainings.

Flax uses the loops of this file with its own layers.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from experiments.benchmarks.compiling import compile_program, shard_over_devices
from experiments.benchmarks.harness import Contender, Prepared, Seconds, add_timer, time_second_call
from experiments.benchmarks.peers.networks import network
from experiments.benchmarks.problems import Problem

Apply = Callable[[Any, Any], Any]


def mean_loss(apply: Apply, params: Any, x: Any, labels: Any) -> Any:
    """Returns the mean cross-entropy, by optax."""
    return optax.softmax_cross_entropy_with_integer_labels(apply(params, x), labels).mean()


def update(apply: Apply, params: Any, state: Any, x: Any, labels: Any, rate: Any) -> tuple[Any, Any]:
    """Takes one step of Adam; the learning rate is an argument, so that all trainings share the program."""
    grads = jax.grad(functools.partial(mean_loss, apply))(params, x, labels)
    updates, state = optax.adam(rate).update(grads, state)
    return optax.apply_updates(params, updates), state


def fit(apply: Apply, steps: int, data: Any, test: Any, params: Any, rate: Any, rows: Any) -> Any:
    """Trains for `steps` steps, full batch if `rows` is None, and returns the validation loss."""

    def step(learned: Any, rows: Any) -> tuple[Any, None]:
        x, labels = data if rows is None else jax.tree.map(lambda leaf: leaf[rows], data)
        return update(apply, learned[0], learned[1], x, labels, rate), None

    (params, _), _ = jax.lax.scan(step, (params, optax.adam(rate).init(params)), rows, length=steps)
    return mean_loss(apply, params, *test)


@jax.jit
def take_rows(data: Any, rows: Any) -> Any:
    """Returns a minibatch."""
    return jax.tree.map(lambda leaf: leaf[rows], data)


def train_stepwise(step: Any, loss: Any, problem: Problem, params: Any, trials: Any) -> list[float]:
    """Trains one trial after the other, each by a Python loop that calls a jitted step; returns the losses."""
    data, losses = jax.device_put(problem.data), []
    for trial in trials:
        learned, rate = (params, optax.adam(0.0).init(params)), problem.rates[trial]
        for i in range(problem.steps):
            batch = data if problem.rows is None else take_rows(data, problem.rows[trial, i])
            learned = step(*learned, *batch, rate)
        losses.append(float(loss(learned[0], *problem.test)))
    return losses


def compile_mapped(
    problem: Problem, tile: int | None, apply: Apply = network
) -> tuple[Callable[[], np.ndarray], Seconds]:
    """Compiles `jax.vmap` of all trainings, sharded over the devices, and there all at once or a tile at a time."""

    def train(data: Any, test: Any, params: Any, rates: Any, rows: Any = None) -> Any:
        fit_one = functools.partial(fit, apply, problem.steps, data, test, params)
        fit_trial = (lambda trial: fit_one(*trial)) if rows is not None else (lambda trial: fit_one(trial[0], None))
        trials = (rates,) if rows is None else (rates, rows)
        if tile is None or tile >= len(rates):
            return jax.vmap(fit_trial)(trials)
        tiles = jax.tree.map(lambda leaf: leaf.reshape(-1, tile, *leaf.shape[1:]), trials)
        return jax.lax.map(jax.vmap(fit_trial), tiles).reshape(-1)

    arguments = problem.data, problem.test, problem.layers, problem.rates
    arguments = arguments if problem.rows is None else (*arguments, problem.rows)
    program, startup = compile_program(shard_over_devices(train, shared=3), *arguments, spread=True)
    arguments = jax.tree.map(jax.device_put, arguments, program.input_shardings[0])
    return lambda: np.asarray(program(*arguments)), startup


def mapped_contender(problem: Problem, short: Problem, timed_trials: int) -> Contender:
    """Returns `jax.vmap` of the whole fit, with all trials at once."""

    def prepare() -> Prepared:
        run, startup = compile_mapped(problem.select(slice(timed_trials)), None)
        losses = run if short is problem else lambda: compile_mapped(short, None)[0]()
        return Prepared(add_timer(run), losses, startup, timed_trials, len(problem.rates))

    return Contender("plain vmap", (), prepare)


def tiled_contender(problem: Problem, short: Problem, timed_trials: int, tiles: tuple[int, ...]) -> Contender:
    """Returns `jax.vmap` of the whole fit in tiles of the size that is fastest on this machine."""

    def prepare() -> Prepared:
        timed, devices = problem.select(slice(timed_trials)), len(jax.devices())
        sizes = [tile for tile in tiles if timed_trials % (tile * devices) == 0]
        programs = {tile: compile_mapped(timed, tile) for tile in sizes}
        best = min(programs, key=lambda tile: time_second_call(programs[tile][0]))
        run, startup = programs[best]
        losses = run if short is problem else lambda: compile_mapped(short, 2)[0]()
        return Prepared(add_timer(run), losses, startup, timed_trials, len(problem.rates), f"tiles of {best}")

    return Contender("plain vmap, tiled", (), prepare)
