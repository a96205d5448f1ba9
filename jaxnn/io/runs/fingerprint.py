"""Everything that decides the bits of a run, as JSON and digests that another process can compare.

This covers the data, the keys, the functions and what they compute, and the software and hardware.
"""

import dataclasses
import functools
import hashlib
import platform
from typing import Any

import jax
import jaxlib
import numpy as np
import optax

from jaxnn._kernels.digest import digest_array, name_function
from jaxnn.devices import count_cores
from jaxnn.io.runs.instructions import name_instructions

# Options of JAX that change what the same program computes.
_JAX_OPTIONS = "jax_enable_x64", "jax_threefry_partitionable", "jax_default_matmul_precision", "jax_default_prng_impl"
# The names of what `describe_environment` returns.
PACKAGES = "jaxnn", "jax", "jaxlib", "numpy", "optax"
ENVIRONMENT = *PACKAGES, "device", "processor", "instructions", "cores", *_JAX_OPTIONS


def describe_environment() -> dict[str, Any]:
    """Returns what decides the bits of a training beside its arguments: versions, devices, cores, options of JAX."""
    import jaxnn  # not above: this module is imported while jaxnn itself is

    # importlib.metadata has no version of a source tree that is not installed.
    versions = {module.__name__: module.__version__ for module in (jaxnn, jax, jaxlib, np, optax)}
    device = jax.local_devices()[0]
    machine: dict[str, Any] = {
        "device": f"{len(jax.local_devices())} × {device.device_kind}",
        "processor": platform.machine(),
        "instructions": name_instructions() if device.platform == "cpu" else None,
        "cores": count_cores() if device.platform == "cpu" else None,
    }
    return versions | machine | {name: describe(getattr(jax.config, name)) for name in _JAX_OPTIONS}


def describe_arrays(name: str, tree: Any) -> dict[str, str]:
    """Returns each leaf's dtype, shape and digest, by its name."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        ".".join(filter(None, (name, jax.tree_util.keystr(path, simple=True, separator=".")))): digest_array(leaf)
        for path, leaf in leaves
    }


def describe(value: Any) -> Any:
    """Returns a Python value as JSON that is equal in every process: functions by name, arrays by digest."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | jax.Array):
        return digest_array(value)
    if isinstance(value, dict):
        return {str(name): describe(each) for name, each in value.items()}
    if isinstance(value, functools.partial):
        return [describe(value.func), describe(value.args), describe(value.keywords)]
    if hasattr(value, "_asdict"):
        return {type(value).__qualname__: describe(value._asdict())}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {type(value).__qualname__: describe(vars(value))}
    if isinstance(value, set | frozenset):
        return sorted(str(describe(each)) for each in value)
    if isinstance(value, list | tuple):
        return [describe(each) for each in value]
    return name_function(value)


def describe_state(tree: Any) -> str:
    """Returns one digest of all leaves of a state and their names."""
    return hashlib.sha256(repr(sorted(describe_arrays("", tree).items())).encode()).hexdigest()
