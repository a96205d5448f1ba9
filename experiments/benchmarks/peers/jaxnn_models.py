"""jaxnn: `nn.sweep` for many trainings, a jitted `nn.fit` for one."""

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.benchmarks.compiling import compile_program, record_compilations, split_seconds
from experiments.benchmarks.harness import Contender, Prepared, Seconds, add_timer
from experiments.benchmarks.problems import HIGHEST, LOWEST, Problem, make_keys


def sweep_contender(
    problem: Problem, short: Problem, *, evaluate_at: str = "rungs", lanes: int | str = "auto"
) -> Contender:
    """Returns `nn.sweep`; it evaluates the validation part once at the end, as the peers do, or after all "epochs"."""

    def prepare() -> Prepared:
        count = len(problem.rates)
        run, check = (functools.partial(sweep, one, evaluate_at=evaluate_at, lanes=lanes) for one in (problem, short))
        return Prepared(lambda: run()[0], lambda: check()[1], {}, count, count, warm=False)

    return Contender("jaxnn sweep" if evaluate_at == "rungs" else "jaxnn, every epoch evaluated", (), prepare)


def fit_contender(problem: Problem, short: Problem) -> Contender:
    """Returns one training by `jax.jit` of `nn.fit`."""

    def prepare() -> Prepared:
        program, startup = compile_fit(problem)
        check = program if short is problem else lambda: compile_fit(short)[0]()
        return Prepared(add_timer(program), lambda: check()[None], startup)

    return Contender("jaxnn fit", (), prepare)


def fits_contender(problem: Problem, short: Problem) -> Contender:
    """Returns one training after the other by a jitted `nn.fit`, with a thread for each device."""

    def prepare() -> Prepared:
        run, startup = compile_fits(problem)
        count = len(problem.rates)
        detail = f"{len(jax.devices())} threads"
        return Prepared(add_timer(run), lambda: compile_fits(short)[0](), startup, count, count, detail)

    return Contender("jitted fits", (), prepare)


def make_model(problem: Problem) -> nn.Model:
    """Returns the network, of which `init` ignores its key and returns the problem's weights."""
    weights = [weight for weight, _ in problem.layers]
    filters = [weight.shape[-1] for weight in weights if weight.ndim == 4]
    nodes = [weight.shape[-1] for weight in weights if weight.ndim == 2]
    if filters:
        model = nn.cnn(problem.data[0].shape[1:], filters, nodes[-1], hidden=nodes[:-1])
    else:
        model = nn.mlp([weights[0].shape[0], *nodes])
    names = [f"conv_{i + 1}" for i in range(len(filters))] + [f"hidden_{i + 1}" for i in range(len(nodes) - 1)]
    params = dict(zip([*names, "output"], problem.layers, strict=True))

    def init(key: Any) -> Any:
        del key
        return {name: nn.Affine(jnp.asarray(weight), jnp.asarray(bias)) for name, (weight, bias) in params.items()}

    return nn.Model(init, model.apply)


def sweep(problem: Problem, **options: Any) -> tuple[Seconds, np.ndarray]:
    """Runs a sweep; returns its seconds by part, and the validation loss of every trial after its last epoch."""
    # A second sweep would not compile, and tracing could not be told from running.
    jax.clear_caches()
    with record_compilations() as compilations:
        started = time.perf_counter()
        result = run_sweep(problem, **options)
        ended = time.perf_counter()
    return split_seconds(started, ended, compilations), result.curves("validation_losses")[:, -1]


def run_sweep(problem: Problem, *, model: nn.Model | None = None, **options: Any) -> nn.SweepResult:
    """Runs a sweep over the problem's learning rates, which are the levels of the grid."""
    model = model or make_model(problem)

    def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
        return nn.Recipe(model, nn.cross_entropy, optax.adam(hypers["learning_rate"]), batch_size=problem.batch)

    return nn.sweep(
        make_recipe, {"learning_rate": nn.log_uniform(LOWEST, HIGHEST)}, problem.data,
        key=jax.random.key(problem.seed), trials=len(problem.rates), epochs=problem.epochs, validation=problem.test,
        sampler="grid", progress=False, **options,
    )  # fmt: skip


def compile_fit(problem: Problem) -> tuple[Callable[[], np.ndarray], Seconds]:
    """Compiles one training; returns a function that runs it and returns the validation loss, and the seconds."""
    [key] = jax.random.key_data(make_keys(problem.seed, 0))
    arguments = jax.device_put((problem.data, problem.test, problem.rates[0], key))
    program, startup = compile_program(make_training(problem), *arguments)
    return lambda: np.asarray(program(*arguments)), startup


def compile_fits(problem: Problem) -> tuple[Callable[[], np.ndarray], Seconds]:
    """Compiles a training for each device; the function runs all trials, one after the other on each device."""
    keys = np.asarray(jax.random.key_data(make_keys(problem.seed, len(problem.rates))))
    devices, losses = jax.devices(), np.empty(len(problem.rates))
    data = [jax.device_put((problem.data, problem.test), device) for device in devices]
    programs = [
        compile_program(
            make_training(problem), *copies, *jax.device_put((problem.rates[0], keys[0]), device), spread=True
        )
        for copies, device in zip(data, devices, strict=True)
    ]

    def run_device(index: int) -> None:
        for trial in range(index, len(losses), len(devices)):
            arguments = jax.device_put((problem.rates[trial], keys[trial]), devices[index])
            losses[trial] = programs[index][0](*data[index], *arguments)

    def run() -> np.ndarray:
        with ThreadPoolExecutor(len(devices)) as threads:
            list(threads.map(run_device, range(len(devices))))
        return losses.copy()

    return run, programs[0][1]


def make_training(problem: Problem) -> Callable[..., Any]:
    """Returns a function of data, test, learning rate and key that trains by `nn.fit` and returns the test's loss."""
    model = make_model(problem)

    def train(data: Any, test: Any, rate: Any, key: Any) -> Any:
        recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(rate), batch_size=problem.batch)
        params = nn.fit(recipe, data, key=jax.random.wrap_key_data(key), epochs=problem.epochs).params
        return nn.cross_entropy(model.apply(params, test[0]), test[1]).mean()

    return train
