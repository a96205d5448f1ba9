"""What the host does between two chunks of a training: it logs, shows progress, and saves the run."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax.numpy as jnp

from jaxnn.io.runs import Log, Run
from jaxnn.io.runs.journal import as_json
from jaxnn.progress import open_progress
from jaxnn.training.loop import LoopState
from jaxnn.training.run_files import curves_by_name


class Host(NamedTuple):
    """What the host does between two chunks: where it saves and logs, up to how many epochs, and what it shows.

    `follow` gets the state after each chunk.
    """

    run: Run
    log: Log | None
    epochs: int
    progress: bool
    tables: Callable[[LoopState], dict[str, str]]
    follow: Callable[[LoopState], None] = lambda _: None


def run_chunks(
    run_until: Callable[[LoopState, int], LoopState],
    chunks: Iterator[LoopState],
    loop: LoopState,
    host: Host,
) -> LoopState:
    """Runs all chunks, up to the last, a signal or the end that `log` asks for; logs and saves after each.

    Args:
        run_until: runs the compiled loop up to an epoch.
        chunks: yields the loop state after each chunk.
        loop: the state before the first chunk.
        host: what to do between two chunks.
    """
    done = int(loop.state.epoch)
    with open_progress("train", "epoch", host.epochs, wanted=host.progress) as shown:
        shown.start_at(done)
        for after in chunks:
            ends_at = _report(after, range(done, int(after.state.epoch)), host)
            if ends_at is not None:
                if ends_at < int(after.state.epoch) or after.diverged or after.restores > loop.restores:
                    # The chunk has gone further, has diverged, or has gone back to the best parameters.
                    after = run_until(loop, ends_at)
                after = after._replace(stopped=jnp.ones_like(after.stopped))
            loop, epoch = after, int(after.state.epoch)
            done = epoch
            host.follow(loop)
            shown.update(done, {name: f"{value:.4f}" for name, value in _latest(loop, epoch).items()})
            if ends_at is not None:
                break
            if host.run.save_if_due(loop, lambda loop=loop: host.tables(loop), epoch=done, limit=host.epochs):
                host.run.write_tables(lambda loop=loop: host.tables(loop))
                return loop
    host.run.finish(loop, epoch=done, limit=host.epochs)
    host.run.write_tables(lambda: host.tables(loop))
    return loop


def _report(loop: LoopState, epochs: range, host: Host) -> int | None:
    """Writes epochs to the journal and the log; returns the number of epochs after which `log` ends the training."""
    if not host.run.active and host.log is None:
        return None
    curves = curves_by_name(loop)
    for epoch in epochs:
        values = {name: float(curve[epoch]) for name, curve in curves.items()}
        host.run.record("epoch", epoch=epoch + 1, **{name: as_json(value) for name, value in values.items()})
        answer = None if host.log is None else host.log(epoch + 1, values)
        if isinstance(answer, str) and answer == "stop":
            return epoch + 1
    return None


def _latest(loop: LoopState, epoch: int) -> dict[str, float]:
    return {name: float(curve[epoch - 1]) for name, curve in curves_by_name(loop).items()} if epoch else {}
