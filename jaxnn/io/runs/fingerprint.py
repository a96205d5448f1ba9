"""What a run was begun with, in words and digests that another process can compare: data, keys, functions, machine."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import os
import platform
import re
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
# Settings of JAX that change what the same program computes.
_SETTINGS = "jax_enable_x64", "jax_threefry_partitionable", "jax_default_matmul_precision", "jax_default_prng_impl"


def conditions() -> dict[str, Any]:
    """On what the bits of a training depend beside its arguments: versions, devices, cores."""
    versions = {name: importlib.metadata.version(name) for name in ("jaxnn", "jax", "jaxlib", "numpy", "optax")}
    device = jax.devices()[0]
    machine: dict[str, Any] = {
        "device": f"{len(jax.devices())} × {device.device_kind}",
        "processor": platform.machine(),
    }
    if device.platform == "cpu":
        machine["cores"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return versions | machine | {name: describe(getattr(jax.config, name)) for name in _SETTINGS}


def describe_arrays(name: str, tree: Any) -> dict[str, str]:
    """Each leaf's dtype, shape and digest, by name."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        ".".join(filter(None, (name, jax.tree_util.keystr(path, simple=True, separator=".")))): _describe_array(leaf)
        for path, leaf in leaves
    }


def describe(value: Any) -> Any:
    """A Python value as JSON that says the same in every process: functions by name, arrays by digest."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | jax.Array):
        return _describe_array(value)
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
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return _ADDRESS.sub("", repr(value))


def describe_state(tree: Any) -> str:
    """One digest of all leaves of a state, and of their names."""
    return hashlib.sha256(repr(sorted(describe_arrays("", tree).items())).encode()).hexdigest()


def describe_program(traced: jax.extend.core.ClosedJaxpr) -> str:
    """A digest of everything that a traced function computes: its operations, their parameters, the arrays in it.

    Calls of inner functions are followed, whatever JAX has stored of them, so that the digest does not depend on what
    ran before.
    """
    digest = hashlib.sha256()
    _add_closed(digest, traced)
    return digest.hexdigest()


def _describe_array(leaf: Any) -> str:
    typed = jnp.issubdtype(getattr(leaf, "dtype", np.bool_), jax.dtypes.prng_key)
    array = np.asarray(jax.random.key_data(leaf) if typed else leaf)
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return f"{leaf.dtype if typed else array.dtype} {array.shape} {digest}"


def _add_closed(digest: Any, closed: Any) -> None:
    _add(digest, closed.jaxpr)
    for constant in closed.consts:
        digest.update(_describe_array(constant).encode())


def _add(digest: Any, jaxpr: Any) -> None:
    """One line for each operation, its variables numbered as they come."""
    numbers: dict[Any, int] = {}

    def name(variable: Any) -> str:
        if isinstance(variable, jax.extend.core.Literal):
            return f"{variable.aval} {_describe_array(variable.val)}"
        return f"{numbers.setdefault(variable, len(numbers))}:{variable.aval}"

    def names(variables: Any) -> str:
        return " ".join(map(name, variables))

    digest.update(f"({names([*jaxpr.constvars, *jaxpr.invars])}".encode())
    for equation in jaxpr.eqns:
        digest.update(f"\n{equation.primitive} {names(equation.invars)} -> {names(equation.outvars)}".encode())
        for parameter, value in sorted(equation.params.items()):
            digest.update(f" {parameter}=".encode())
            _add_parameter(digest, value)
    digest.update(f"\n{names(jaxpr.outvars)})".encode())


def _add_parameter(digest: Any, value: Any) -> None:
    if isinstance(value, jax.extend.core.ClosedJaxpr):
        _add_closed(digest, value)
    elif isinstance(value, jax.extend.core.Jaxpr):
        _add(digest, value)
    elif isinstance(value, tuple | list):
        for each in value:
            _add_parameter(digest, each)
    else:
        digest.update(str(describe(value)).encode())
