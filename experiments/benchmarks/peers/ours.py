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
from experiments.benchmarks.compiling import compilations, compiled, parts
from experiments.benchmarks.harness import Ready, Seconds, Side, timed
from experiments.benchmarks.problems import HIGHEST, LOWEST, Problem, keys


def sweep_side(problem: Problem, short: Problem, *, judge: str = "rungs", lanes: int | str = "auto") -> Side:
    """`nn.sweep`, which judges the validation part at the end, as the peers do, or after all "epochs"."""

    def prepare() -> Ready:
        count = len(problem.rates)
        run, check = (functools.partial(sweep, some, judge=judge, lanes=lanes) for some in (problem, short))
        return Ready(lambda: run()[0], lambda: check()[1], {}, count, count, warm=False)

    return Side("jaxnn sweep" if judge == "rungs" else "jaxnn, every epoch judged", (), prepare)


def fit_side(problem: Problem, short: Problem) -> Side:
    """One training: `jax.jit` of `nn.fit`."""

    def prepare() -> Ready:
        program, start = fit(problem)
        check = program if short is problem else lambda: fit(short)[0]()
        return Ready(timed(program), lambda: check()[None], start)

    return Side("jaxnn fit", (), prepare)


def fits_side(problem: Problem, short: Problem) -> Side:
    """One training after the other through a jitted `nn.fit`, in a thread for each device."""

    def prepare() -> Ready:
        run, start = fits(problem)
        count = len(problem.rates)
        return Ready(timed(run), lambda: fits(short)[0](), start, count, count, f"{len(jax.devices())} threads")

    return Side("jitted fits", (), prepare)


def model_of(problem: Problem) -> nn.Model:
    """The network, which starts from the problem's weights whatever its key."""
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
    """Seconds by part, and the validation loss of every trial after its last epoch."""
    model = model_of(problem)

    def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
        return nn.Recipe(model, nn.cross_entropy, optax.adam(hypers["learning_rate"]), batch_size=problem.batch)

    # The grid's levels are the problem's rates.
    space = {"learning_rate": nn.log_uniform(LOWEST, HIGHEST)}
    with compilations() as heard:
        begun = time.perf_counter()
        found = nn.sweep(
            make_recipe, space, problem.data, key=jax.random.key(problem.seed), trials=len(problem.rates),
            epochs=problem.epochs, validation=problem.test, sampler="grid", progress=False, **options,
        )  # fmt: skip
        ended = time.perf_counter()
    return parts(begun, ended, heard), found.curves("validation_losses")[:, -1]


def fit(problem: Problem) -> tuple[Callable[[], np.ndarray], Seconds]:
    """A program that trains from the start and returns the validation loss; and what it took to make."""
    [key] = jax.random.key_data(keys(problem.seed, 0))
    arguments = jax.device_put((problem.data, problem.test, problem.rates[0], key))
    program, start = compiled(_training(problem), *arguments)
    return lambda: np.asarray(program(*arguments)), start


def fits(problem: Problem) -> tuple[Callable[[], np.ndarray], Seconds]:
    """The same for every trial, one after the other on each device."""
    each = np.asarray(jax.random.key_data(keys(problem.seed, len(problem.rates))))
    homes, losses = jax.devices(), np.empty(len(problem.rates))
    data = [jax.device_put((problem.data, problem.test), home) for home in homes]
    made = [
        compiled(_training(problem), *held, *jax.device_put((problem.rates[0], each[0]), home), spread=True)
        for held, home in zip(data, homes, strict=True)
    ]

    def work(place: int) -> None:
        for trial in range(place, len(losses), len(homes)):
            own = jax.device_put((problem.rates[trial], each[trial]), homes[place])
            losses[trial] = made[place][0](*data[place], *own)

    def run() -> np.ndarray:
        with ThreadPoolExecutor(len(homes)) as threads:
            list(threads.map(work, range(len(homes))))
        return losses.copy()

    return run, made[0][1]


def _training(problem: Problem) -> Callable[..., Any]:
    model = model_of(problem)

    def train(data: Any, test: Any, rate: Any, key: Any) -> Any:
        recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(rate), batch_size=problem.batch)
        params = nn.fit(recipe, data, key=jax.random.wrap_key_data(key), epochs=problem.epochs).params
        return nn.cross_entropy(model.apply(params, test[0]), test[1]).mean()

    return train
