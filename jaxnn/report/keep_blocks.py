"""The page of a sweep in blocks in its directory, written again while blocks come in."""

import contextlib
from collections.abc import Callable, Iterator
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
        self._page = LivePage("sweep", directory, save_every)
        self._configuration = read_configuration("sweep", Path(directory)) or {}
        self._collect, self._blocks = collect, 0

    def write(self, blocks: int) -> None:
        """Writes the page of a sweep that goes on, if it is due and more blocks are done than the last time."""
        if blocks == self._blocks:
            return

        def describe(about: About) -> dict[str, Any]:
            self._blocks, result = blocks, self._collect()
            return describe_sweep(result, about._replace(seconds=result.seconds, thorough=False))

        _write(self._page, self._page.make(describe, self._configuration, "running"))


@contextlib.contextmanager
def keep_last_page(directory: Path, collect: Callable[[], SweepResult], has_run: Callable[[], bool]) -> Iterator[None]:
    """Writes the last page of a sweep when the block of code ends, also by an exception.

    Args:
        directory: of the sweep.
        collect: returns the results so far.
        has_run: returns whether this call has run a block. One that is refused leaves the page alone.
    """
    try:
        yield
    except BaseException as error:
        if has_run():
            _write_last_page(directory, collect(), error)
        raise
    _write_last_page(directory, collect(), None)


def _write_last_page(directory: Path, result: SweepResult, error: BaseException | None) -> None:
    page, configuration = LivePage("sweep", directory, 0.0), read_configuration("sweep", directory) or {}
    state = "unfinished" if any(trial.status == "unfinished" for trial in result.trials) else "ended"

    def describe(about: About) -> dict[str, Any]:
        return describe_sweep(result, about._replace(seconds=result.seconds, thorough=False))

    _write(page, page.make(describe, configuration, state, error))


def _write(page: LivePage, files: dict[str, str]) -> None:
    try:
        for name, text in files.items():
            write(page.path.parent / name, text, "sweep")
    except OSError as error:  # blocks are saved
        warn_user(str(error))
