"""The page of a training in its directory, written again while the training goes on."""

from collections.abc import Callable
from pathlib import Path

from jaxnn.io.runs import Run
from jaxnn.training.loop import LoopState

LoopTables = Callable[[LoopState], dict[str, str]]


def add_page(tables: LoopTables, run: Run, directory: str | Path | None, save_every: float, epochs: int) -> LoopTables:
    """Keeps the page of a training with a directory beside its tables; returns these.

    Args:
        tables: returns them.
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
    latest: list[LoopState] = []

    def make_tables(loop: LoopState) -> dict[str, str]:
        latest[:] = [loop]
        return tables(loop)

    def make(goes_on: bool) -> dict[str, str | bytes]:
        [loop] = latest
        has_ended = int(loop.state.epoch) >= epochs or loop.stopped or loop.diverged
        state = "ended" if has_ended else "running" if goes_on else "unfinished"
        return {**page.make(lambda about: describe_loop(loop, about), run.configuration, state)}

    run.add_tables(make)
    return make_tables
