"""PyTorch: eager trainings one by one, stacked models by `torch.func`, and one model at its best settings.

Everything runs in workers, so that PyTorch's threads and ours do not share a process; nothing here imports torch before
it is called. Where a GPU is at hand, PyTorch computes there too.
"""

# pyright: reportMissingImports=false
# Who checks the types need not have every peer installed.

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmarks import workers
from experiments.benchmarks.harness import Ready, Seconds, Side
from experiments.benchmarks.problems import Problem, channels_first

# Of Adam, as everywhere here.
FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8


def eager_side(problem: Problem, short: Problem, timed_trials: int) -> Side:
    """One training after the other on every core, a thread each, with the fused Adam."""

    def prepare() -> Ready:
        def run() -> Seconds:
            return {"run": workers.on_each_core(train, (problem, 1, False), workers.shares(timed_trials)).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.on_all_cores(train, short, 1, False, list(range(len(short.rates)))).results[0])

        return Ready(run, losses, {}, timed_trials, len(problem.rates), workers.hands(timed_trials))

    return Side("PyTorch eager", ("torch",), prepare)


def stacked_side(problem: Problem, short: Problem, timed_trials: int, tiles: tuple[int, ...]) -> Side:
    """`torch.func`: models stacked on a first axis, `vmap` of `grad`, as many at once as is fastest here."""

    def prepare() -> Ready:
        hands = workers.shares(timed_trials)

        def run(tile: int, problem: Problem = problem) -> Seconds:
            return {"run": workers.on_each_core(train_stacked, (problem, tile), hands).seconds}

        fitting = sorted({min(tile, len(hands[0])) for tile in tiles})
        # A tenth of the epochs tells the widths apart.
        brief = problem if problem.rows is not None else problem._replace(epochs=max(1, problem.epochs // 10))
        best = fitting[0] if len(fitting) == 1 else min(fitting, key=lambda tile: _second(lambda: run(tile, brief)))

        def losses() -> np.ndarray:
            return np.array(workers.on_all_cores(train_stacked, short, 2, list(range(len(short.rates)))).results[0])

        detail = f"{workers.hands(timed_trials)}, {best} at a time"
        return Ready(lambda: run(best), losses, {}, timed_trials, len(problem.rates), detail)

    return Side("PyTorch torch.func", ("torch",), prepare)


def one_side(problem: Problem, short: Problem) -> Side:
    """One training, with the number of threads and the order of the axes in memory that are fastest here."""

    def prepare() -> Ready:
        counts = sorted({1, len(workers.cores())})
        orders = (False, True) if problem.data[0].ndim == 4 else (False,)
        ways = [(threads, last) for threads in counts for last in orders]

        def run(way: tuple[int, bool]) -> Seconds:
            return {"run": workers.on_all_cores(train, problem, *way, [0]).seconds}

        best = min(ways, key=lambda way: _second(lambda: run(way)))
        losses = lambda: np.array(workers.on_all_cores(train, short, *best, [0]).results[0])  # noqa: E731
        detail = f"{best[0]} thread{'s' * (best[0] > 1)}" + ", channels last" * best[1]
        return Ready(lambda: run(best), losses, {}, 1, 1, detail)

    return Side("PyTorch eager", ("torch",), prepare)


def network(problem: Problem) -> Any:
    """The network as a `torch.nn.Sequential` with the problem's weights."""
    import torch
    from torch import nn

    parts: list[Any] = []
    for weight, bias in channels_first(problem.layers):
        if weight.ndim == 4:
            layer: Any = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            parts += [layer, nn.ReLU(), nn.MaxPool2d(2)]
        else:
            flat = [nn.Flatten()] if parts and isinstance(parts[-1], nn.MaxPool2d) else []
            layer = nn.Linear(weight.shape[1], weight.shape[0])
            parts += [*flat, layer, nn.ReLU()]
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    return nn.Sequential(*parts[:-1]).to(device())


def device() -> Any:
    """The GPU where there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tensors(data: tuple[np.ndarray, np.ndarray], last: bool = False) -> tuple[Any, Any]:
    """Examples and labels; images as (count, channels, height, width)."""
    import torch

    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(data[0], -1, 1))).to(device())
    x = x.to(memory_format=torch.channels_last) if last and x.ndim == 4 else x
    return x, torch.from_numpy(data[1].astype(np.int64)).to(device())


def train(problem: Problem, threads: int, last: bool, trials: list[int]) -> list[float]:
    """Validation losses of these trials, each trained on its own."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(threads)
    (x, labels), (test_x, test_labels) = tensors(problem.data, last), tensors(problem.test, last)
    losses = []
    for trial in trials:
        model = network(problem)
        model = model.to(memory_format=torch.channels_last) if last else model
        optimizer = torch.optim.Adam(model.parameters(), lr=float(problem.rates[trial]), fused=True)
        rows = None if problem.rows is None else torch.from_numpy(problem.rows[trial].astype(np.int64)).to(device())
        for i in range(problem.steps):
            batch = (x, labels) if rows is None else (x[rows[i]], labels[rows[i]])
            optimizer.zero_grad()
            cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(float(cross_entropy(model(test_x), test_labels)))
    return losses


def train_stacked(problem: Problem, tile: int, trials: list[int]) -> list[float]:
    """Validation losses of these trials, `tile` of them trained as one stacked model."""
    import torch

    torch.set_num_threads(1)
    parts = [trials[start : start + tile] for start in range(0, len(trials), tile)]
    return [loss for part in parts for loss in _train_tile(problem.only(part))]


def _train_tile(problem: Problem) -> list[float]:
    import torch
    from torch.func import functional_call, grad, vmap
    from torch.nn.functional import cross_entropy

    (x, labels), (test_x, test_labels) = tensors(problem.data), tensors(problem.test)
    model, count = network(problem), len(problem.rates)
    params = {name: torch.stack([value.detach()] * count) for name, value in model.named_parameters()}
    step = _adam(params, torch.from_numpy(problem.rates).to(device()))

    def loss(params: Any, x: Any, labels: Any) -> Any:
        return cross_entropy(functional_call(model, params, (x,)), labels)

    gradient = vmap(grad(loss), in_dims=(0, None, None) if problem.rows is None else 0)
    rows = None if problem.rows is None else torch.from_numpy(problem.rows.astype(np.int64)).to(device())
    for i in range(problem.steps):
        batch = (x, labels) if rows is None else (x[rows[:, i]], labels[rows[:, i]])
        params = step(params, gradient(params, *batch), i + 1)
    return vmap(functools.partial(loss, x=test_x, labels=test_labels))(params).tolist()


def _adam(params: Any, rates: Any) -> Callable[[Any, Any, int], Any]:
    """Adam with a rate for every model of the stack, which `torch.optim` does not have."""
    import torch

    means = {name: torch.zeros_like(value) for name, value in params.items()}
    squares = {name: torch.zeros_like(value) for name, value in params.items()}
    scales = {name: rates.reshape(-1, *[1] * (value.ndim - 1)) for name, value in params.items()}

    def step(params: Any, grads: Any, count: int) -> Any:
        for name, value in params.items():
            means[name].lerp_(grads[name], 1 - FIRST)
            squares[name].mul_(SECOND).addcmul_(grads[name], grads[name], value=1 - SECOND)
            size = (squares[name] / (1 - SECOND**count)).sqrt_().add_(EPSILON)
            value.sub_(scales[name] / (1 - FIRST**count) * means[name] / size)
        return params

    return step


def _second(run: Callable[[], Seconds]) -> float:
    """Seconds of the faster of two calls, after one that warms."""
    run()
    return min(run()["run"] for _ in range(2))
