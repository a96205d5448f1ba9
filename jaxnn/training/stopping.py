"""Stopping rules: when to end a training before its epoch limit.

A rule is a pair of pure functions, which `fit` and `train` call inside a compiled loop: `init() -> memory` and
`update(memory, score, step_size) -> (memory, stop)`. After every epoch it gets the score, higher is better: minus the
training loss in `fit`, the validation score in `train`. Without a validation part, `train` passes minus the training
loss too. The step size is the largest change of any parameter over the epoch.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._checks.arrays import check_number, check_whole


@runtime_checkable
class StoppingRule(Protocol):
    """What `fit` and `train` take as `stop`.

    A NamedTuple or frozen dataclass is best: `train` needs a hashable rule, and equal rules share one compilation.

    Example:
        >>> class AboveScore(NamedTuple):
        ...     threshold: float
        ...     def init(self):
        ...         return ()
        ...     def update(self, memory, score, step_size):
        ...         return memory, score > self.threshold
        >>> isinstance(AboveScore(0.9), StoppingRule)
        True
    """

    def init(self) -> Any:
        """Returns the memory before the first epoch: a pytree of arrays, whose shapes and dtypes must not change."""
        ...

    def update(self, memory: Any, score: Array, step_size: Array) -> tuple[Any, Array]:
        """Returns the memory after an epoch, and whether to stop, a boolean scalar; its arguments are traced."""
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
        return lowest_score(), jnp.array(0, jnp.int32)

    def update(self, memory: tuple[Array, Array], score: Array, step_size: Array) -> tuple[tuple[Array, Array], Array]:
        del step_size
        best, waited = memory
        improved = score > best + self.tolerance
        waited = jnp.where(improved, 0, waited + 1)
        return (jnp.where(improved, score.astype(best.dtype), best), waited), waited >= self.patience


def small_step(tolerance: float = 1e-3) -> SmallStep:
    """Stops when no parameter changed by `tolerance` or more during an epoch.

    With full batches and plain gradient descent, the step size is the learning rate times the largest derivative.

    Args:
        tolerance: the least change that counts, in units of the parameters.

    Raises:
        TypeError: a tolerance that is not a number.
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
    """Stops when the score has not improved for some epochs (early stopping).

    Args:
        patience: epochs in a row without a new best score before the training stops.
        tolerance: how much a score must exceed the best to be a new best, in units of the score.

    Raises:
        TypeError: a patience that is not a whole number, or a tolerance that is not a number.
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


def lowest_score() -> Array:
    """Returns the least finite score; -inf would be reported by `jax_debug_infs`."""
    return jnp.array(jnp.finfo(jnp.zeros((), float).dtype).min)


def check_rule(caller: str, stop: Any) -> None:
    """Checks that `stop` is None or a StoppingRule instance, not its factory."""
    is_instance = not isinstance(stop, type) and isinstance(stop, StoppingRule)
    if stop is not None and not is_instance:
        raise TypeError(f"{caller}: stop must be a stopping rule, with init and update, not {stop!r}")
