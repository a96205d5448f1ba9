"""Scaling of features: fitted on the training part, applied to every part, and inverted.

Concrete arrays are scaled on the host in float64, and the result becomes JAX's float type last. In float32, a time in
seconds since 1970 is known to two minutes only. Traced arrays are scaled in their own type.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_finite, check_shape, count_rows, is_traced
from jaxnn._checks.data import check_storable
from jaxnn._kernels.dtypes import as_type, choose_float

# The largest error of float64 in units of the factor: above it, a column is refused.
_MAX_ERROR = 1e-7
# The range of a column in steps of float64 up to which it counts as constant: the results of one sum differ by a few.
_ROUNDING_STEPS = 10


class Scaling(NamedTuple):
    """The parameters of `scale`, `(x - offset) / factor`, each of shape (features,) and in units of x.

    They are float64 NumPy arrays, or JAX arrays if they were computed from a traced array. A scaling is a function too:
    `scaling(x)` is `scale(scaling, x)`.
    """

    offset: Float[np.ndarray, "features"] | Float[Array, "features"]
    factor: Float[np.ndarray, "features"] | Float[Array, "features"]

    def __call__(self, x: Shaped[ArrayLike, "batch features"]) -> Float[Array, "batch features"]:
        return scale(self, x)


def standard_scaling(x: Shaped[ArrayLike, "batch features"]) -> Scaling:
    """Returns the mean of each feature as offset, and its standard deviation as factor.

    The factor of a constant feature, or of one that differs by rounding alone, is 1.

    Args:
        x: the training part only, shape (batch, features).

    Raises:
        TypeError: x is not an array of real numbers.
        ValueError: NaN or infinity, no rows, or a column that varies so little that the result would be rounding. The
            message names the column.

    Example:
        >>> scale(standard_scaling(np.array([[1.0], [3.0]])), np.array([[5.0]]))
        Array([[3.]], dtype=float32)
    """
    table = _load("standard_scaling", x)
    shift = table[:1]
    deviations = table - shift
    # Squares of very small or large numbers would not fit.
    largest = abs(deviations).max(axis=0)
    unit = largest + (largest == 0)
    offset, factor = shift[0] + deviations.mean(axis=0), unit * (deviations / unit[None]).std(axis=0)
    return _make_scaling("standard_scaling", x, table, (offset, factor), is_rounded=True)


def min_max_scaling(x: Shaped[ArrayLike, "batch features"]) -> Scaling:
    """Returns the minimum of each feature as offset, and its range as factor, which is 1 for a constant feature.

    Scaled features are in [0, 1]. Args and Raises are those of `standard_scaling`.

    Example:
        >>> scale(min_max_scaling(np.array([[1.0], [3.0]])), np.array([[2.0]]))
        Array([[0.5]], dtype=float32)
    """
    table = _load("min_max_scaling", x)
    offset = table.min(axis=0)
    return _make_scaling("min_max_scaling", x, table, (offset, table.max(axis=0) - offset), is_rounded=False)


def scale(scaling: Scaling, x: Shaped[ArrayLike, "batch features"]) -> Float[Array, "batch features"]:
    """(x - offset) / factor for each feature of x, which has shape (batch, features).

    Raises:
        TypeError: `scaling` is not a Scaling, or x is not an array of real numbers.
        ValueError: x has another number of features than the scaling, holds NaN or infinity, or does not fit.

    Example:
        >>> scale(Scaling(np.array([1.0]), np.array([2.0])), np.array([[5.0]]))
        Array([[2.]], dtype=float32)
    """
    _check_scaling("scale", scaling, x)
    table = _load("scale", x)
    if isinstance(table, np.ndarray) and not is_traced(scaling):
        scaled = (table - np.asarray(scaling.offset, float)) / np.asarray(scaling.factor, float)
        check_storable("scale", "the scaled x", scaled)
        return jnp.asarray(scaled)
    table = as_type(table, choose_float(table))
    offset, factor = (_as_row(part, table.dtype) for part in scaling)
    # What the narrow type cuts off the offset is subtracted separately.
    rest = 0 if is_traced(scaling) else _as_row(np.asarray(scaling.offset, float) - np.asarray(offset), table.dtype)
    return (table - offset - rest) / factor


def unscale(scaling: Scaling, x: Shaped[ArrayLike, "batch features"]) -> Float[Any, "batch features"]:
    """x · factor + offset for each feature: the inverse of `scale`.

    Returns:
        Shape (batch, features), in units of the data that the scaling was made from. It is a float64 NumPy array, since
        those units may need its digits; a JAX array if x is traced.

    Raises:
        TypeError, ValueError: as `scale`.

    Example:
        >>> unscale(Scaling(np.array([1000.0]), np.array([2.0])), jnp.array([[0.5]]))
        array([[1001.]])
    """
    _check_scaling("unscale", scaling, x)
    table = _load("unscale", x)
    if isinstance(table, np.ndarray) and not is_traced(scaling):
        return table * np.asarray(scaling.factor, float) + np.asarray(scaling.offset, float)
    table = as_type(table, choose_float(table))
    return table * _as_row(scaling.factor, table.dtype) + _as_row(scaling.offset, table.dtype)


def _check_scaling(caller: str, scaling: Any, x: Any) -> None:
    if not isinstance(scaling, Scaling):
        raise TypeError(
            f"{caller}: scaling must be a Scaling, from standard_scaling or min_max_scaling, not {scaling!r}"
        )
    _, features = check_shape(caller, "x", x, "batch features")
    expected = jnp.shape(scaling.offset)[0]
    if features != expected:
        raise ValueError(f"{caller}: x {jnp.shape(x)} has {features} features, but the scaling {expected}")


def _load(caller: str, x: Any) -> Any:
    """Returns a table as float64 NumPy array, or a traced one as floats."""
    check_shape(caller, "x", x, "batch features")
    count_rows(caller, {"x": x})
    check_finite(caller, "x", x)
    return as_type(x, choose_float(x)) if is_traced(x) else np.asarray(x).astype(np.float64)


def _make_scaling(caller: str, x: Any, table: Any, parts: tuple[Any, Any], *, is_rounded: bool) -> Scaling:
    """Returns a scaling with the factor 1 for constant columns, after a check that float64 resolves the others.

    Args:
        caller: the public function that the message names.
        x: the user's table.
        table: the same as floats.
        parts: offset and factor.
        is_rounded: whether the offset is rounded, as a mean is; whole numbers may be rounded in the table.
    """
    offset, factor = parts
    if is_traced(table):
        return Scaling(offset, factor + (factor == 0))
    x, step = np.asarray(x), np.spacing(abs(table).max(axis=0))
    constant = (x == x[:1]).all(axis=0)
    if is_rounded and jnp.issubdtype(x.dtype, jnp.floating):
        constant |= np.ptp(table, axis=0) <= _ROUNDING_STEPS * step
    is_rounded |= not jnp.issubdtype(x.dtype, jnp.floating)
    wrong = np.flatnonzero(is_rounded & ~constant & (step > _MAX_ERROR * factor))
    if wrong.size:
        column = int(wrong[0])
        raise ValueError(
            f"{caller}: x: column {column} varies by {factor[column]:.3g} around {offset[column]:.17g}, too little for "
            "float64; subtract an offset from it first, or leave it out"
        )
    return Scaling(offset, np.where(constant, 1.0, factor))


def _as_row(part: Any, dtype: Any) -> Any:
    """Returns offset or factor as a row of a table, of shape (1, features) and another type."""
    row = part.reshape(1, -1)
    return row.astype(dtype) if is_traced(row) else np.asarray(row).astype(dtype)
