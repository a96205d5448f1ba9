"""One array for all that a chunk gets from the host, since each array that is sent costs a tenth of a millisecond."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array


def to_columns(tree: Any) -> np.ndarray:
    """Packs arrays of one number per lane into the columns of one int32 array, a float32 by its bits.

    Example:
        >>> to_columns((np.array([True]), np.array([7], np.int32), {"rate": np.array([1.0], np.float32)}))
        array([[         1,          7, 1065353216]], dtype=int32)
    """
    leaves = jax.tree.leaves(tree)
    return np.stack([leaf.view(np.int32) if leaf.dtype == np.float32 else leaf for leaf in leaves], 1, dtype=np.int32)


def from_columns(like: Any, columns: Array) -> Any:
    """Unpacks what `to_columns` packed, into the structure and dtypes of `like`."""
    leaves, structure = jax.tree.flatten(like)
    unpacked = [
        jax.lax.bitcast_convert_type(column, np.float32) if leaf.dtype == np.float32 else column.astype(leaf.dtype)
        for leaf, column in zip(leaves, columns.T, strict=True)
    ]
    return jax.tree.unflatten(structure, unpacked)
