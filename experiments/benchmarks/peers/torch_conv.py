"""PyTorch's convolution alone, forward and both gradients, in workers."""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import time
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks import workers
from experiments.benchmarks.peers.torch_models import select_device

Arrays = tuple[np.ndarray, np.ndarray]  # images and weights, with the lanes on the first axis


class Options(NamedTuple):
    """The number of threads, and whether channels are the last axis in memory."""

    threads: int
    channels_last: bool


def run_lanes(arrays: Arrays, steps: int, rate: float, options: Options) -> tuple[np.ndarray, float]:
    """Runs one lane on all cores, or several split among one process per core; returns numbers and seconds."""
    if len(arrays[0]) == 1:
        parts = workers.run_on_all_cores(convolve, steps, rate, options, arrays).results
    else:
        count = min(len(workers.cores()), len(arrays[0]))
        shares = [tuple(np.array_split(leaf, count)[i] for leaf in arrays) for i in range(count)]
        parts = workers.run_on_each_core(convolve, (steps, rate, options), shares).results
    values, seconds = zip(*parts, strict=True)
    return np.concatenate(values, axis=1), max(seconds)


def find_fastest(arrays: Arrays, steps: int, rate: float) -> Options:
    """Times all options and returns the fastest."""
    threads = sorted({1, len(workers.cores())}) if len(arrays[0]) == 1 else [1]
    seconds = {}
    for options in [Options(count, last) for count in threads for last in (False, True)]:
        run_lanes(arrays, steps, rate, options)
        seconds[options] = run_lanes(arrays, steps, rate, options)[1]
    return min(seconds, key=lambda options: seconds[options])


def convolve(steps: int, rate: float, options: Options, arrays: Arrays) -> tuple[np.ndarray, float]:
    """Runs lane after lane; returns value and two norms, shape (3, lanes), and seconds. steps=0: no descent."""
    import torch

    torch.set_num_threads(options.threads)
    memory_format = torch.channels_last if options.channels_last else torch.contiguous_format
    lanes = []
    for x, weight in zip(*arrays, strict=True):
        transposed = x.transpose(0, 3, 1, 2).copy(), weight.transpose(3, 2, 0, 1).copy()
        tensors = [torch.from_numpy(leaf).to(select_device()) for leaf in transposed]
        lanes.append([leaf.contiguous(memory_format=memory_format).requires_grad_() for leaf in tensors])
    started = time.perf_counter()
    values = [_descend(x, weight, steps, rate) for x, weight in lanes]
    return np.array(values, np.float32).T, time.perf_counter() - started


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
