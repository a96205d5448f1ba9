"""The page of a sweep in blocks in its directory, written again while blocks come in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxnn._checks.warn import warn_user
from jaxnn.io.files import write
from jaxnn.io.runs.configuration import read_configuration
from jaxnn.report.about import About
from jaxnn.report.live import LivePage
from jaxnn.report.sweeps import describe_sweep
from jaxnn.sweeps.results.result import SweepResult


class BlockPage:
    """Writes the page after blocks that are done, as long as that takes about a hundredth of the time.

    Args:
        directory: as the user gave it.
        save_every: seconds between two checkpoints of a sweep without blocks; a page that is open looks as often.
        collect: returns the results so far. They are read again from the directory: kept all the time, they would take
            more memory than the sweep.
    """

    def __init__(self, directory: str | Path, save_every: float, collect: Callable[[], SweepResult]) -> None:
        self._page, self._path = LivePage("sweep", directory, save_every), Path(directory)
        self._configuration = read_configuration("sweep", self._path) or {}
        self._collect, self._blocks = collect, 0

    def write(self, blocks: int) -> None:
        """Writes the page of a sweep that goes on, if it is due and more blocks are done than the last time."""
        if blocks == self._blocks:
            return

        def describe(about: About) -> dict[str, Any]:
            self._blocks, result = blocks, self._collect()
            return describe_sweep(result, about._replace(seconds=result.seconds, thorough=False))

        try:
            for name, text in self._page.make(describe, self._configuration, "running").items():
                write(self._path / name, text, "sweep")
        except OSError as error:  # blocks are saved
            warn_user(str(error))
