"""Checks of data sets: pairs (x, targets) of finite arrays, whose numbers JAX's types hold."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import by_name, check_finite, count_rows, is_traced, leaf_name, locate
from jaxnn._checks.warn import warn_user

# The largest error of a rounded column that passes without a warning, as a share of its range.
_MAX_ROUNDING = 1e-3


def check_data(caller: str, data: Any) -> int:
    """Returns the number of rows of a pair (x, targets) of finite arrays, or of pytrees of them."""
    check_pair(caller, data)
    return check_rows(caller, by_name(data))


def check_unprepared(caller: str, data: Any) -> int:
    """Returns the number of rows of a pair (x, targets) of which only the targets are checked, before a preparation."""
    check_pair(caller, data)
    named = by_name(data)
    count = count_rows(caller, named)
    check_rows(caller, named | {"x": np.zeros(count)})
    return count


def check_pair(caller: str, data: Any) -> None:
    """Checks that data is a pair (x, targets) with an x."""
    if not isinstance(data, tuple) or len(data) != 2:
        is_loader = hasattr(data, "__iter__") and not isinstance(
            data, tuple | list | dict | str | np.ndarray | jax.Array
        )
        hint = "; batches that stream are for train" if is_loader else ""
        raise TypeError(f"{caller}: data must be a pair (x, targets), not {type(data).__name__}{hint}")
    # A loss may need no targets. If both are empty, `count_rows` gives the clearer message.
    if not jax.tree.leaves(data[0]) and jax.tree.leaves(data[1]):
        raise TypeError(f"{caller}: x must be an array, or a pytree of arrays, not {data[0]!r}")


def check_rows(caller: str, named: dict[str, Any]) -> int:
    """Returns the rows that all arrays share, and checks that JAX can hold all numbers; messages use these names."""
    count = count_rows(caller, named)
    for path, leaf in jax.tree_util.tree_leaves_with_path(named):
        check_finite(caller, leaf_name(path), leaf)
        check_storable(caller, leaf_name(path), leaf)
        _warn_of_rounding(caller, leaf_name(path), leaf)
    return count


def shape_rows(tree: Any, rows: int) -> Any:
    """Returns the shapes and types that the arrays of a pytree have with this number of rows."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((rows, *leaf.shape[1:]), jnp.result_type(leaf)), tree)


def check_storable(caller: str, name: str, x: Any) -> None:
    """Checks that the type that JAX gives a NumPy array holds its numbers: int64 becomes int32, float64 float32."""
    if not isinstance(x, np.ndarray):
        return
    dtype = jax.dtypes.canonicalize_dtype(x.dtype.newbyteorder("="))
    if dtype.itemsize >= x.dtype.itemsize:
        return
    limits = jnp.finfo(dtype) if x.dtype.kind == "f" else np.iinfo(dtype)
    beyond = (x < limits.min) | (x > limits.max)
    if beyond.any():
        advice = "divide it by a constant" if x.dtype.kind == "f" else "convert it to floats with astype(float)"
        raise ValueError(f"{caller}: {name} must fit {dtype}, but {locate(x, beyond)}; {advice}, or set jax_enable_x64")


def _warn_of_rounding(caller: str, name: str, x: Any) -> None:
    """Warns of the columns of a table whose numbers differ by little more than the rounding to JAX's float type."""
    dtype = jax.dtypes.canonicalize_dtype(float)
    if is_traced(x) or np.ndim(x) != 2 or x.dtype.kind not in "fiu" or x.dtype.itemsize <= 2:
        return
    if x.dtype.kind == "f" and x.dtype.itemsize <= dtype.itemsize:
        return
    x = np.asarray(x)
    low, high, limits = x.min(axis=0).astype(float), x.max(axis=0).astype(float), jnp.finfo(dtype)
    spread = high - low
    largest_error = np.maximum(np.maximum(-low, high) * float(limits.eps), float(limits.tiny))
    for column in np.flatnonzero(largest_error > _MAX_ROUNDING * spread):
        error = abs(x[:, column].astype(dtype).astype(float) - x[:, column].astype(float)).max()
        if error > _MAX_ROUNDING * spread[column] > 0:
            warn_user(
                f"{caller}: {dtype} rounds column {column} of {name} by up to {error:.3g}, while it varies by "
                f"{spread[column]:.3g}; scale it first, with nn.standard_scaling"
            )
