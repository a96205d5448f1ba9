"""A small regression problem, a recipe for it, and one lane of a stacked pytree."""

from typing import Any

import jax
import numpy as np

import jaxnn as nn


def sine_data(rows: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Returns inputs from -1 to 1, and sin(3x) as targets."""
    x = np.linspace(-1, 1, rows)[:, None]
    return x, np.sin(3 * x)


def small_recipe(optimizer: Any, batch_size: int | None = None, **options: Any) -> nn.Recipe:
    """Returns a recipe for a 1-3-1 tanh network and the squared error."""
    return nn.Recipe(nn.mlp([1, 3, 1], activation=nn.tanh), nn.squared_error, optimizer, batch_size, **options)


def select_lane(tree: Any, i: int) -> Any:
    """Returns lane `i` of arrays that have the lanes on the first axis."""
    return jax.tree.map(lambda leaf: leaf[i], tree)
