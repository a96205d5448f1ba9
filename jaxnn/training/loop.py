"""The loop of `train`: a compiled loop over epochs, and the host loop that runs it in chunks of a tenth of a second.

The number of epochs in a chunk is an argument of the compiled loop, not a shape. It compiles once, and how the epochs
are divided into chunks changes no bit.
"""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.stages import Traced
from jaxtyping import Array

from jaxnn._kernels.batch_last import swap_batch_axes
from jaxnn._kernels.compiler_options import choose_compiler_options
from jaxnn._kernels.program_cache import compile_function, trace_function
from jaxnn.batches import FoldRows
from jaxnn.buffers import partition
from jaxnn.training.epoch import EpochInfo, TrainingState, judged_params, report_epoch, to_loop_layout, train_epoch
from jaxnn.training.evaluation import Curves, Score, loss_and_score
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import StoppingRule, lowest_score

# Seconds of a chunk: how often the host updates the progress bar, and looks for signals and checkpoints that are due.
_CHUNK_SECONDS = 0.1
# How often `on_divergence="restore"` returns to the best parameters at most.
_MAX_RESTORES = 3


class BestParams(NamedTuple):
    """The parameters with the best score so far, that score, and the number of epochs after which they had it."""

    params: Any
    score: Array
    epoch: Array


class LoopState(NamedTuple):
    """Everything that the loop carries, and that a resumed run needs.

    Attributes:
        state: the state of the training.
        best: the best parameters so far.
        memory: the memory of the stopping rule.
        stopped: whether the stopping rule has ended the training.
        diverged: the epoch in which a loss was not finite; 0 without one.
        restores: how often the training has returned to the best parameters after a divergence.
        curves: the curves of all epochs, 0 for those to come; without a validation part only the losses.
    """

    state: TrainingState
    best: BestParams
    memory: Any
    stopped: Array
    diverged: Array
    restores: Array
    curves: Curves


class LoopConfig(NamedTuple):
    """What the loop trains and how it evaluates, without the arrays.

    Attributes:
        recipe: with an optax transformation as optimizer.
        score: the score on the validation part; None is minus the mean loss.
        stop: a stopping rule, or None.
        keep_best: whether to keep the best parameters. With a validation part they are those after the epoch with the
            best score, without one those before the epoch with the lowest training loss.
        fold_rows: how many rows of the data count, if the others fill it up; None if all do.
    """

    recipe: Recipe
    score: Score | None
    stop: StoppingRule | None
    keep_best: bool
    fold_rows: FoldRows | None = None


def init_loop(config: LoopConfig, state: TrainingState, epochs: int, *, validated: bool) -> LoopState:
    """Returns the loop state before the first of `epochs` epochs."""
    # Not NaN, which `jax_debug_nans` would report.
    losses = jnp.zeros(epochs, float)
    curves = Curves(losses, losses, losses) if validated else Curves(losses, None, None)
    best = BestParams(judged_params(state), lowest_score(), jnp.array(0, jnp.int32))
    memory = () if config.stop is None else config.stop.init()
    zero = jnp.array(0, jnp.int32)
    return jax.tree.map(_remove_weak_type, LoopState(state, best, memory, jnp.array(False), zero, zero, curves))


def _remove_weak_type(leaf: Any) -> Array:
    """Removes weak types; checkpoints do not store them."""
    leaf = jnp.asarray(leaf)
    return leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf.astype(leaf.dtype)


def compile_loop(
    config: LoopConfig, data: Any, validation: Any, loop: LoopState, *, trace: Callable[[], Traced] | None = None
) -> Callable[[LoopState, int], LoopState]:
    """Returns the compiled `run_epochs` for this data, as a function of loop state and epoch.

    `trace` returns the result of `trace_loop`, which also describes a run directory.
    """
    run = functools.partial(run_epochs, config)
    options = choose_compiler_options(jax.local_devices()[:1])
    program = compile_function(run, data, validation, loop, np.int32(0), trace=trace, options=options)
    return lambda loop, until: program(data, validation, loop, np.int32(until))


def trace_loop(config: LoopConfig, data: Any, validation: Any, loop: LoopState) -> Traced:
    """Returns the traced `run_epochs`."""
    return trace_function(functools.partial(run_epochs, config), data, validation, loop, np.int32(0))


def run_epochs(config: LoopConfig, data: Any, validation: Any, loop: LoopState, until: Array | np.int32) -> LoopState:
    """Trains up to epoch `until`, or until the stopping rule ends the training or it diverges."""
    data, validation = to_loop_layout(config.recipe, data), swap_batch_axes(validation)

    def continues(loop: LoopState) -> Array:
        return (loop.state.epoch < until) & ~loop.stopped & (loop.diverged == 0)

    return jax.lax.while_loop(continues, functools.partial(run_epoch, config, data, validation), loop)


def run_epoch(config: LoopConfig, data: Any, validation: Any, loop: LoopState) -> LoopState:
    """Trains and evaluates one epoch; data in loop layout, the validation part batch last."""
    state, info = train_epoch(config.recipe, data, loop.state, config.fold_rows)
    return judge_epoch(config, validation, loop, state, info)


def judge_epoch(
    config: LoopConfig, validation: Any, loop: LoopState, state: TrainingState, info: EpochInfo
) -> LoopState:
    """Evaluates an epoch; returns the loop state after it.

    Args:
        config: the functions.
        validation: batch last, or None.
        loop: before the epoch.
        state, info: after it, from `end_epoch`.
    """
    latest = _evaluate(config, swap_batch_axes(validation), state, info.losses)
    state = report_epoch(state, latest.losses if validation is None else latest.validation_losses)
    memory, stopped = loop.memory, loop.stopped
    score = -latest.losses if validation is None else latest.scores
    if config.stop is not None:
        memory, stopped = config.stop.update(loop.memory, score, info.step_sizes)
    finite = jnp.isfinite(latest.losses)
    if validation is not None:
        finite &= jnp.isfinite(latest.validation_losses)
    return loop._replace(
        state=state,
        best=_update_best(validation, loop, state, score) if config.keep_best else loop.best,
        memory=memory,
        stopped=stopped,
        diverged=jnp.where(finite, 0, state.epoch),
        curves=jax.tree.map(lambda curve, value: curve.at[loop.state.epoch].set(value), loop.curves, latest),
    )


def _update_best(validation: Any, loop: LoopState, after: TrainingState, score: Array) -> BestParams:
    # A training loss belongs to the parameters before the epoch, a validation score to those after it.
    if validation is None:
        latest = BestParams(loop.state.params, score, loop.state.epoch)
    else:
        latest = BestParams(judged_params(after), score, after.epoch)
    is_best = (score > loop.best.score) & (score < jnp.inf)
    return jax.tree.map(functools.partial(jnp.where, is_best), latest, loop.best)


def _evaluate(config: LoopConfig, validation: Any, state: TrainingState, loss: Array) -> Curves:
    """Returns the numbers of one epoch; without a validation part only the loss."""
    if validation is None:
        return Curves(jnp.asarray(loss, float), None, None)
    numbers = loss, *loss_and_score(config.recipe, judged_params(state), validation, config.score)[:2]
    return Curves(*(jnp.asarray(number, float) for number in numbers))


def run_timed_chunks(
    run: Callable[[LoopState, int], LoopState],
    loop: LoopState,
    epochs: int,
    optimizer: optax.GradientTransformation | None,
    *,
    by_epoch: bool = False,
) -> Iterator[LoopState]:
    """Yields the loop state after each chunk, up to the last epoch, a stop or a divergence.

    Args:
        run: runs the compiled loop up to an epoch.
        loop: the state to continue from.
        epochs: the epoch limit.
        optimizer: with it, the training returns to its best parameters after a divergence; with None it ends.
        by_epoch: whether every chunk is one epoch, however short.
    """
    chunk, compiled = 1, False
    while (done := int(loop.state.epoch)) < epochs and not loop.stopped and not loop.diverged:
        started = time.perf_counter()
        loop = _run_or_roll_back(run, loop, min(done + chunk, epochs))
        if loop.diverged and optimizer is not None and loop.restores < _MAX_RESTORES:
            loop = _restore_best(loop, optimizer)
        seconds = time.perf_counter() - started
        yield loop
        # The time of the first chunk is mostly compilation.
        chunk = max(1, round(chunk * min(_CHUNK_SECONDS / seconds, 10.0))) if compiled and not by_epoch else 1
        compiled = True


def _run_or_roll_back(run: Callable[[LoopState, int], LoopState], before: LoopState, until: int) -> LoopState:
    """Returns the loop state at `until`, or the last finite one before it, marked as diverged.

    Divergence is rare, so the loop keeps no copies of earlier states; it computes the chunk again up to that epoch.
    """
    loop = run(before, until)
    if not loop.diverged and _are_finite(loop.state.params):
        return loop
    for epoch in range(int(loop.state.epoch) - 1, int(before.state.epoch) - 1, -1):
        loop = run(before, epoch)
        if not loop.diverged and _are_finite(loop.state.params):
            break
    return loop._replace(diverged=loop.state.epoch + 1)


def _restore_best(loop: LoopState, optimizer: optax.GradientTransformation) -> LoopState:
    """Returns to the best parameters, with a fresh optimizer state and another key for the draws to come."""
    params, restores = loop.best.params, loop.restores + 1
    state = loop.state._replace(
        params=params,
        optimizer_state=optimizer.init(partition(params)[0]),
        key=jax.random.fold_in(loop.state.key, restores),
    )
    return loop._replace(state=state, diverged=jnp.zeros_like(loop.diverged), restores=restores)


def _are_finite(params: Any) -> bool:
    return bool(_all_finite(params))


@jax.jit
def _all_finite(params: Any) -> Array:
    learned, buffers = partition(params)
    # A buffer may hold infinity on purpose, such as a running minimum before the first step.
    checked = [(jnp.isfinite, leaf) for leaf in jax.tree.leaves(learned)]
    checked += [(lambda leaf: ~jnp.isnan(leaf), leaf) for leaf in jax.tree.leaves(buffers)]
    finite = [holds(leaf).all() for holds, leaf in checked if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.array(finite, bool).all()
