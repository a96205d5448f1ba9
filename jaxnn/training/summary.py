"""One-line summaries of results, for their `repr`."""

from typing import Any

import jax
import numpy as np

from jaxnn._checks.arrays import is_traced


def count_numbers(params: Any) -> str:
    """Returns how many numbers parameters hold.

    Example:
        >>> count_numbers({"weight": np.ones((4, 3)), "bias": np.ones(3)})
        '15 numbers in 2 arrays'
    """
    leaves = jax.tree.leaves(params)
    return f"{sum(np.size(leaf) for leaf in leaves):,} numbers in {len(leaves)} arrays"


def summarize_curve(curve: Any) -> str:
    """Returns the first and the last number of a curve, or the shape of many curves.

    Example:
        >>> summarize_curve(np.array([1.0986, 0.5, 0.0625])), summarize_curve(np.ones((8, 3)))
        ('1.099 → 0.0625', 'of shape (8, 3)')
    """
    if is_traced(curve) or np.ndim(curve) != 1 or not np.size(curve):
        return f"of shape {np.shape(curve)}"
    return f"{float(curve[0]):.4g} → {float(curve[-1]):.4g}"
