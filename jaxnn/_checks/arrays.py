"""Checks of what a user hands in, on the host, before anything compiles.

Values can only be looked at when they are concrete: arrays that `jax.jit` or `jax.vmap` traces are checked by
shape and dtype alone. Each message states the rule and the value that breaks it.
"""

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np


def is_traced(tree: Any) -> bool:
    """Whether any leaf is a tracer, so that it has a shape and a dtype but no values yet."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def check_whole(where: str, name: str, value: Any, *, least: int) -> int:
    """`value` as an int, at least `least`; True and False, which Python counts as 1 and 0, are no numbers here."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{where}: {name} must be a whole number, not {value!r}") from None
    if number < least:
        raise ValueError(f"{where}: {name} must be at least {least}, not {number}")
    return number


def check_each_whole(where: str, name: str, values: Any, *, least: int) -> tuple[int, ...]:
    """A sequence of whole numbers as a tuple of ints, each at least `least`."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise TypeError(f"{where}: {name} must be a sequence of whole numbers, not {values!r}")
    return tuple(check_whole(where, f"{name}[{i}]", value, least=least) for i, value in enumerate(values))


def check_number(where: str, name: str, value: Any) -> float:
    """`value` as a float; NaN is left to the bounds that the caller compares it with."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{where}: {name} must be a number, not {value!r}")
    return float(value)


def check_key(key: Any) -> None:
    """One typed key."""
    if not isinstance(key, jax.Array) or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.shape:
        raise TypeError(f"key must be one jax.random.key, not {key!r}")


def check_rate(where: str, rate: Any) -> None:
    """A dropout rate lies in [0, 1); a traced one cannot be looked at."""
    if not is_traced(rate) and not 0 <= rate < 1:
        raise ValueError(f"{where}: rate, the probability of dropping, must lie in [0, 1), not {rate!r}")


def check_shape(where: str, name: str, x: jax.typing.ArrayLike, shape: str) -> tuple[int, ...]:
    """The shape of `x`, which has one axis for each word of `shape`, the batch axis first."""
    if x is None or isinstance(x, str | dict | tuple):
        raise TypeError(f"{where}: {name} must be an array, not {type(x).__name__}")
    found = jnp.shape(x)
    if len(found) != len(shape.split()):
        expected = "(" + ", ".join(shape.split()) + ")"
        raise ValueError(
            f"{where}: {name} must have shape {expected}, the batch axis included, not {found}; "
            "a single example is a batch of one, and jax.vmap adds any other axis"
        )
    return found


def check_real(where: str, name: str, x: Any) -> None:
    """A NumPy or JAX array of real numbers: what else has rows, such as a data frame, indexes them in its own way."""
    if not isinstance(x, np.ndarray | jax.Array):
        convert = f"{name}.toarray()" if hasattr(x, "toarray") else f"numpy.asarray({name})"
        hint = f": {convert} makes one" if hasattr(x, "shape") else ""
        raise TypeError(f"{where}: {name} must be a NumPy or JAX array, not {type(x).__name__}{hint}")
    if not any(jnp.issubdtype(x.dtype, kind) for kind in (jnp.bool_, jnp.integer, jnp.floating)):
        raise TypeError(f"{where}: {name} must hold real numbers, not {x.dtype}")


def check_finite(where: str, name: str, x: Any) -> None:
    """Real numbers, and no NaN and no infinity where they are concrete; the message names the first row and column."""
    check_real(where, name, x)
    if is_traced(x) or not jnp.issubdtype(x.dtype, jnp.floating):
        return
    finite = np.isfinite(np.asarray(x))
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        place = f"row {index[0]}" if index else "a scalar"
        if len(index) == 2:
            place += f", column {index[1]}"
        elif len(index) > 2:
            place += f", position {index[1:]}"
        raise ValueError(f"{where}: {name} must be finite, but {place} holds {np.asarray(x)[index]}")


def check_bias(where: str, params: Any) -> None:
    """One bias for each output of the weight; another shape might broadcast."""
    weight, bias = jnp.shape(params.weight), jnp.shape(params.bias)
    if bias != weight[-1:]:
        raise ValueError(f"{where}: bias must have shape {weight[-1:]}, the outputs of weight {weight}, not {bias}")


def check_same_shape(where: str, outputs: Any, targets: Any) -> None:
    """Outputs and targets are both (batch, outputs); a column beside a vector would broadcast to a table."""
    check_shape(where, "outputs", outputs, "batch outputs")
    if jnp.shape(outputs) != jnp.shape(targets):
        shapes = f"{jnp.shape(outputs)} and {jnp.shape(targets)}"
        raise ValueError(f"{where}: outputs and targets must have the same shape (batch, outputs), not {shapes}")


def check_labels(where: str, name: str, logits: Any, labels: Any) -> int:
    """Labels are class numbers, one for each row of logits, from 0 to classes - 1; returns the number of classes."""
    if labels is None:
        raise TypeError(f"{where}: labels must be class numbers, not None")
    batch, classes = check_shape(where, name, logits, "batch classes")
    if jnp.shape(labels) != (batch,):
        raise ValueError(
            f"{where}: labels must have shape ({batch},), one for each row of {name}, not {jnp.shape(labels)}"
        )
    if not jnp.issubdtype(jnp.result_type(labels), jnp.integer):
        raise TypeError(f"{where}: labels must be class numbers of an integer dtype, {_first_odd_label(labels)}")
    if not is_traced(labels):
        values = np.asarray(labels)
        wrong = np.flatnonzero((values < 0) | (values >= classes))
        if wrong.size:
            found = f"row {int(wrong[0])} holds {values[wrong[0]]}"
            raise ValueError(f"{where}: labels must lie in 0 … {classes - 1} for {classes} classes, but {found}")
    return classes


def _first_odd_label(labels: Any) -> str:
    dtype = jnp.result_type(labels)
    if is_traced(labels) or not jnp.issubdtype(dtype, jnp.floating):
        return f"not {dtype}"
    values = np.asarray(labels).ravel()
    fractions = np.flatnonzero(values != np.floor(values))
    if fractions.size:
        return f"not {dtype}: row {int(fractions[0])} holds {values[fractions[0]]}"
    return f"not {dtype}; convert them with labels.astype(int)"


def count_rows(where: str, tree: Any) -> int:
    """The length of the first axis that all leaves of a pytree share; at least 1."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    if not leaves:
        raise ValueError(f"{where}: the data set is empty: {tree!r} holds no array")
    counts = {}
    for path, leaf in leaves:
        name = leaf_name(path)
        if not isinstance(leaf, np.ndarray | jax.Array | np.generic | int | float | complex):
            check_real(where, name, leaf)
        if not jnp.shape(leaf):
            in_list = any(isinstance(step, jax.tree_util.SequenceKey) for step in path)
            hint = "; numpy.asarray makes an array of a list, which is a pytree here" if in_list else ""
            raise ValueError(f"{where}: {name} must have a first axis, the examples, but is the scalar {leaf!r}{hint}")
        counts[name] = jnp.shape(leaf)[0]
    if len(set(counts.values())) > 1:
        lengths = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"{where}: every array needs one row for each example, but {lengths}")
    count = next(iter(counts.values()))
    if count == 0:
        raise ValueError(f"{where}: the data set is empty: its arrays have 0 rows")
    return count


def check_data(where: str, data: Any) -> int:
    """`data` is a pair (x, targets) of finite arrays, or pytrees of them, that share their first axis: its length."""
    if not isinstance(data, tuple) or len(data) != 2:
        raise TypeError(f"{where}: data must be a pair (x, targets), not {type(data).__name__}")
    # A loss may do without targets, and both empty is said more plainly below.
    if not jax.tree.leaves(data[0]) and jax.tree.leaves(data[1]):
        raise TypeError(f"{where}: x must be an array, or a pytree of arrays, not {data[0]!r}")
    return check_rows(where, by_name(data))


def check_rows(where: str, named: dict[str, Any]) -> int:
    """Finite arrays under their names, or pytrees of them, that share their first axis: its length."""
    count = count_rows(where, named)
    for path, leaf in jax.tree_util.tree_leaves_with_path(named):
        check_finite(where, leaf_name(path), leaf)
    return count


def by_name(data: tuple[Any, Any]) -> dict[str, Any]:
    """The two parts of a data set by the names that messages and run directories give them."""
    return dict(zip(("x", "targets"), data, strict=True))


def leaf_name(path: tuple) -> str:
    """A leaf's place in a pytree as words: `x`, `targets.weight`."""
    return jax.tree_util.keystr(path, simple=True, separator=".") or "data"
