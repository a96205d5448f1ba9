"""Everything that decides the bits of a run, as JSON and digests that another process can compare.

This covers the data, the keys, the functions and what they compute, and the software and hardware.
"""

import dataclasses
import functools
import hashlib
import platform
import re
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
import jaxlib
import numpy as np
import optax

from jaxnn.devices import count_cores

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
# Options of JAX that change what the same program computes.
_JAX_OPTIONS = "jax_enable_x64", "jax_threefry_partitionable", "jax_default_matmul_precision", "jax_default_prng_impl"


def describe_environment() -> dict[str, Any]:
    """Returns what decides the bits of a training beside its arguments: versions, devices, cores, options of JAX."""
    import jaxnn  # not above: this module is imported while jaxnn itself is

    # importlib.metadata has no version of a source tree that is not installed.
    versions = {module.__name__: module.__version__ for module in (jaxnn, jax, jaxlib, np, optax)}
    device = jax.devices()[0]
    machine: dict[str, Any] = {
        "device": f"{len(jax.devices())} × {device.device_kind}",
        "processor": platform.machine(),
    }
    if device.platform == "cpu":
        machine["cores"] = count_cores()
    return versions | machine | {name: describe(getattr(jax.config, name)) for name in _JAX_OPTIONS}


def describe_arrays(name: str, tree: Any) -> dict[str, str]:
    """Returns each leaf's dtype, shape and digest, by its name."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        ".".join(filter(None, (name, jax.tree_util.keystr(path, simple=True, separator=".")))): _describe_array(leaf)
        for path, leaf in leaves
    }


def describe(value: Any) -> Any:
    """Returns a Python value as JSON that is equal in every process: functions by name, arrays by digest."""
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
    """Returns one digest of all leaves of a state and their names."""
    return hashlib.sha256(repr(sorted(describe_arrays("", tree).items())).encode()).hexdigest()


def describe_program(traced: jax.extend.core.ClosedJaxpr) -> str:
    """Returns a digest of what a traced function computes: its operations, their parameters, and its arrays.

    Inner functions enter the digest operation by operation, so that it does not depend on which of them JAX has cached
    from earlier traces.
    """
    digest = hashlib.sha256()
    _add_closed_jaxpr(digest, traced)
    return digest.hexdigest()


def _describe_array(leaf: Any) -> str:
    is_key = jnp.issubdtype(getattr(leaf, "dtype", np.bool_), jax.dtypes.prng_key)
    array = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return f"{leaf.dtype if is_key else array.dtype} {array.shape} {digest}"


def _add_closed_jaxpr(digest: Any, closed: Any) -> None:
    _add_jaxpr(digest, closed.jaxpr)
    for constant in closed.consts:
        digest.update(_describe_array(constant).encode())


def _add_jaxpr(digest: Any, jaxpr: Any) -> None:
    """Adds a line for each operation; variables are numbered in order of appearance."""
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
        _add_closed_jaxpr(digest, value)
    elif isinstance(value, jax.extend.core.Jaxpr):
        _add_jaxpr(digest, value)
    elif isinstance(value, tuple | list):
        for each in value:
            _add_parameter(digest, each)
    else:
        digest.update(str(describe(value)).encode())
