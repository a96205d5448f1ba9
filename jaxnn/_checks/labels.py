"""Checks of labels that are no class numbers: zeros and ones, probabilities, and the weights of examples."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import check_finite, check_one_array, check_real, check_shape, is_traced, locate
from jaxnn._kernels.dtypes import as_native

# How far from 1 the probabilities of a row may add up to.
_TOLERANCE = 1e-3


def check_binary(caller: str, name: str, logits: Any, labels: Any, *, soft: bool = False) -> bool:
    """Checks that labels lie between 0 and 1, one for each logit; returns whether there is one logit for an example.

    Args:
        caller: the public function that the message names.
        name: what the message calls the logits.
        logits: shape (batch,), (batch, 1) or (batch, labels).
        labels: (batch,) for one logit, or the shape of the logits.
        soft: whether numbers between 0 and 1 pass.
    """
    if labels is None:
        raise TypeError(f"{caller}: labels must be numbers 0 or 1, not None")
    check_one_array(caller, "labels", labels)
    shape = jnp.shape(logits) if jnp.ndim(logits) == 1 else check_shape(caller, name, logits, "batch labels")
    single = len(shape) == 1 or shape[1] == 1
    if jnp.shape(labels) not in ({shape, shape[:1]} if single else {shape}):
        allowed = shape[:1] if single else shape
        raise ValueError(
            f"{caller}: labels must have shape {allowed}, one for each of the {name} {shape}, not {jnp.shape(labels)}"
        )
    check_real(caller, "labels", labels if hasattr(labels, "dtype") else np.asarray(labels))
    if not is_traced(labels):
        values = np.asarray(as_native(labels))
        right = (values >= 0) & (values <= 1) if soft else (values == 0) | (values == 1)
        if not right.all():
            rule = "lie between 0 and 1" if soft else "be 0 or 1"
            raise ValueError(f"{caller}: labels must {rule}, but {locate(values, ~right)}")
    return single


def check_probabilities(caller: str, logits: Any, labels: Any) -> None:
    """Checks that each row of labels holds the probabilities of the classes."""
    shape = check_shape(caller, "logits", logits, "batch classes")
    if jnp.shape(labels) != shape:
        raise ValueError(
            f"{caller}: labels must be class numbers of shape ({shape[0]},) or probabilities of shape {shape}, those "
            f"of the logits, not {jnp.shape(labels)}"
        )
    if is_traced(labels):
        return
    values = np.asarray(labels, np.float64)
    if not (values >= 0).all():
        raise ValueError(f"{caller}: probabilities of classes must be at least 0, but {locate(values, ~(values >= 0))}")
    sums = values.sum(axis=1)
    wrong = np.flatnonzero(abs(sums - 1) > _TOLERANCE)
    if wrong.size:
        raise ValueError(
            f"{caller}: probabilities of classes must add up to 1, but those of row {int(wrong[0])} to "
            f"{sums[wrong[0]]:.6g}"
        )


def check_weights(caller: str, weights: Any, batch: int | None = None) -> None:
    """Checks that the weights of examples are floats of at least 0, one for each example."""
    if not isinstance(weights, np.ndarray | jax.Array) or not jnp.issubdtype(weights.dtype, jnp.floating):
        kind = weights.dtype if hasattr(weights, "dtype") else type(weights).__name__
        raise TypeError(f"{caller}: weights must be an array of floats, not {kind}; targets are (labels, weights)")
    if weights.ndim != 1 or batch not in (None, len(weights)):
        expected = "(batch,)" if batch is None else f"({batch},)"
        raise ValueError(f"{caller}: weights must have shape {expected}, one for each example, not {weights.shape}")
    check_finite(caller, "weights", weights)
    if not is_traced(weights):
        values = np.asarray(weights)
        if (values < 0).any():
            raise ValueError(f"{caller}: weights must be at least 0, but {locate(values, values < 0)}")
