"""The residual network of `nn.resnet` in Flax and in PyTorch, with its parameters."""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import functools
import time
from typing import Any, NamedTuple

import numpy as np

RATE, MOMENTUM = 1e-3, 0.9  # of SGD; with large steps two float32 programs soon differ


class Problem(NamedTuple):
    """Steps of one residual network with batch norm, always on the same minibatch.

    Attributes:
        x: images (batch, height, width, channels).
        labels: shape (batch,).
        channels: of each stage.
        blocks: of each stage.
        params: those of `nn.resnet` as nested dicts, the layers as tuples of NumPy arrays.
    """

    x: np.ndarray
    labels: np.ndarray
    channels: tuple[int, ...]
    blocks: int
    params: dict[str, Any]


def list_blocks(problem: Problem) -> list[tuple[str, int, int]]:
    """Returns name, channels and stride of every block."""
    stages = [(width, place) for width in problem.channels for place in range(problem.blocks)]
    strides = [1 if place or index < problem.blocks else 2 for index, (_, place) in enumerate(stages)]
    return [
        (f"block_{i}", width, stride) for i, ((width, _), stride) in enumerate(zip(stages, strides, strict=True), 1)
    ]


@functools.cache
def make_flax_module(blocks: tuple[tuple[str, int, int], ...], classes: int) -> Any:
    """Returns a linen module whose layers have the names of `nn.resnet`."""
    from flax import linen

    def convolve(width: int, window: int, stride: int, name: str) -> Any:
        return linen.Conv(width, (window, window), stride, window // 2, use_bias=False, name=name)

    def normalize(name: str) -> Any:
        return linen.BatchNorm(use_running_average=False, momentum=0.9, name=name)

    class Network(linen.Module):
        """A residual network in training."""

        @linen.compact
        def __call__(self, x: Any) -> Any:
            x = linen.relu(normalize("stem.norm")(convolve(blocks[0][1], 3, 1, "stem.conv")(x)))
            for name, width, stride in blocks:
                hidden = convolve(width, 3, stride, f"{name}.conv_1")(x)
                hidden = convolve(width, 3, 1, f"{name}.conv_2")(linen.relu(normalize(f"{name}.norm_1")(hidden)))
                if stride > 1:
                    x = normalize(f"{name}.norm_shortcut")(convolve(width, 1, stride, f"{name}.conv_shortcut")(x))
                x = linen.relu(normalize(f"{name}.norm_2")(hidden) + x)
            return linen.Dense(classes, name="output")(x.mean((1, 2)))

    return Network()


def make_flax_variables(problem: Problem) -> dict[str, Any]:
    """Returns the variables of the module."""
    params, statistics = {}, {}
    for name, layer in name_layers(problem.params).items():
        if "norm" in name:
            params[name] = {"scale": layer[0], "bias": layer[1]}
            statistics[name] = {"mean": layer[2], "var": layer[3]}
        else:
            params[name] = {"kernel": layer[0]} | ({} if layer[1] is None else {"bias": layer[1]})
    return {"params": params, "batch_stats": statistics}


def name_layers(params: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Returns the layers by names such as "block_1.conv_1"."""
    nested = {
        f"{part}.{name}": layer for part, layers in params.items() if part != "output" for name, layer in layers.items()
    }
    return nested | {"output": params["output"]}


def make_torch_layers(problem: Problem) -> dict[str, Any]:
    """Returns the layers of PyTorch with the parameters."""
    import torch
    from torch import nn

    strides = {name: stride for name, _, stride in list_blocks(problem)}
    layers: dict[str, Any] = {}
    for name, (weight, bias, *_) in name_layers(problem.params).items():
        if "norm" in name:
            layers[name] = nn.BatchNorm2d(len(weight))
        elif name == "output":
            layers[name], weight = nn.Linear(*weight.shape), weight.T
        else:
            window, _, inputs, outputs = weight.shape
            stride = strides.get(name.split(".")[0], 1) if name.endswith(("conv_1", "conv_shortcut")) else 1
            layers[name] = nn.Conv2d(inputs, outputs, window, stride, window // 2, bias=False)
            weight = weight.transpose(3, 2, 0, 1)
        with torch.no_grad():
            layers[name].weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
            if bias is not None:
                layers[name].bias.copy_(torch.from_numpy(np.array(bias)))
    return layers


def make_torch_module(problem: Problem) -> Any:
    """Returns a PyTorch module with the parameters."""
    from torch import nn

    layers, blocks = make_torch_layers(problem), list_blocks(problem)

    class Network(nn.Module):
        """A residual network."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleDict({name.replace(".", "-"): layer for name, layer in layers.items()})

        def call(self, name: str, x: Any) -> Any:
            """Applies a layer."""
            return self.layers[name.replace(".", "-")](x)

        def forward(self, x: Any) -> Any:
            """Returns the logits."""
            relu = nn.functional.relu
            x = relu(self.call("stem.norm", self.call("stem.conv", x)))
            for name, _, stride in blocks:
                hidden = relu(self.call(f"{name}.norm_1", self.call(f"{name}.conv_1", x)))
                hidden = self.call(f"{name}.norm_2", self.call(f"{name}.conv_2", hidden))
                if stride > 1:
                    x = self.call(f"{name}.norm_shortcut", self.call(f"{name}.conv_shortcut", x))
                x = relu(hidden + x)
            return self.call("output", x.mean((2, 3)))

    return Network()


def train_torch(problem: Problem, threads: int, channels_last: bool, steps: int) -> tuple[float, float]:
    """Makes these steps, and returns the last loss and the seconds of all but the first two steps."""
    import torch

    torch.set_num_threads(threads)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = make_torch_module(problem).to(memory_format=layout).train()
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(problem.x, -1, 1))).to(memory_format=layout)
    labels = torch.from_numpy(problem.labels.astype(np.int64))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    value, started = 0.0, 0.0
    for step in range(steps + 2):
        if step == 2:
            started = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = loss.item()
    return value, time.perf_counter() - started
