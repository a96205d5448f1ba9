"""PyTorch's convolution alone, forward and both gradients, in workers."""

# pyright: reportMissingImports=false
# Who checks the types need not have every peer installed.

import time
from typing import Any

import numpy as np

from experiments.benchmarks import workers
from experiments.benchmarks.peers.torch_models import device

Way = tuple[int, bool]  # threads, channels last


def everywhere(given: tuple[np.ndarray, np.ndarray], steps: int, rate: float, way: Way) -> tuple[np.ndarray, float]:
    """One lane in a process with all cores; several dealt out, a process for every core: figures and seconds."""
    if len(given[0]) == 1:
        parts = workers.on_all_cores(convolve, steps, rate, way, given).results
    else:
        hands = min(len(workers.cores()), len(given[0]))
        some = [tuple(np.array_split(leaf, hands)[i] for leaf in given) for i in range(hands)]
        parts = workers.on_each_core(convolve, (steps, rate, way), some).results
    figures, seconds = zip(*parts, strict=True)
    return np.concatenate(figures, axis=1), max(seconds)


def fastest(given: tuple[np.ndarray, np.ndarray], steps: int, rate: float) -> Way:
    """The number of threads and the order of axes that take least."""
    threads = sorted({1, len(workers.cores())}) if len(given[0]) == 1 else [1]
    seconds = {}
    for way in [(count, last) for count in threads for last in (False, True)]:
        everywhere(given, steps, rate, way)
        seconds[way] = everywhere(given, steps, rate, way)[1]
    return min(seconds, key=lambda way: seconds[way])


def convolve(steps: int, rate: float, way: Way, given: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, float]:
    """Lane after lane: the value and two sizes, shape (3, lanes), and the seconds; steps=0 is one without descent."""
    import torch

    torch.set_num_threads(way[0])
    order = torch.channels_last if way[1] else torch.contiguous_format
    lanes = []
    for x, weight in zip(*given, strict=True):
        turned = x.transpose(0, 3, 1, 2).copy(), weight.transpose(3, 2, 0, 1).copy()
        placed = [torch.from_numpy(leaf).to(device()).contiguous(memory_format=order) for leaf in turned]
        lanes.append([leaf.requires_grad_() for leaf in placed])
    begun = time.perf_counter()
    found = [_descend(x, weight, steps, rate) for x, weight in lanes]
    return np.array(found, np.float32).T, time.perf_counter() - begun


def _descend(x: Any, weight: Any, steps: int, rate: float) -> list[float]:
    import torch

    bias = torch.zeros(len(weight), device=weight.device)
    value = torch.zeros(())
    for _ in range(max(1, steps)):
        value = torch.nn.functional.conv2d(x, weight, bias, padding=1).square().mean()
        slopes = torch.autograd.grad(value, (x, weight))
        if not steps:
            return [value.item(), *(slope.norm().item() for slope in slopes)]
        with torch.no_grad():
            for leaf, slope in zip((x, weight), slopes, strict=True):
                leaf -= rate * slope
    return [value.item(), x.norm().item(), weight.norm().item()]
