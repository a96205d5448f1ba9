"""Checks of arrays and numbers from the user, made on the host before anything compiles.

Only concrete arrays have values to check. Arrays that `jax.jit` or `jax.vmap` traces are checked by shape and dtype.
Each message states the rule and the value that breaks it. `caller` is the public function that the message names.
"""

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.describe import describe


def is_traced(tree: Any) -> bool:
    """Returns whether any leaf is a tracer, which has a shape and a dtype but no values yet."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def is_tracing() -> bool:
    """Returns whether this code is traced, such as inside `jax.jit`: a constant is a tracer there too."""
    return is_traced(jax.device_put(np.float32(0)))


def check_whole(caller: str, name: str, value: Any, *, least: int) -> int:
    """Returns `value` as an int of at least `least`; refuses True and False, which Python counts as 1 and 0."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{caller}: {name} must be a whole number, not {describe(value)}") from None
    if number < least:
        raise ValueError(f"{caller}: {name} must be at least {least}, not {number}")
    return number


def check_each_whole(caller: str, name: str, values: Any, *, least: int) -> tuple[int, ...]:
    """Returns a sequence of whole numbers, each at least `least`, as a tuple of ints."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise TypeError(f"{caller}: {name} must be a sequence of whole numbers, not {describe(values)}")
    return tuple(check_whole(caller, f"{name}[{i}]", value, least=least) for i, value in enumerate(values))


def check_number(caller: str, name: str, value: Any) -> float:
    """Returns `value` as a float; NaN passes, because the comparisons that follow refuse it."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{caller}: {name} must be a number, not {describe(value)}")
    return float(value)


def check_scalar(caller: str, name: str, value: Any) -> float | None:
    """Returns a number, also that of an array without axes, as a float; None for a traced one."""
    if is_traced(value):
        return None
    return check_number(caller, name, float(value) if isinstance(value, jax.Array) and not value.shape else value)


def check_key(key: Any) -> None:
    """Checks that `key` is a single typed key."""
    if not isinstance(key, jax.Array) or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.shape:
        raise TypeError(f"key must be one jax.random.key, not {_describe_key(key)}")


def _describe_key(key: Any) -> str:
    """Describes what is not a key, and says what makes one of it."""
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return f"an array of {key.size} keys; take one of them, such as key[0]"
    if isinstance(key, np.ndarray | jax.Array) and key.dtype == np.uint32 and key.shape == (2,):
        return "an old-style key; jax.random.key(0) makes a key in place of jax.random.PRNGKey(0)"
    hint = f"; jax.random.key({key}) makes one" if type(key) is int else ""
    return f"{describe(key)}{hint}"


def check_rate(caller: str, rate: Any, *, name: str = "rate") -> None:
    """Checks that a dropout rate lies in [0, 1), unless it is traced."""
    if not is_traced(rate) and not 0 <= rate < 1:
        raise ValueError(f"{caller}: {name}, the probability of dropping, must lie in [0, 1), not {rate!r}")


def check_shape(caller: str, name: str, x: jax.typing.ArrayLike, axes: str) -> tuple[Any, ...]:
    """Returns the shape of `x`, which must have one axis for each word of `axes`, the batch axis first.

    The batch is a whole number, or a symbol of `jax.export`.
    """
    if x is None or isinstance(x, str | dict | tuple):
        raise TypeError(f"{caller}: {name} must be an array, not {type(x).__name__}")
    shape = jnp.shape(x)
    if len(shape) != len(axes.split()):
        expected = "(" + ", ".join(axes.split()) + ")"
        raise ValueError(
            f"{caller}: {name} must have shape {expected}, the batch axis included, not {shape}; "
            "a single example is a batch of one, and jax.vmap adds any other axis"
        )
    return shape


def check_real(caller: str, name: str, x: Any) -> None:
    """Checks that `x` is a NumPy or JAX array of real numbers; other tables, like data frames, index differently."""
    if not isinstance(x, np.ndarray | jax.Array):
        convert = f"{name}.toarray()" if hasattr(x, "toarray") else f"numpy.asarray({name})"
        hint = f": {convert} makes one" if hasattr(x, "shape") else ""
        raise TypeError(f"{caller}: {name} must be a NumPy or JAX array, not {type(x).__name__}{hint}")
    if not any(jnp.issubdtype(x.dtype, kind) for kind in (jnp.bool_, jnp.integer, jnp.floating)):
        raise TypeError(f"{caller}: {name} must hold real numbers, not {x.dtype}{_convert_text(name, x)}")


def _convert_text(name: str, x: Any) -> str:
    """Says how text, or columns of a table of which some hold text, become numbers."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "OUS":
        return ""
    if name.startswith("targets"):
        return f"; numpy.unique({name}, return_inverse=True)[1] numbers classes"
    return f"; pandas.get_dummies makes numbers of columns of text, and {name}.astype(float) of objects"


def check_finite(caller: str, name: str, x: Any) -> None:
    """Checks that `x` holds real numbers, all finite if it is concrete; the message names the first that is not."""
    check_real(caller, name, x)
    if is_traced(x) or not jnp.issubdtype(x.dtype, jnp.floating):
        return
    finite = np.isfinite(np.asarray(x))
    if not finite.all():
        raise ValueError(f"{caller}: {name} must be finite, but {locate(x, ~finite)}")


def locate(x: Any, wrong: np.ndarray) -> str:
    """Describes the first wrong number of an array and its place."""
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    location = f"row {index[0]}" if index else "a scalar"
    if len(index) == 2:
        location += f", column {index[1]}"
    elif len(index) > 2:
        location += f", position {index[1:]}"
    return f"{location} holds {np.asarray(x)[index]}"


def check_bias(caller: str, params: Any) -> None:
    """Checks that there is one bias for each output of the weight, or none; another shape might broadcast."""
    if params.bias is None:
        return
    weight, bias = jnp.shape(params.weight), jnp.shape(params.bias)
    if bias != weight[-1:]:
        raise ValueError(f"{caller}: bias must have shape {weight[-1:]}, the outputs of weight {weight}, not {bias}")


def check_one_array(caller: str, name: str, targets: Any) -> None:
    """Checks that targets are no pair of labels and weights, which a plain loss cannot read, nor a list."""
    if isinstance(targets, tuple):
        raise TypeError(
            f"{caller}: {name} must be one array, not a tuple; nn.weighted makes a loss of targets (labels, weights)"
        )
    if isinstance(targets, list):
        raise TypeError(f"{caller}: {name} must be an array, not a list; numpy.asarray({name}) makes one")


def check_same_shape(caller: str, outputs: Any, targets: Any) -> None:
    """Checks that both shapes are (batch, outputs); a column minus a vector would broadcast to a table."""
    check_shape(caller, "outputs", outputs, "batch outputs")
    check_one_array(caller, "targets", targets)
    if jnp.shape(outputs) != jnp.shape(targets):
        shapes = f"{jnp.shape(outputs)} and {jnp.shape(targets)}"
        raise ValueError(f"{caller}: outputs and targets must have the same shape (batch, outputs), not {shapes}")


def check_labels(caller: str, name: str, logits: Any, labels: Any) -> int:
    """Checks that labels are class numbers from 0 to classes - 1, one for each row; returns the number of classes."""
    if labels is None:
        raise TypeError(f"{caller}: labels must be class numbers, not None")
    check_one_array(caller, "labels", labels)
    batch, classes = check_shape(caller, name, logits, "batch classes")
    if jnp.shape(labels) != (batch,):
        raise ValueError(
            f"{caller}: labels must have shape ({batch},), one for each row of {name}, not {jnp.shape(labels)}"
        )
    if not jnp.issubdtype(get_dtype(labels), jnp.integer):
        raise TypeError(f"{caller}: labels must be class numbers of an integer dtype, {_describe_label_dtype(labels)}")
    if not is_traced(labels):
        values = np.asarray(labels)
        wrong = np.flatnonzero((values < 0) | (values >= classes))
        if wrong.size:
            actual = f"row {int(wrong[0])} holds {values[wrong[0]]}"
            hint = "; labels - 1 starts at 0" if values.min() == 1 and values.max() == classes else ""
            raise ValueError(
                f"{caller}: labels must lie in 0 … {classes - 1} for {classes} classes, but {actual}{hint}"
            )
    return classes


def get_dtype(labels: Any) -> Any:
    """Returns the dtype of labels; JAX has none for another byte order."""
    return labels.dtype if isinstance(labels, np.ndarray) else jnp.result_type(labels)


def _describe_label_dtype(labels: Any) -> str:
    """Describes a dtype that is not an integer: by the first fraction among floats, or by how to convert them."""
    dtype = get_dtype(labels)
    if jnp.issubdtype(dtype, jnp.bool_):
        return "not bool; convert them with labels.astype(int)"
    if is_traced(labels) or not jnp.issubdtype(dtype, jnp.floating):
        return f"not {dtype}"
    values = np.asarray(labels).ravel()
    fractions = np.flatnonzero(values != np.floor(values))
    if fractions.size:
        return f"not {dtype}: row {int(fractions[0])} holds {values[fractions[0]]}"
    return f"not {dtype}; convert them with labels.astype(int)"


def count_rows(caller: str, tree: Any) -> int:
    """Returns the length, at least 1, of the first axis that all leaves of a pytree share."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    if not leaves:
        raise ValueError(f"{caller}: the data set is empty: {tree!r} holds no array")
    lengths = {}
    for path, leaf in leaves:
        name = leaf_name(path)
        if not isinstance(leaf, np.ndarray | jax.Array | np.generic | int | float | complex):
            check_real(caller, name, leaf)
        if not jnp.shape(leaf):
            in_list = any(isinstance(step, jax.tree_util.SequenceKey) for step in path)
            hint = "; numpy.asarray makes an array of a list, which is a pytree here" if in_list else ""
            raise ValueError(f"{caller}: {name} must have a first axis, the examples, but is the scalar {leaf!r}{hint}")
        lengths[name] = jnp.shape(leaf)[0]
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{caller}: every array needs one row for each example, but {listed}")
    count = next(iter(lengths.values()))
    if count == 0:
        raise ValueError(f"{caller}: the data set is empty: its arrays have 0 rows")
    return count


def by_name(data: tuple[Any, Any]) -> dict[str, Any]:
    """Returns the two parts of a data set by the names that messages and run directories use."""
    return dict(zip(("x", "targets"), data, strict=True))


def leaf_name(path: tuple) -> str:
    """Returns the path to a leaf of a pytree as text, such as `x` or `targets.weight`."""
    return jax.tree_util.keystr(path, simple=True, separator=".") or "data"
