"""Stopping rules: when to end a training before its epoch limit.

A rule is a small object of two pure functions, so that `fit` can carry it through a compiled loop:
`init() -> memory` and `update(memory, score, step_size) -> (memory, stop)`. After every epoch it sees the score (higher
is better: minus the training loss in `fit`, the validation score in `train`) and the step size, the largest change
of any parameter over the epoch. Rules compare by value, so that an equal one compiles nothing anew.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._checks.arrays import check_number, check_whole


@runtime_checkable
class StoppingRule(Protocol):
    """What `fit` and `train` take as `stop`."""

    def init(self) -> Any:
        """The memory before the first epoch: a pytree of arrays."""
        ...

    def update(self, memory: Any, score: Array, step_size: Array) -> tuple[Any, Array]:
        """The memory after an epoch, and whether it was the last one."""
        ...


class SmallStep(NamedTuple):
    """See `small_step`."""

    tolerance: float

    def init(self) -> tuple[()]:
        return ()

    def update(self, memory: tuple[()], score: Array, step_size: Array) -> tuple[tuple[()], Array]:
        del score
        return memory, step_size < self.tolerance


class NoImprovement(NamedTuple):
    """See `no_improvement`."""

    patience: int
    tolerance: float

    def init(self) -> tuple[Array, Array]:
        return jnp.array(-jnp.inf, float), jnp.array(0, jnp.int32)

    def update(self, memory: tuple[Array, Array], score: Array, step_size: Array) -> tuple[tuple[Array, Array], Array]:
        del step_size
        best, waited = memory
        improved = score > best + self.tolerance
        waited = jnp.where(improved, 0, waited + 1)
        return (jnp.where(improved, score.astype(best.dtype), best), waited), waited >= self.patience


def small_step(tolerance: float = 1e-3) -> SmallStep:
    """Stop when the step size is close to 0: when no parameter moved by `tolerance` or more during an epoch.

    With full batches and plain gradient descent the step size is that of the notes: learning rate times derivative.

    Raises:
        TypeError: a tolerance that is no number.
        ValueError: a tolerance that is not positive.

    Example:
        >>> small_step(0.001)
        SmallStep(tolerance=0.001)
    """
    tolerance = check_number("small_step", "tolerance", tolerance)
    if not tolerance > 0:
        raise ValueError(f"small_step: tolerance must be positive, not {tolerance}")
    return SmallStep(tolerance)


def no_improvement(patience: int = 10, tolerance: float = 0.0) -> NoImprovement:
    """Stop when the performance no longer improves very much.

    Args:
        patience: how many epochs in a row may pass without a new best score.
        tolerance: by how much a score must exceed the best one to be a new best, in units of the score.

    Raises:
        TypeError: a patience that is not whole, or a tolerance that is no number.
        ValueError: a patience below 1, or a negative tolerance.

    Example:
        >>> no_improvement(patience=20, tolerance=1e-4)
        NoImprovement(patience=20, tolerance=0.0001)
    """
    patience = check_whole("no_improvement", "patience", patience, least=1)
    tolerance = check_number("no_improvement", "tolerance", tolerance)
    if not tolerance >= 0:
        raise ValueError(f"no_improvement: tolerance must not be negative, not {tolerance}")
    return NoImprovement(patience, tolerance)


def check_rule(where: str, stop: Any) -> None:
    """A stopping rule, made: a function that makes one is none."""
    made = not isinstance(stop, type) and isinstance(stop, StoppingRule)
    if stop is not None and not made:
        raise TypeError(f"{where}: stop must be a stopping rule, with init and update, not {stop!r}")
