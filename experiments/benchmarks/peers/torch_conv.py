"""PyTorch's convolution alone, forward and both gradients, in workers."""

from typing import Any

import numpy as np

from experiments.benchmarks import workers
from experiments.benchmarks.peers.torch_models import device
from experiments.benchmarks.workers import Done

Way = tuple[int, bool]  # threads, channels last


def everywhere(given: tuple[np.ndarray, np.ndarray], steps: int, rate: float, way: Way) -> Done:
    """One lane in a process with all cores; several dealt out, a process for every core."""
    if len(given[0]) == 1:
        return workers.on_all_cores(convolve, steps, rate, way, given)
    hands = min(len(workers.cores()), len(given[0]))
    parts = [tuple(np.array_split(leaf, hands)[i] for leaf in given) for i in range(hands)]
    return workers.on_each_core(convolve, (steps, rate, way), parts)


def fastest(given: tuple[np.ndarray, np.ndarray], steps: int, rate: float) -> Way:
    """The number of threads and the order of axes that take least."""
    threads = sorted({1, len(workers.cores())}) if len(given[0]) == 1 else [1]
    seconds = {}
    for way in [(count, last) for count in threads for last in (False, True)]:
        everywhere(given, steps, rate, way)
        seconds[way] = everywhere(given, steps, rate, way).seconds
    return min(seconds, key=lambda way: seconds[way])


def convolve(steps: int, rate: float, way: Way, given: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Lane after lane: the value and two sizes, shape (3, lanes); steps=0 is one step without descent."""
    import torch

    torch.set_num_threads(way[0])
    order = torch.channels_last if way[1] else torch.contiguous_format
    found = []
    for x, weight in zip(*given, strict=True):
        x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(device(), memory_format=order).requires_grad_()
        weight = torch.from_numpy(weight.transpose(3, 2, 0, 1).copy()).to(device(), memory_format=order)
        found.append(_descend(x, weight.requires_grad_(), steps, rate))
    return np.array(found, np.float32).T


def _descend(x: Any, weight: Any, steps: int, rate: float) -> list[float]:
    import torch

    bias = torch.zeros(len(weight), device=weight.device)
    value = torch.zeros(())
    for _ in range(max(1, steps)):
        value = torch.nn.functional.conv2d(x, weight, bias, padding=1).square().mean()
        slopes = torch.autograd.grad(value, (x, weight))
        if not steps:
            return [float(value), *(float(slope.norm()) for slope in slopes)]
        with torch.no_grad():
            for leaf, slope in zip((x, weight), slopes, strict=True):
                leaf -= rate * slope
    return [float(value.detach()), float(x.detach().norm()), float(weight.detach().norm())]
