"""The type of the numbers that layers compute with.

Arithmetic in the type of the input would be silently wrong: uint8 wraps at 256, and bfloat16 keeps three digits. Every
layer, activation and loss therefore converts its arrays here: whole numbers and bools become floats of the type of the
parameters. Of two types of floats the wider one is taken. Images may so stay uint8 until a minibatch is taken.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


def as_arrays(tree: Any) -> Any:
    """Returns a pytree of arrays as JAX arrays; NumPy arrays may have any byte order."""
    return jax.tree.map(lambda leaf: jnp.asarray(_as_native(leaf)), tree)


def as_native(tree: Any) -> Any:
    """Returns a pytree with NumPy arrays in the byte order of the machine; JAX takes no other."""
    return jax.tree.map(_as_native, tree)


def choose_float(*arrays: Any, params: Any = None, least: Any = None) -> Any:
    """Returns the widest type of the floats among arrays and parameters; without floats, the default type of JAX.

    Args:
        arrays: real numbers or bools.
        params: a pytree of parameters, or None.
        least: a floating type that the result has at least; None allows half precision.

    Example:
        >>> choose_float(np.array([200, 100], np.uint8), params=np.ones(2, np.float16))
        dtype('float16')
    """
    types = [leaf.dtype for leaf in (*arrays, *jax.tree.leaves(params)) if hasattr(leaf, "dtype")]
    types = [dtype for dtype in types if jnp.issubdtype(dtype, jnp.floating)] or [np.dtype(float)]
    floats = [jax.dtypes.canonicalize_dtype(dtype.newbyteorder("=")) for dtype in types]
    # The conversion is meant, also where JAX is told to promote nothing.
    with jax.numpy_dtype_promotion("standard"):
        return jnp.result_type(*floats, *([] if least is None else [least]))


def as_type(array: Any, dtype: Any) -> Array:
    """Returns an array of real numbers as JAX array of another type.

    Raises:
        TypeError: complex numbers, or other elements that are not real numbers.
    """
    array = _as_native(array) if isinstance(array, np.ndarray | jax.Array) else jnp.asarray(array)
    if array.dtype == dtype:
        return jnp.asarray(array)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.bool_, jnp.integer, jnp.floating)):
        raise TypeError(f"layers and losses take real numbers, not {array.dtype}")
    # JAX would first convert a NumPy array of int64 to int32, which cuts large numbers.
    return jnp.asarray(array.astype(dtype))


def as_float(number: Any) -> Any:
    """Returns a number, such as a rate of 0 or 1, as a float; a float stays as it is, also its type."""
    if not jnp.issubdtype(jnp.result_type(number), jnp.integer):
        return number
    return number.astype(float) if isinstance(number, jax.Array) else float(number)


def _as_native(leaf: Any) -> Any:
    return leaf.astype(leaf.dtype.newbyteorder("="), copy=False) if isinstance(leaf, np.ndarray) else leaf
