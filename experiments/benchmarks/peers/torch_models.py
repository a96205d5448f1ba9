"""PyTorch: eager trainings one by one, stacked models by `torch.func`, and one model with its fastest options.

Everything runs in workers, so that the threads of PyTorch and of JAX do not share a process. Torch is only imported in
function calls. PyTorch uses a GPU if there is one.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmarks import workers
from experiments.benchmarks.harness import Contender, Prepared, Seconds
from experiments.benchmarks.problems import Problem, to_channels_first

# Hyperparameters of Adam, the defaults of all tools.
BETA_1 = 0.9
BETA_2 = 0.999
EPSILON = 1e-8


def eager_contender(problem: Problem, short: Problem, timed_trials: int) -> Contender:
    """Returns one training after the other on every core, with one thread and the fused Adam."""

    def prepare() -> Prepared:
        def run() -> Seconds:
            shares = workers.split_trials(timed_trials)
            return {"run": workers.run_on_each_core(train, (problem, 1, False), shares).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.run_on_all_cores(train, short, 1, False, list(range(len(short.rates)))).results[0])

        return Prepared(run, losses, {}, timed_trials, len(problem.rates), workers.describe_processes(timed_trials))

    return Contender("PyTorch eager", ("torch",), prepare)


def stacked_contender(problem: Problem, short: Problem, timed_trials: int, tiles: tuple[int, ...]) -> Contender:
    """Returns `torch.func`: `vmap` of `grad` over stacked models, in tiles of the size that is fastest here."""

    def prepare() -> Prepared:
        shares = workers.split_trials(timed_trials)

        def run(tile: int, problem: Problem = problem) -> Seconds:
            return {"run": workers.run_on_each_core(train_stacked, (problem, tile), shares).seconds}

        sizes = sorted({min(tile, len(shares[0])) for tile in tiles})
        # A tenth of the epochs is enough to compare the sizes.
        brief = problem if problem.rows is not None else problem._replace(epochs=max(1, problem.epochs // 10))
        best = sizes[0] if len(sizes) == 1 else min(sizes, key=lambda tile: _time_best(lambda: run(tile, brief)))

        def losses() -> np.ndarray:
            return np.array(workers.run_on_all_cores(train_stacked, short, 2, list(range(len(short.rates)))).results[0])

        detail = f"{workers.describe_processes(timed_trials)}, {best} at a time"
        return Prepared(lambda: run(best), losses, {}, timed_trials, len(problem.rates), detail)

    return Contender("PyTorch torch.func", ("torch",), prepare)


def single_contender(problem: Problem, short: Problem) -> Contender:
    """Returns one training, with the number of threads and the memory format that are fastest here."""

    def prepare() -> Prepared:
        thread_counts = sorted({1, len(workers.cores())})
        formats = (False, True) if problem.data[0].ndim == 4 else (False,)
        options = [(threads, channels_last) for threads in thread_counts for channels_last in formats]

        def run(option: tuple[int, bool]) -> Seconds:
            return {"run": workers.run_on_all_cores(train, problem, *option, [0]).seconds}

        best = min(options, key=lambda option: _time_best(lambda: run(option)))
        losses = lambda: np.array(workers.run_on_all_cores(train, short, *best, [0]).results[0])  # noqa: E731
        detail = f"{best[0]} thread{'s' * (best[0] > 1)}" + ", channels last" * best[1]
        return Prepared(lambda: run(best), losses, {}, 1, 1, detail)

    return Contender("PyTorch eager", ("torch",), prepare)


def make_network(problem: Problem) -> Any:
    """Returns the network as a `torch.nn.Sequential` with the problem's weights."""
    import torch
    from torch import nn

    layers: list[Any] = []
    for weight, bias in to_channels_first(problem.layers):
        if weight.ndim == 4:
            layer: Any = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            layers += [layer, nn.ReLU(), nn.MaxPool2d(2)]
        else:
            flatten = [nn.Flatten()] if layers and isinstance(layers[-1], nn.MaxPool2d) else []
            layer = nn.Linear(weight.shape[1], weight.shape[0])
            layers += [*flatten, layer, nn.ReLU()]
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    return nn.Sequential(*layers[:-1]).to(select_device())


def select_device() -> Any:
    """Returns the GPU if there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_tensors(data: tuple[np.ndarray, np.ndarray], channels_last: bool = False) -> tuple[Any, Any]:
    """Returns examples and labels as tensors, images with shape (count, channels, height, width)."""
    import torch

    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(data[0], -1, 1))).to(select_device())
    x = x.to(memory_format=torch.channels_last) if channels_last and x.ndim == 4 else x
    return x, torch.from_numpy(data[1].astype(np.int64)).to(select_device())


def train(problem: Problem, threads: int, channels_last: bool, trials: list[int]) -> list[float]:
    """Trains these trials one after the other and returns their validation losses."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(threads)
    (x, labels), (test_x, test_labels) = (to_tensors(data, channels_last) for data in (problem.data, problem.test))
    losses = []
    for trial in trials:
        model = make_network(problem)
        model = model.to(memory_format=torch.channels_last) if channels_last else model
        optimizer = torch.optim.Adam(model.parameters(), lr=float(problem.rates[trial]), fused=True)
        rows = None if problem.rows is None else _to_indices(problem.rows[trial])
        for i in range(problem.steps):
            batch = (x, labels) if rows is None else (x[rows[i]], labels[rows[i]])
            optimizer.zero_grad()
            cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(float(cross_entropy(model(test_x), test_labels)))
    return losses


def train_stacked(problem: Problem, tile: int, trials: list[int]) -> list[float]:
    """Trains these trials, `tile` of them at a time as one stacked model, and returns their validation losses."""
    import torch

    torch.set_num_threads(1)
    tiles = [trials[start : start + tile] for start in range(0, len(trials), tile)]
    return [loss for trials_of_tile in tiles for loss in _train_tile(problem.select(trials_of_tile))]


def _train_tile(problem: Problem) -> list[float]:
    import torch
    from torch.func import functional_call, grad, vmap
    from torch.nn.functional import cross_entropy

    (x, labels), (test_x, test_labels) = to_tensors(problem.data), to_tensors(problem.test)
    model, count = make_network(problem), len(problem.rates)
    params = {name: torch.stack([value.detach()] * count) for name, value in model.named_parameters()}
    step = _make_adam(params, torch.from_numpy(problem.rates).to(select_device()))

    def loss(params: Any, x: Any, labels: Any) -> Any:
        return cross_entropy(functional_call(model, params, (x,)), labels)

    gradient = vmap(grad(loss), in_dims=(0, None, None) if problem.rows is None else 0)
    rows = None if problem.rows is None else _to_indices(problem.rows)
    for i in range(problem.steps):
        batch = (x, labels) if rows is None else (x[rows[:, i]], labels[rows[:, i]])
        params = step(params, gradient(params, *batch), i + 1)
    return vmap(functools.partial(loss, x=test_x, labels=test_labels))(params).tolist()


def _to_indices(rows: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(rows.astype(np.int64)).to(select_device())


def _make_adam(params: Any, rates: Any) -> Callable[[Any, Any, int], Any]:
    """Returns a step of Adam with a learning rate for each stacked model, which `torch.optim` does not support."""
    import torch

    means = {name: torch.zeros_like(value) for name, value in params.items()}
    squares = {name: torch.zeros_like(value) for name, value in params.items()}
    scales = {name: rates.reshape(-1, *[1] * (value.ndim - 1)) for name, value in params.items()}

    def step(params: Any, grads: Any, count: int) -> Any:
        for name, value in params.items():
            means[name].lerp_(grads[name], 1 - BETA_1)
            squares[name].mul_(BETA_2).addcmul_(grads[name], grads[name], value=1 - BETA_2)
            denominator = (squares[name] / (1 - BETA_2**count)).sqrt_().add_(EPSILON)
            value.sub_(scales[name] / (1 - BETA_1**count) * means[name] / denominator)
        return params

    return step


def _time_best(run: Callable[[], Seconds]) -> float:
    """Returns the seconds of the faster of two calls, after a warm-up call."""
    run()
    return min(run()["run"] for _ in range(2))
