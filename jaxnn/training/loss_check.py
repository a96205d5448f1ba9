"""The check that the loss of an example does not depend on the other examples.

Outputs of shape (batch, 1) minus targets of shape (batch,) broadcast to (batch, batch). The mean over the last axis has
the right shape again, and the training converges to a wrong model. Shapes cannot tell; three examples can.
"""

import functools
import weakref
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import is_traced
from jaxnn._kernels.host import COMPILER_OPTIONS, get_host
from jaxnn._kernels.program_cache import request_program
from jaxnn.losses.binary import binary_cross_entropy
from jaxnn.losses.classes import cross_entropy
from jaxnn.losses.focal import focal
from jaxnn.losses.regression import absolute_error, gaussian_nll, huber, squared_error
from jaxnn.weights import weigh

_ROWS = 3
# The relative difference that rounding may make.
_TOLERANCE = 1e-4
# Losses that are known to pass. A check takes up to a tenth of a second.
_KNOWN = (
    cross_entropy, squared_error, absolute_error, huber, gaussian_nll, binary_cross_entropy, focal
)  # fmt: skip
# The structures, shapes and types for which each loss was checked.
_CHECKED: weakref.WeakKeyDictionary[Any, set[Any]] = weakref.WeakKeyDictionary()


def check_loss_rows(caller: str, loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> None:
    """Checks that the losses of three examples together equal the loss of each one alone.

    A loss that cannot be computed for three rows is not checked: one that closes over traced numbers, or over an array
    with an entry for each example of the data set. Neither is one with side effects, such as `jax.debug.print`, nor one
    of outputs that do not all have the examples on the first axis.

    Args:
        caller: the public function that the message names.
        loss: `loss(outputs, targets) -> (batch,)`.
        outputs: the shapes of the model's outputs for all examples.
        targets: of all examples; traced ones are replaced by numbers of the same type.

    Raises:
        ValueError: the loss of an example changes with the other examples.
    """
    if _is_known(loss):
        return
    leaves, structure = jax.tree.flatten((outputs, targets))
    if any(leaf.shape[:1] != leaves[-1].shape[:1] for leaf in leaves):
        return
    described = structure, tuple((leaf.shape[1:], leaf.dtype) for leaf in leaves)
    try:
        checked = _CHECKED.setdefault(loss, set())
    except TypeError:  # without a hash or a weak reference it is checked every time
        checked = set()
    if described in checked:
        return
    together, alone = _compute_losses(loss, *_draw_rows(outputs, targets))
    if together is not None and not _agree(together, alone):
        shapes = [str(jax.tree.map(lambda leaf: tuple(leaf.shape), tree)) for tree in (outputs, targets)]
        raise ValueError(
            f"{caller}: the loss of an example must not depend on the other examples, but three have the losses "
            f"{together} together and {alone} one by one. Outputs {shapes[0]} and targets {shapes[1]} may broadcast, "
            "or the loss may compute with the whole batch"
        )
    checked.add(described)


def _is_known(loss: Any) -> bool:
    """Returns whether a loss is one of this library's, also with options or with weights of examples."""
    if isinstance(loss, functools.partial):
        return _is_known(loss.args[0]) if loss.func is weigh else not loss.args and _is_known(loss.func)
    return any(loss is known for known in _KNOWN)


def _agree(together: np.ndarray, alone: np.ndarray) -> bool:
    scale = abs(alone[np.isfinite(alone)]).max(initial=0.0)
    return np.allclose(together, alone, rtol=0, atol=_TOLERANCE * scale, equal_nan=True)


def _draw_rows(outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Returns three random examples: outputs in (0, 1), where most losses are defined, and rows of the targets."""
    rng = np.random.default_rng(0)  # the rows are random, and the same in every process

    def draw(leaf: Any) -> np.ndarray:
        shape, is_float = (_ROWS, *leaf.shape[1:]), jnp.issubdtype(leaf.dtype, jnp.floating)
        return rng.uniform(0.1, 0.9, shape).astype(leaf.dtype) if is_float else np.zeros(shape, leaf.dtype)

    def take(leaf: Any) -> np.ndarray:
        rows = rng.choice(len(leaf), _ROWS, replace=len(leaf) < _ROWS)
        return draw(leaf) if is_traced(leaf) else np.asarray(leaf[rows])

    return jax.tree.map(draw, outputs), jax.tree.map(take, targets)


def _compute_losses(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Any:
    """Returns the losses of the examples together, and one by one; None where they cannot be computed."""

    def compute(outputs: Any, targets: Any) -> Any:
        one_by_one = jax.vmap(lambda row: loss(*jax.tree.map(lambda leaf: leaf[None], row))[0])
        return loss(outputs, targets), one_by_one((outputs, targets))

    try:
        with jax.default_device(get_host()):
            traced = jax.jit(compute).trace(outputs, targets)
            if traced.jaxpr.effects:
                return None, None
            program = request_program(traced, conditions=get_host(), options=COMPILER_OPTIONS).result()
            together, alone = map(np.asarray, program(outputs, targets))
    except Exception:
        return None, None
    return (together, alone) if together.shape == alone.shape == (_ROWS,) else (None, None)
