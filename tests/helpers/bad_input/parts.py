"""The parts of the tables of bad input: valid data, recipes and parameters, and the rows of the tables for `fit`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn

X, LABELS = np.linspace(0, 1, 60, dtype="f").reshape(15, 4), np.arange(15, dtype=np.int32) % 3
IMAGES = np.zeros((15, 8, 8, 1), "f")
SGD = optax.sgd(0.1)
KEY, KEYS = jax.random.key(0), jax.random.split(jax.random.key(0), 2)


def replace_at(array: np.ndarray, index: Any, value: Any) -> np.ndarray:
    """Returns a copy with one value replaced, as float32 if that value is a float."""
    array = np.array(array, type(value) if isinstance(value, float) else None)
    array[index] = value
    return array.astype("f") if isinstance(value, float) else array


def classifier(**options: Any) -> nn.Recipe:
    return nn.Recipe(nn.mlp([4, 17, 3]), nn.cross_entropy, SGD, **options)


def digits() -> nn.Recipe:
    return nn.Recipe(nn.cnn((8, 8, 1), (7,), 3), nn.cross_entropy, SGD)


def elementwise() -> nn.Recipe:
    return nn.Recipe(nn.mlp([4, 19, 4]), optax.l2_loss, SGD)


def regression() -> nn.Recipe:
    return nn.Recipe(nn.mlp([4, 18, 3]), nn.squared_error, SGD)


def make_params(sizes: list[int]) -> dict[str, nn.Affine]:
    """Returns zeros in the shapes of an mlp's parameters; unlike drawing them, this compiles nothing."""
    shapes = jax.eval_shape(nn.mlp(sizes).init, KEY)
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


class BadData(NamedTuple):
    """A recipe and data that `fit` must refuse, with the type of the error and its message."""

    name: str
    recipe: Callable[[], nn.Recipe]
    data: Any
    kind: type[Exception]
    message: str
