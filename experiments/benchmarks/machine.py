"""Machine: what it is, what is installed, and the most that it can do: matrix products and copies."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.compiling import compiled, over_devices
from experiments.benchmarks.workers import cores

PACKAGES = (
    "jaxnn", "jax", "jaxlib", "optax", "numpy", "flax", "equinox", "torch", "scikit-learn", "optuna",
)  # fmt: skip


class Limits(NamedTuple):
    """FLOP/s of float32 matrix products and bytes/s of copies (read and written), the best that was seen."""

    flops: float
    bandwidth: float


def versions() -> dict[str, str]:
    """Of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def describe() -> dict[str, Any]:
    """The processor, its cores, the memory and the devices that JAX computes on; no names of hosts or people."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(cores()),
        "memory_bytes": _memory(),
        "devices": [str(device.device_kind) for device in jax.devices()],
        "platform": jax.devices()[0].platform,
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0


def limits(quick: bool) -> Limits:
    """Measured: the fastest of several sizes, each device with its own product or one product over all threads."""
    sizes, repeats = ((256,), 1) if quick else ((512, 1024, 2048), 5)
    flops = [_product(size, repeats, spread) for size in sizes for spread in (False, True)]
    return Limits(max(flops), _copy(2**20 if quick else 2**26, repeats))


def _product(size: int, repeats: int, spread: bool) -> float:
    count = len(jax.devices()) if spread else 1
    x = np.random.default_rng(0).random((count, size, size), np.float32)

    def product(x: Any) -> Any:
        return jnp.matmul(x[0], x[0])[None]

    program = _program(product, x, spread)
    return 2 * size**3 * count / _fastest(program, repeats)


def _copy(count: int, repeats: int) -> float:
    """Each number is negated, lest XLA hand back the same buffer: 4 bytes read, 4 written."""
    x = np.ones((len(jax.devices()), count), np.float32)
    return 2 * x.nbytes / _fastest(_program(lambda x: -x, x, True), repeats)


def _program(function: Callable[..., Any], x: np.ndarray, spread: bool) -> Callable[[], Any]:
    made = over_devices(function, shared=0) if spread else function
    program, _ = compiled(made, x, spread=spread)
    placed = jax.device_put(x, program.input_shardings[0][0])
    return lambda: program(placed)


def _fastest(program: Callable[[], Any], repeats: int) -> float:
    jax.block_until_ready(program())
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        jax.block_until_ready(program())
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
