"""Machine: its processor and devices, the installed packages, and its peak rates for matrix products and copies."""

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

from experiments.benchmarks.compiling import compile_program, shard_over_devices
from experiments.benchmarks.harness import Contender, Cost, Prepared
from experiments.benchmarks.workers import cores

PACKAGES = (
    "jaxnn", "jax", "jaxlib", "optax", "numpy", "flax", "equinox", "torch", "scikit-learn", "optuna",
)  # fmt: skip


# The contender that only computes matrix products of the best size, with the same number of operations as the case.
PRODUCTS = "matrix products alone"


class Limits(NamedTuple):
    """The peak rates: FLOP/s of float32 matrix products, and bytes/s of copies (read and written)."""

    flops: float
    bandwidth: float


def list_versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def describe_machine() -> dict[str, Any]:
    """Returns the processor, its cores, the memory and the devices of JAX; no names of hosts or people."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _read_processor(),
        "cores": len(cores()),
        "memory_bytes": _read_memory(),
        "devices": [str(device.device_kind) for device in jax.devices()],
        "platform": jax.devices()[0].platform,
    }


def _read_processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _read_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0


def measure_limits(quick: bool) -> Limits:
    """Measures the peak rates, over several sizes of products, one on each device or one on all threads."""
    repeats = 1 if quick else 5
    flops = max(flop / _time_fastest(run, repeats) for flop, run in _make_products(quick))
    return Limits(flops, _measure_bandwidth(2**20 if quick else 2**26, repeats))


def products_contender(cost: Cost, quick: bool) -> Contender:
    """Returns a contender that computes matrix products with the same number of operations as the case.

    It is timed in the same rounds as the others, since a machine is slow for a while.
    """

    def prepare() -> Prepared:
        flop, run = max(_make_products(quick), key=lambda product: product[0] / _time_fastest(product[1], 2))
        repeats = 1 if quick else 3
        return Prepared(lambda: {"run": _time_fastest(run, repeats) * cost.flop / flop}, detail="of the best size")

    return Contender(PRODUCTS, (), prepare)


def _make_products(quick: bool) -> list[tuple[float, Callable[[], Any]]]:
    """Returns the operations and the program of matrix products of several sizes."""
    products = []
    for size in (256,) if quick else (512, 1024, 2048):
        for spread in (False, True):
            x = np.random.default_rng(0).random((len(jax.devices()) if spread else 1, size, size), np.float32)
            products.append((2.0 * size**3 * len(x), _compile(lambda x: jnp.matmul(x[0], x[0])[None], x, spread)))
    return products


def _measure_bandwidth(count: int, repeats: int) -> float:
    """Measures bytes/s of a copy, 4 read and 4 written per number; negation keeps XLA from returning its input."""
    x = np.ones((len(jax.devices()), count), np.float32)
    return 2 * x.nbytes / _time_fastest(_compile(lambda x: -x, x, True), repeats)


def _compile(function: Callable[..., Any], x: np.ndarray, spread: bool) -> Callable[[], Any]:
    program, _ = compile_program(shard_over_devices(function, shared=0) if spread else function, x, spread=spread)
    argument = jax.device_put(x, program.input_shardings[0][0])
    return lambda: program(argument)


def _time_fastest(program: Callable[[], Any], repeats: int) -> float:
    """Returns the seconds of the fastest of several calls."""
    jax.block_until_ready(program())
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        jax.block_until_ready(program())
        seconds.append(time.perf_counter() - started)
    return min(seconds)
