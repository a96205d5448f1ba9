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
from experiments.benchmarks.harness import Ready, Side, Work
from experiments.benchmarks.workers import cores

PACKAGES = (
    "jaxnn", "jax", "jaxlib", "optax", "numpy", "flax", "equinox", "torch", "scikit-learn", "optuna",
)  # fmt: skip


# The side of a case that does its operations as matrix products of the best size, and nothing else.
PRODUCTS = "matrix products alone"


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
    repeats = 1 if quick else 5
    flops = max(flop / _fastest(run, repeats) for flop, run in _products(quick))
    return Limits(flops, _copy(2**20 if quick else 2**26, repeats))


def products_side(work: Work, quick: bool) -> Side:
    """A case's operations as matrix products: it takes turns with the others, since a machine has slow spells."""

    def prepare() -> Ready:
        flop, run = max(_products(quick), key=lambda product: product[0] / _fastest(product[1], 2))
        return Ready(lambda: {"run": _fastest(run, 1 if quick else 3) * work.flop / flop}, detail="of the best size")

    return Side(PRODUCTS, (), prepare)


def _products(quick: bool) -> list[tuple[float, Callable[[], Any]]]:
    """Operations and program of several products."""
    found = []
    for size in (256,) if quick else (512, 1024, 2048):
        for spread in (False, True):
            x = np.random.default_rng(0).random((len(jax.devices()) if spread else 1, size, size), np.float32)
            found.append((2.0 * size**3 * len(x), _program(lambda x: jnp.matmul(x[0], x[0])[None], x, spread)))
    return found


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
