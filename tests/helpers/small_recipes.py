"""A small regression task, its recipe, and one lane of a stacked pytree."""

from typing import Any

import jax
import numpy as np

import jaxnn as nn


def line(rows: int = 7) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-1, 1, rows)[:, None]
    return x, np.sin(3 * x)


def small_recipe(optimizer: Any, batch_size: int | None = None, **options: Any) -> nn.Recipe:
    return nn.Recipe(nn.mlp([1, 3, 1], activation=nn.tanh), nn.squared_error, optimizer, batch_size, **options)


def lane(tree: Any, i: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[i], tree)
