"""The page of a training in its directory, written again while the training goes on."""

from collections.abc import Callable
from pathlib import Path

from jaxnn.io.runs import Run
from jaxnn.training.loop import LoopState

LoopTables = Callable[[LoopState], dict[str, str]]


def add_page(tables: LoopTables, run: Run, directory: str | Path | None, save_every: float, epochs: int) -> LoopTables:
    """Returns the tables of a training with a directory, with its page.

    Args:
        tables: returns the others.
        run: of the training.
        directory: as the user gave it.
        save_every: seconds between two checkpoints.
        epochs: the epoch limit.
    """
    if directory is None:
        return tables
    from jaxnn.report.live import LivePage  # pages are made of results
    from jaxnn.report.trainings import describe_loop

    page = LivePage("train", directory, float(save_every))

    def make(loop: LoopState) -> dict[str, str]:
        goes_on = int(loop.state.epoch) < epochs and not loop.stopped and not loop.diverged
        state = "running" if goes_on else "ended"
        return tables(loop) | page.make(lambda about: describe_loop(loop, about), run.configuration, state)

    return make
