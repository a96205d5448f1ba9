"""The loop of `train` over batches that stream: a compiled step for each batch, and a compiled end of each epoch.

A step returns before it has been computed, so that the next batch is copied to the device while this one trains. A
thread reads the batches ahead; an epoch took 1.1 to 2 times as long where the same thread read a loader that waits. The
losses of a step are fetched two steps later, so that no more batches than these wait on the device.
"""

import collections
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Traced
from jaxtyping import Array

from jaxnn._kernels.batch_last import swap_batch_axes
from jaxnn._kernels.compiler_options import choose_compiler_options
from jaxnn._kernels.program_cache import compile_function, trace_function
from jaxnn.training.epoch import end_epoch, epoch_keys, take_step
from jaxnn.training.loop import LoopConfig, LoopState, judge_epoch
from jaxnn.training.read_ahead import read_ahead
from jaxnn.training.recipe import reduce_losses
from jaxnn.training.stream import Stream

# How many steps are in flight. With two, the device does not wait for the host between steps.
_STEPS_IN_FLIGHT = 2
# The step overwrites what it has learned; the loop keeps the state before the epoch, to which a divergence returns.
_DONATED = (0,)


class StreamTraces(NamedTuple):
    """What is compiled for a stream: a step, and the end of an epoch."""

    step: Traced
    end: Traced


def trace_stream(config: LoopConfig, stream: Stream, validation: Any, loop: LoopState) -> StreamTraces:
    """Returns the traced functions of a training on a stream."""
    step, end = _list_arguments(stream, validation, loop)
    return StreamTraces(
        trace_function(functools.partial(_train_batch, config), *step, donated=_DONATED),
        trace_function(functools.partial(_end_epoch, config), *end),
    )


def compile_stream(
    config: LoopConfig, stream: Stream, validation: Any, loop: LoopState, *, trace: Callable[[], StreamTraces]
) -> Callable[[LoopState, int], LoopState]:
    """Returns a function of loop state and epoch, which trains up to that epoch or to a divergence.

    `trace` returns the result of `trace_stream`, which also describes a run directory.
    """
    step_arguments, end_arguments = _list_arguments(stream, validation, loop)
    # The compiler's own options, unlike in other loops: streams are long, and wide MLPs train 1.5 times as fast.
    step = compile_function(
        functools.partial(_train_batch, config), *step_arguments, trace=lambda: trace().step, donated=_DONATED
    )
    options = choose_compiler_options(jax.devices()[:1])
    end = compile_function(
        functools.partial(_end_epoch, config), *end_arguments, trace=lambda: trace().end, options=options
    )

    def run_until(loop: LoopState, until: int) -> LoopState:
        for epoch in range(int(loop.state.epoch), until):
            learned, losses, mask = _run_steps(step, stream, loop, epoch)
            loop = end(validation, loop, learned, _reduce(config, losses, mask))
        return loop

    return run_until


def _list_arguments(stream: Stream, validation: Any, loop: LoopState) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Returns the arguments of a step and of the end of an epoch, in the types and places of all of them."""
    state = loop.state
    learned = state.params, state.optimizer_state
    loss = jnp.zeros((), jax.tree.leaves(state.params)[0].dtype)
    return (
        (learned, state.key, state.epoch, np.int32(0), stream.first, np.ones(stream.rows, bool)),
        (validation, loop, learned, loss),
    )


def _train_batch(
    config: LoopConfig, learned: Any, key: Array, epoch: Array, i: Array, data: Any, mask: Array
) -> tuple[Any, Array]:
    """Makes the update of batch `i` of an epoch, with the keys of `fit`; returns what is learned and the losses."""
    step_key = jax.random.fold_in(epoch_keys(key, epoch)[1], i)
    return take_step(config.recipe, learned, (data, mask, step_key))


def _end_epoch(config: LoopConfig, validation: Any, loop: LoopState, learned: Any, loss: Array) -> LoopState:
    """Evaluates an epoch; returns the loop state after it."""
    state, info = end_epoch(loop.state, learned, loss)
    return judge_epoch(config, swap_batch_axes(validation), loop, state, info)


def _run_steps(
    step: Callable[..., Any], stream: Stream, loop: LoopState, epoch: int
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Trains on the batches of an epoch; returns what is learned, and all losses with their mask."""
    state = loop.state
    learned = _copy((state.params, state.optimizer_state))
    losses, masks, in_flight = [], [], collections.deque()
    for i, (data, mask) in enumerate(read_ahead(stream.read(epoch))):
        # The call copies the arrays, three times as fast as `jax.device_put` and as little waiting for them.
        learned, batch_losses = step(learned, state.key, state.epoch, np.int32(i), data, mask)
        masks.append(mask)
        in_flight.append(batch_losses)
        if len(in_flight) > _STEPS_IN_FLIGHT:
            losses.append(np.asarray(in_flight.popleft()))
    losses += map(np.asarray, in_flight)
    return learned, np.concatenate(losses), np.concatenate(masks)


@jax.jit
def _copy(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.copy(), tree)


def _reduce(config: LoopConfig, losses: np.ndarray, mask: np.ndarray) -> Array:
    """Returns the loss of an epoch, as `fit` computes it; passes of another length compile this function alone."""
    arguments = losses, None if mask.all() else mask
    return compile_function(functools.partial(reduce_losses, config.recipe), *arguments)(*arguments)
