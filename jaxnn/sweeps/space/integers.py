"""Distributions of whole numbers for arithmetic and for keys: `integers` and `seeds`."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import is_traced
from jaxnn.sweeps.space.bounds import whole_bounds


class Integers(NamedTuple):
    """See `integers`."""

    low: float
    high: float

    @property
    def step(self) -> float:
        """The distance between two values."""
        return 1.0

    @property
    def points(self) -> int:
        """The number of values."""
        return int(self.high - self.low) + 1

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        return self.low + np.minimum(np.floor(np.asarray(quantiles, float) * self.points), self.points - 1)

    def clip(self, value: float) -> float:
        return float(min(max(np.rint(value), self.low), self.high))

    def as_python(self, value: float, path: str) -> int:
        return to_int(self, value, path)

    def as_traced(self, value: Any, path: str) -> Any:
        # An int that is not traced stays one, so that the check of what must be known names the right hyper.
        return as_int32(value) if is_traced(value) else int(value)


class Seeds(Integers):
    """See `seeds`."""


def integers(low: Any, high: Any) -> Integers:
    """low, low + 1, …, high, both ends included, each with the same probability.

    `make_recipe` gets a traced int32, for arithmetic: an exponent, a number of warm-up steps. Results hold an int. Use
    `sizes` for the width of a layer, and `depth` for a number of layers. Other whole numbers that shape something (a
    batch size, a filter), or decide a Python branch, are a `choice(*range(1, 5))`.

    Args:
        low: a whole number.
        high: a whole number above low.

    Raises:
        TypeError: a bound that is not a number.
        ValueError: bounds that are not whole numbers, or not in increasing order.

    Example:
        >>> integers(1, 4).at(np.array([0.0, 0.3, 0.99]))
        array([1., 2., 4.])
    """
    return Integers(*whole_bounds("integers", low, high))


def seeds(low: Any = 0, high: Any = 2**24 - 1) -> Seeds:
    """The seed of a trial: its key is `jax.random.key(seed)`, instead of one from the key of the sweep.

    A row of the table then says all that its training needs: `nn.fit(result.recipe_of(3), data,
    key=jax.random.key(row["seed"]), epochs=row["epochs"])` trains trial 3 again. With several repeats, the key of each
    is `jax.random.fold_in(jax.random.key(seed), repeat)`. `make_recipe` need not read it. A network with a traced width
    (`sizes`) starts from other weights in its lane than alone.

    Args:
        low: a whole number, at least 0.
        high: a whole number above low, at most 2^24.

    Raises:
        TypeError: a bound that is not a number.
        ValueError: bounds that are not whole numbers, negative or not in increasing order.

    Example:
        >>> seeds(0, 99).at(np.array([0.0, 0.425, 0.99]))
        array([ 0., 42., 99.])
    """
    low, high = whole_bounds("seeds", low, high)
    if low < 0:
        raise ValueError(f"seeds: low must be at least 0, not {low:.0f}")
    return Seeds(low, high)


def to_int(node: Any, value: float, path: str) -> int:
    """Returns a value of a distribution as an int, which samplers of users may get wrong."""
    if not node.low <= value <= node.high or node.clip(value) != value:
        raise ValueError(f"space: {path} must be one of the whole numbers of {node}, not {value}")
    return int(value)


def as_int32(value: Any) -> Array:
    """Returns a whole number, traced or not, that travels as a float, as an int32."""
    return jnp.asarray(value).astype(jnp.int32)
