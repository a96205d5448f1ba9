"""Early stopping inside of lanes: a lane that its rule ends is frozen, and the host frees it after the chunk."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn.training.stopping import StoppingRule


class Stopping(NamedTuple):
    """What a lane carries for its stopping rule.

    Attributes:
        memory: of the rule.
        epoch: the epoch after which the rule ended the lane; 0 before that.
    """

    memory: Any
    epoch: Array


def init_stopping(rule: StoppingRule | None) -> Any:
    """Returns what a new lane carries; nothing without a rule, so that the program is the same as ever."""
    if rule is None:
        return ()
    # Weak types would change with the first update.
    memory = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(jnp.asarray(leaf).dtype), rule.init())
    return Stopping(memory, jnp.zeros((), jnp.int32))


def can_train(lane: Any) -> Array:
    """Returns whether a lane, or each lane, has neither diverged nor been ended by its rule."""
    finite = lane.diverged == 0
    return finite if lane.stopping == () else finite & (lane.stopping.epoch == 0)


def stop_or_go_on(rule: StoppingRule, before: Any, after: Any, running: Array, score: Array, step_size: Array) -> Any:
    """Returns a lane after an epoch: frozen as before unless it was running, with the answer of its rule."""
    memory, stops = rule.update(before.stopping.memory, score, step_size)
    stopping = Stopping(memory, jnp.where(stops, after.state.epoch, 0))
    frozen = before._replace(diverged=after.diverged)
    return jax.tree.map(lambda new, old: jnp.where(running, new, old), after._replace(stopping=stopping), frozen)


def repeat_last(curves: np.ndarray, before: np.ndarray | None, lane: int, start: int) -> None:
    """Repeats the numbers of a lane's last epoch from `start` on, as `fit` does.

    Args:
        curves: (quantity, lane, epoch) of a chunk, which change.
        before: the numbers of the epoch before the chunk; None for the first chunk.
        lane: which of its lanes.
        start: the first epoch of the chunk that the lane did not train.
    """
    last = curves[:, lane, start - 1] if start else before
    if last is not None:
        curves[:, lane, start:] = last[:, None]
