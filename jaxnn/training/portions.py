"""The host's side of `train`: about a tenth of a second of epochs at a time, and what to do when one diverges.

A portion's length is a matter of the clock; what is computed, and when a run ends, is not.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from jaxnn.training.loop import Loop

# Goes on to an epoch, or as far as it comes.
Advance = Callable[[Loop, int], Loop]

_SECONDS = 0.1
# How often "restore" goes back to the best parameters.
_RESTORES = 3


def portions(
    advance: Advance, loop: Loop, epochs: int, optimizer: optax.GradientTransformation | None
) -> Iterator[Loop]:
    """The loop after each portion, to the last epoch, or to where it is stopped or diverges.

    Args:
        advance: the compiled loop.
        loop: to go on from.
        epochs: the limit.
        optimizer: of a training that goes back to its best parameters when it diverges; None is for one that stops.
    """
    portion, warm = 1, False
    while (done := int(loop.state.epoch)) < epochs and not loop.stopped and not loop.diverged:
        started = time.perf_counter()
        loop = _settled(advance, loop, min(done + portion, epochs))
        if loop.diverged and optimizer is not None and loop.restores < _RESTORES:
            loop = _restored(loop, optimizer)
        seconds = time.perf_counter() - started
        yield loop
        # The first portion's time is that of the compiler.
        portion = max(1, round(portion * min(_SECONDS / seconds, 10.0))) if warm else 1
        warm = True


def _settled(advance: Advance, before: Loop, until: int) -> Loop:
    """The loop at `until`, or the last one before it whose losses and parameters are finite, marked as diverged.

    Divergence is rare and epochs are not: the loop keeps no copy to go back to, the portion is computed again up to it.
    """
    loop = advance(before, until)
    if not loop.diverged and _finite(loop.state.params):
        return loop
    for epoch in range(int(loop.state.epoch) - 1, int(before.state.epoch) - 1, -1):
        loop = advance(before, epoch)
        if not loop.diverged and _finite(loop.state.params):
            break
    return loop._replace(diverged=loop.state.epoch + 1)


def _restored(loop: Loop, optimizer: optax.GradientTransformation) -> Loop:
    """The best parameters so far, with nothing remembered of how they came to diverge, and other draws from here on."""
    params, restores = loop.best.params, loop.restores + 1
    state = loop.state._replace(
        params=params,
        optimizer_state=optimizer.init(params),
        key=jax.random.fold_in(loop.state.key, restores),
    )
    return loop._replace(state=state, diverged=jnp.zeros_like(loop.diverged), restores=restores)


@jax.jit
def _all_finite(params: Any) -> Array:
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(params) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.array(finite, bool).all()


def _finite(params: Any) -> bool:
    return bool(_all_finite(params))
