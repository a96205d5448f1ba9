"""What the models of Flax and Equinox share: how they are named, and how training is told from evaluation."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.buffers import is_buffer
from jaxnn.models.model import Model

# Names in a module's call, or of its fields, that tell training from evaluation, and their values in training.
_MODES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
}


class Modes(NamedTuple):
    """Keywords of a module's call.

    Attributes:
        training: in training.
        evaluation: in evaluation.
        drawing: in evaluation with a key, which draws dropout and leaves a batch norm in evaluation. None if one
            keyword decides both.
    """

    training: dict[str, Any]
    evaluation: dict[str, Any]
    drawing: dict[str, Any] | None


def find_modes(names: Any, training: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None) -> Modes:
    """Returns the keywords that tell training from evaluation, among some names; those that are given go first.

    Example:
        >>> find_modes(["x", "train"], None, None)
        Modes(training={'train': True}, evaluation={'train': False}, drawing=None)
        >>> find_modes(["x", "deterministic"], None, {"noise": 0}).evaluation
        {'deterministic': True, 'noise': 0}
    """
    found = {name: value for name, value in _MODES.items() if name in names}
    in_training = found | dict(training or {})
    in_evaluation = {name: not value for name, value in found.items()} | dict(evaluation or {})
    drawing: dict[str, Any] | None = {name: name == "use_running_average" for name in found}
    # `deterministic` alone may be that of a batch norm too.
    if training or evaluation or drawing.keys() not in ({"deterministic", "use_running_average"}, set()):
        drawing = None
    return Modes(in_training, in_evaluation, drawing)


def list_keywords(function: Callable[..., Any]) -> list[str]:
    """Returns the names of the parameters of a function; none if Python cannot tell."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def take_marks(params: Any) -> Any:
    """Returns params with the value of each buffer in its place."""
    return jax.tree.map(lambda leaf: leaf.value if is_buffer(leaf) else leaf, params, is_leaf=is_buffer)


def name_after(
    owner: Any, init: Callable[..., Any], apply: Callable[..., Any], train_apply: Callable[..., Any] | None
) -> Model:
    """Returns a model whose functions have the module and the name of what they call.

    So run directories name it. Results of earlier traces are not used again, as for the user's own functions, since
    the owner may read variables that change.
    """
    named = owner if hasattr(owner, "__qualname__") else type(owner)
    for function in filter(None, (init, apply, train_apply)):
        function.__module__, function.__qualname__ = named.__module__, f"{named.__qualname__}.{function.__name__}"
    return Model(init, apply, train_apply)


def make_sample(caller: str, sample_x: Any) -> Any:
    """Returns one row of zeros in the shapes and types of a sample, whose numbers initial weights do not depend on.

    Raises:
        TypeError: leaves that are not arrays, such as the numbers of a shape.
        ValueError: an array without a first axis.
    """
    leaves = jax.tree.leaves(sample_x)
    for leaf in leaves or [sample_x]:
        if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
            raise TypeError(
                f"{caller}: sample_x must be an array with examples on its first axis, such as x[:1], or a pytree of "
                f"them, not {sample_x!r}"
            )
        if not leaf.shape:
            raise ValueError(f"{caller}: sample_x must have a first axis, the examples, but {leaf!r} has no axes")
    return jax.tree.map(
        lambda leaf: np.zeros((1, *leaf.shape[1:]), jax.dtypes.canonicalize_dtype(leaf.dtype)), sample_x
    )
