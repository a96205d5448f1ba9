"""The exponential mean of the parameters, which the state of the optimizer carries.

It stands there, and not beside the parameters, so that whatever carries an optimizer state carries the mean: loops,
lanes, copies of lanes, checkpoints. Training goes on with the parameters; the mean is what is judged and kept.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from jaxnn._checks.arrays import check_scalar


class MeanState(NamedTuple):
    """The state of an optimizer, and the exponential mean of the parameters after its updates."""

    optimizer_state: Any
    mean: Any


def check_ema(ema: Any) -> None:
    """Checks that `ema` is None or a number in [0, 1); a traced one passes."""
    number = None if ema is None else check_scalar("Recipe", "ema", ema)
    if number is not None and not 0 <= number < 1:
        raise ValueError(f"Recipe: ema, the weight of the mean so far, must lie in [0, 1), not {number}")


def keep_mean(optimizer: optax.GradientTransformationExtraArgs, ema: Any) -> optax.GradientTransformationExtraArgs:
    """Returns an optimizer that makes the same updates, and keeps mean = ema * mean + (1 - ema) * params after each.

    Leaves that are not floating-point numbers are copied.
    """

    def init(params: Any) -> MeanState:
        return MeanState(optimizer.init(params), params)

    # The wrapped signature says which extra arguments the optimizer takes.
    @functools.wraps(optimizer.update)
    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, MeanState]:
        updates, optimizer_state = optimizer.update(updates, state.optimizer_state, params, **extra)
        after = optax.apply_updates(params, updates)
        return updates, MeanState(optimizer_state, jax.tree.map(functools.partial(_mix, ema), state.mean, after))

    return optax.GradientTransformationExtraArgs(init, update)


def _mix(ema: Any, mean: Array, latest: Array) -> Array:
    if not jnp.issubdtype(latest.dtype, jnp.floating):
        return latest
    weight = jnp.asarray(ema, latest.dtype)
    return weight * mean + (1 - weight) * latest
