"""The loop of `train` over batches that stream: a compiled step for each batch, and a compiled end of each epoch.

A step returns before it has been computed, so that the next batch is copied to the device while this one trains. A
thread reads the batches ahead; an epoch took 1.1 to 2 times as long where the same thread read a loader that waits. The
losses of a step are fetched two steps later, so that no more batches than these wait on the device.

On a CPU, a step trains on all batches that have been read meanwhile, up to eight: each call touches new memory, which
takes the system as long as a small CNN needs for a batch. The number of batches is an argument of the compiled step, so
that how they are grouped changes no bit.
"""

import collections
import contextlib
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
from jaxnn.training.stream_batch import Batch

# How many steps are in flight. With two, the device does not wait for the host between steps.
_STEPS_IN_FLIGHT = 2
# The most batches of a step on a CPU, and the most bytes of them.
_MAX_GROUP = 8
_GROUP_BYTES = 2**26
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
        trace_function(functools.partial(_train_batches, config), *step, donated=_DONATED),
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
        functools.partial(_train_batches, config), *step_arguments, trace=lambda: trace().step, donated=_DONATED
    )
    options = choose_compiler_options(jax.local_devices()[:1])
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
    group = _stack([Batch(stream.first, np.ones(stream.rows, bool))], _choose_group(stream.first))
    step = learned, state.key, state.epoch, np.int32(0), np.int32(1), *group
    return step, (validation, loop, learned, loss)


def _choose_group(batch: Any) -> int:
    """Returns the most batches of a step."""
    if jax.default_backend() != "cpu":
        return 1
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(batch))
    return max(1, min(_MAX_GROUP, _GROUP_BYTES // max(size, 1)))


def _stack(batches: list[Batch], most: int) -> Batch:
    """Returns batches as one, with `most` of them on a new first axis; what is missing is never read."""

    def stack(*leaves: np.ndarray) -> np.ndarray:
        stacked = np.empty((most, *leaves[0].shape), leaves[0].dtype)
        for place, leaf in zip(stacked, leaves, strict=False):
            place[...] = leaf
        return stacked

    return jax.tree.map(stack, *batches)


def _train_batches(
    config: LoopConfig, learned: Any, key: Array, epoch: Array, first: Array, count: Array, data: Any, masks: Array
) -> tuple[Any, Array]:
    """Trains on `count` batches, from batch `first` of an epoch; returns what is learned and the losses."""

    def train_one(j: Array, carry: tuple[Any, Array]) -> tuple[Any, Array]:
        learned, losses = carry
        batch, mask = jax.tree.map(lambda leaf: leaf[j], (data, masks))
        learned, own = _train_batch(config, learned, key, epoch, first + j, batch, mask)
        return learned, losses.at[j].set(own)

    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), (data, masks))
    losses = jax.eval_shape(functools.partial(_train_batch, config), learned, key, epoch, first, *shapes)[1]
    return jax.lax.fori_loop(0, count, train_one, (learned, jnp.zeros((len(masks), *losses.shape), losses.dtype)))


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
    most = _choose_group(stream.first)
    losses, masks, in_flight = [], [], collections.deque()

    def fetch(count: int, group_losses: Array) -> None:
        losses.extend(np.asarray(group_losses)[:count])

    # Closed also where a step fails: a notebook keeps the frames of an error, and with them the thread and its batches.
    with contextlib.closing(read_ahead(stream.read(epoch), max(most, _STEPS_IN_FLIGHT))) as ahead:
        for group in (batches[i : i + most] for batches in ahead for i in range(0, len(batches), most)):
            # The call copies the arrays, three times as fast as `jax.device_put` and as little waiting for them.
            numbers = np.int32(len(masks)), np.int32(len(group))
            learned, group_losses = step(learned, state.key, state.epoch, *numbers, *_stack(group, most))
            masks += [batch.mask for batch in group]
            in_flight.append((len(group), group_losses))
            if len(in_flight) > _STEPS_IN_FLIGHT:
                fetch(*in_flight.popleft())
    for each in in_flight:
        fetch(*each)
    return learned, np.concatenate(losses), np.concatenate(masks)


@jax.jit
def _copy(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.copy(), tree)


def _reduce(config: LoopConfig, losses: np.ndarray, mask: np.ndarray) -> Array:
    """Returns the loss of an epoch, as `fit` computes it; passes of another length compile this function alone."""
    arguments = losses, None if mask.all() else mask
    return compile_function(functools.partial(reduce_losses, config.recipe), *arguments)(*arguments)
