"""The CNN of a problem as a module of Flax and of Equinox in `nn.sweep`, with and without batch norm; and Flax alone.

jaxnn's own CNN with batch norm is here too. All start from the weights of the problem; convolutions before a norm have
no biases.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.benchmarks import workers
from experiments.benchmarks.harness import Contender, Prepared, Seconds
from experiments.benchmarks.peers import equinox_models, jaxnn_models, networks
from experiments.benchmarks.problems import Problem


def sweep_contender(name: str, problem: Problem, short: Problem, timed_trials: int, norm: bool) -> Contender:
    """Returns `nn.sweep` with the network of "jaxnn", "Flax", "Flax with nn.conv" or "Equinox"."""

    def prepare() -> Prepared:
        timed, total = problem.select(slice(timed_trials)), len(problem.rates)

        def run() -> Seconds:
            return _sweep(name, timed, norm)[0]

        def losses() -> np.ndarray:
            return _sweep(name, short, norm)[1]

        # Equinox corrects the running statistics for their start, so that it evaluates otherwise.
        comparable = not (norm and name == "Equinox")
        return Prepared(run, losses if comparable else None, {}, timed_trials, total, warm=False)

    return Contender(f"{name} in nn.sweep", () if name == "jaxnn" else (name.lower().split()[0],), prepare)


def _sweep(name: str, problem: Problem, norm: bool) -> tuple[Seconds, np.ndarray]:
    if name == "Equinox":
        data, test = equinox_models.move_channels_first(problem)
        problem = problem._replace(data=data, test=test)
    return jaxnn_models.sweep(problem, model=_MODELS[name](problem, norm), evaluate_at="rungs")


def make_jaxnn_model(problem: Problem, norm: bool) -> nn.Model:
    """Returns jaxnn's own CNN with the weights of the problem."""
    if not norm:
        return jaxnn_models.make_model(problem)
    filters, nodes = list_sizes(problem)
    options = {"norm": "batch", "norm_options": {"unbiased": False}}  # as in Flax
    model = nn.cnn(problem.data[0].shape[1:], filters, nodes[-1], hidden=nodes[:-1], **options)
    names = [f"conv_{i + 1}" for i in range(len(filters))] + [f"hidden_{i + 1}" for i in range(len(nodes) - 1)]

    def init(key: Any) -> Any:
        params = dict(model.init(key))
        for name, (weight, bias) in zip([*names, "output"], problem.layers, strict=True):
            params[name] = nn.Affine(jnp.asarray(weight), None if params[name].bias is None else jnp.asarray(bias))
        return params

    return model._replace(init=init)


def make_flax_model(problem: Problem, norm: bool) -> nn.Model:
    """Returns the linen module of the problem, with its weights."""
    return _fill_module(networks.make_module(*list_sizes(problem), norm), problem)


def make_quick_flax_model(problem: Problem, norm: bool) -> nn.Model:
    """Returns the linen module of the problem with this library's convolution and pooling."""
    return _fill_module(networks.make_module(*list_sizes(problem), norm, _get_convolution, _pool), problem)


def _get_convolution() -> Any:
    return nn.integrations.flax.conv_general_dilated


def _pool(x: Any) -> Any:
    return nn.max_pool(x, 2)


def _fill_module(module: Any, problem: Problem) -> nn.Model:
    model = nn.integrations.flax.model(module, problem.data[0][:1])
    return model._replace(init=lambda key: fill_flax(model.init(key), problem))


def fill_flax(variables: Any, problem: Problem) -> Any:
    """Returns variables of Flax with the weights of the problem."""
    params = dict(variables["params"])
    for i, (weight, bias) in enumerate(problem.layers):
        layer = {"kernel": jnp.asarray(weight), "bias": jnp.asarray(bias)}
        params[f"layer_{i}"] = {name: layer[name] for name in params[f"layer_{i}"]}
    return variables | {"params": params}


def make_equinox_model(problem: Problem, norm: bool) -> nn.Model:
    """Returns the module of Equinox, with the weights of the problem."""
    return nn.integrations.equinox.model(lambda key: equinox_models.make_network(problem, norm))


_MODELS: dict[str, Callable[[Problem, bool], nn.Model]] = {
    "jaxnn": make_jaxnn_model,
    "Flax": make_flax_model,
    "Flax with nn.conv": make_quick_flax_model,
    "Equinox": make_equinox_model,
}


def list_sizes(problem: Problem) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns the numbers of filters and of nodes."""
    weights = [weight for weight, _ in problem.layers]
    filters, nodes = (tuple(each.shape[-1] for each in weights if each.ndim == axes) for axes in (4, 2))
    return filters, nodes


def step_contender(problem: Problem, short: Problem, timed_trials: int) -> Contender:
    """Returns Flax's own loop around the jitted step, with batch norm, one training after the other on every core."""

    def prepare() -> Prepared:
        def run() -> Seconds:
            shares = workers.split_trials(timed_trials)
            return {"run": workers.run_on_each_core(train_steps, (problem,), shares).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.run_on_all_cores(train_steps, short, list(range(len(short.rates)))).results[0])

        startup = workers.run_on_all_cores(time_startup, problem).results[0]
        detail = workers.describe_processes(timed_trials)
        return Prepared(run, losses, startup, timed_trials, len(problem.rates), detail)

    return Contender("Flax, jitted step", ("flax",), prepare)


_jitted: dict[Any, Any] = {}  # the jitted functions of this worker, kept so that only the first round compiles


def train_steps(problem: Problem, trials: list[int]) -> list[float]:
    """Trains these trials step by step and returns their validation losses."""
    module, start = _make_start(problem)
    if module not in _jitted:
        _jitted[module] = jax.jit(_make_step(module)), jax.jit(_make_loss(module))
    step, loss = _jitted[module]
    (x, labels), test, losses = jax.device_put(problem.data), jax.device_put(problem.test), []
    for trial in trials:
        variables, state = start, optax.adam(0.0).init(start["params"])
        assert problem.rows is not None
        for rows in problem.rows[trial]:
            variables, state = step(variables, state, x[rows], labels[rows], problem.rates[trial])
        losses.append(loss(variables, *test))
    return [float(each) for each in losses]


def _make_start(problem: Problem) -> tuple[Any, Any]:
    """Returns the module, and its variables at the start."""
    module = networks.make_module(*list_sizes(problem), True)
    return module, fill_flax(module.init(jax.random.key(0), problem.data[0][:1]), problem)


def time_startup(problem: Problem) -> Seconds:
    """Returns the seconds that tracing and compiling the step take in a worker with everything imported."""
    module, start = _make_start(problem)
    assert problem.rows is not None
    x, labels = (leaf[problem.rows[0, 0]] for leaf in problem.data)
    state = optax.adam(0.0).init(start["params"])
    started = time.perf_counter()
    lowered = jax.jit(_make_step(module)).lower(start, state, x, labels, problem.rates[0])
    traced = time.perf_counter()
    lowered.compile()
    return {"trace": traced - started, "compile": time.perf_counter() - traced}


def _make_step(module: Any) -> Callable[..., Any]:
    def step(variables: Any, state: Any, x: Any, labels: Any, rate: Any) -> tuple[Any, Any]:
        def objective(params: Any) -> Any:
            given = variables | {"params": params}
            outputs, after = module.apply(given, x, train=True, mutable=["batch_stats"])
            return optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean(), after

        gradient, after = jax.grad(objective, has_aux=True)(variables["params"])
        updates, state = optax.adam(rate).update(gradient, state)
        return after | {"params": optax.apply_updates(variables["params"], updates)}, state

    return step


def _make_loss(module: Any) -> Callable[..., Any]:
    def loss(variables: Any, x: Any, labels: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(module.apply(variables, x), labels).mean()

    return loss
