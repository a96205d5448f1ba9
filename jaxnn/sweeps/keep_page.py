"""The page of a sweep in its directory, written again while the sweep goes on."""

from collections.abc import Callable
from pathlib import Path

from jaxnn.io.runs import Run
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.result import SweepResult


def keep_page(
    run: Run, directory: str | Path | None, save_every: float, best: BestTrials, collect: Callable[[], SweepResult]
) -> None:
    """Keeps the page of a sweep with a directory beside its tables.

    Args:
        run: of the sweep.
        directory: as the user gave it.
        save_every: seconds between two checkpoints.
        best: the results so far.
        collect: returns them as a result.
    """
    if directory is None:
        return
    from jaxnn.report.live import LivePage  # pages are made of results
    from jaxnn.report.sweeps import describe_sweep

    page = LivePage("sweep", directory, save_every)

    def make(goes_on: bool) -> dict[str, str]:
        waits = len(best.results) < len(best.drawn)
        state = "running" if goes_on else "unfinished" if waits else "ended"
        return page.make(lambda about: describe_sweep(collect(), about), run.configuration, state)

    run.add_tables(make)
