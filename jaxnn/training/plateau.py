"""Smaller steps once the loss stops improving: a transformation of optax that gets one loss an epoch.

optax's own transformation sees the loss of every minibatch, before any evaluation. Here the loops write the loss of an
evaluation into the state, and the next update judges it.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxnn._checks.arrays import check_scalar, check_whole, is_traced


class PlateauState(NamedTuple):
    """The state of `reduce_on_plateau`.

    Attributes:
        scale: by which updates are multiplied.
        best_loss: the lowest loss so far.
        plateau_count: the epochs in a row without a new best loss.
        cooldown_count: the epochs to come that do not count.
        loss: of the last epoch.
        is_new: whether no update has seen that loss.
    """

    scale: Array
    best_loss: Array
    plateau_count: Array
    cooldown_count: Array
    loss: Array
    is_new: Array


def reduce_on_plateau(
    factor: float | Float[Array, ""] = 0.1,
    patience: int | Int[Array, ""] = 10,
    *,
    rtol: float | Float[Array, ""] = 1e-4,
    atol: float | Float[Array, ""] = 0.0,
    cooldown: int | Int[Array, ""] = 0,
    min_scale: float | Float[Array, ""] = 0.0,
) -> optax.GradientTransformation:
    """Multiplies updates by a scale, which becomes smaller when the loss has not improved for some epochs.

    It works as `optax.contrib.reduce_on_plateau`, once an epoch: on the validation loss in `train`, and in `sweep` with
    `evaluate_at="epochs"`. In `fit` and `advance`, without a validation part, and with `evaluate_at="rungs"` it gets
    the training loss of the epoch. Each number may be a traced hyper.

    Args:
        factor: multiplies the scale, which is 1 at first; in (0, 1).
        patience: epochs in a row without a new best loss before the scale becomes smaller.
        rtol: how much lower a new best loss must be, relative to the best.
        atol: how much lower a new best loss must be, in units of the loss.
        cooldown: epochs after a change of the scale that do not count.
        min_scale: the least scale.

    Returns:
        A transformation to chain after an optimizer.

    Raises:
        TypeError: an argument that is not a number, or a count that is not a whole number.
        ValueError: a number out of range.

    Example:
        >>> import jaxnn as nn
        >>> optimizer = optax.chain(optax.adam(1e-3), reduce_on_plateau(factor=0.5, patience=5))
        >>> recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optimizer)
        >>> fitted = nn.fit(recipe, nn.datasets.iris().data, key=jax.random.key(0), epochs=9)
        >>> fitted.state.optimizer_state[1].scale
        Array(1., dtype=float32)
    """
    _check_range("factor", factor, "must lie in (0, 1)", lambda number: 0 < number < 1)
    _check_range("rtol", rtol, "must lie in [0, 1]", lambda number: 0 <= number <= 1)
    for name, number in (("atol", atol), ("min_scale", min_scale)):
        _check_range(name, number, "must not be negative", lambda number: number >= 0)
    for name, count, least in (("patience", patience, 1), ("cooldown", cooldown, 0)):
        if not is_traced(count):
            check_whole("reduce_on_plateau", name, count, least=least)

    def init(params: Any) -> PlateauState:
        del params
        number, count = jnp.zeros((), float), jnp.zeros((), jnp.int32)
        # Not infinity, which `jax_debug_infs` would report.
        highest = jnp.array(jnp.finfo(number.dtype).max)
        return PlateauState(jnp.ones_like(number), highest, count, count, number, jnp.array(False))

    def judge(state: PlateauState) -> PlateauState:
        """Returns the state after its loss has been judged."""
        improved = state.loss < (1 - rtol) * state.best_loss - atol
        waited = jnp.where(improved, 0, state.plateau_count + 1)
        cools, ends = state.cooldown_count > 0, waited >= patience
        smaller = jnp.maximum(state.scale * factor, min_scale).astype(state.scale.dtype)
        return PlateauState(
            scale=jnp.where(ends & ~cools, smaller, state.scale),
            best_loss=jnp.where(improved, state.loss, state.best_loss),
            plateau_count=jnp.where(cools | ends, 0, waited),
            cooldown_count=jnp.where(cools, state.cooldown_count - 1, jnp.where(ends, cooldown, 0)).astype(jnp.int32),
            loss=state.loss,
            is_new=jnp.zeros_like(state.is_new),
        )

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, PlateauState]:
        del params
        state = jax.tree.map(lambda after, before: jnp.where(state.is_new, after, before), judge(state), state)
        return jax.tree.map(lambda leaf: leaf * state.scale.astype(leaf.dtype), updates), state

    return optax.GradientTransformation(init, update)


def report_loss(optimizer_state: Any, loss: Array) -> Any:
    """Returns the optimizer state with the loss of an epoch for every `reduce_on_plateau` in it."""

    def report(node: Any) -> Any:
        if not isinstance(node, PlateauState):
            return node
        return node._replace(loss=loss.astype(node.loss.dtype), is_new=jnp.ones_like(node.is_new))

    return jax.tree.map(report, optimizer_state, is_leaf=lambda node: isinstance(node, PlateauState))


def _check_range(name: str, value: Any, rule: str, holds: Any) -> None:
    number = check_scalar("reduce_on_plateau", name, value)
    if number is not None and not holds(number):
        raise ValueError(f"reduce_on_plateau: {name} {rule}, not {number}")
