"""The page of a sweep in its directory, written again while the sweep goes on."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxnn._checks.warn import warn_user
from jaxnn.io.files import write
from jaxnn.io.runs import Run
from jaxnn.io.runs.configuration import read_configuration
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.result import SweepResult

# The seconds of a sweep after which its last page may take some more: a program for the outputs of the best trial, and
# the forest that tells the importance of its hypers. They take a few hundredths of them.
_OUTPUTS_AFTER, _IMPORTANCE_AFTER = 10.0, 60.0


def keep_page(
    run: Run, directory: str | Path | None, save_every: float, best: BestTrials, collect: Callable[[], SweepResult]
) -> None:
    """Keeps the page of a sweep with a directory beside its tables, and at the end the outputs of the best trial.

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
    from jaxnn.report.outputs import OUTPUTS_FILE, compute_outputs, pack_outputs
    from jaxnn.report.sweeps import describe_sweep

    page = LivePage("sweep", directory, save_every)
    before = 0.0 if run.resumed_from is None else run.resumed_from.get("seconds", 0.0)
    recorded = sum(event["event"] == "chunk" for event in run.events)

    def make(goes_on: bool) -> dict[str, str | bytes]:
        seconds = before + time.monotonic() - best.started
        files: dict[str, str | bytes] = {}
        if not goes_on and len(best.chunks) == recorded and (Path(directory) / "report.html").exists():
            return files  # nothing has run since the last one

        def describe(about: Any) -> dict[str, Any]:
            result, outputs = collect(), None
            if not goes_on and seconds >= _OUTPUTS_AFTER:
                outputs = compute_outputs(result)
            if outputs is not None:
                files[OUTPUTS_FILE] = pack_outputs(outputs)
            thorough = not goes_on and seconds >= _IMPORTANCE_AFTER
            return describe_sweep(result, about._replace(seconds=seconds, outputs=outputs, thorough=thorough))

        waits = len(best.results) < len(best.drawn)
        state = "running" if goes_on else "unfinished" if waits else "ended"
        pages = page.make(describe, run.configuration, state)
        # At the top, where a reader looks, also if the run goes on in a folder of the directory.
        return {str(Path(directory).resolve() / name): text for name, text in pages.items()} | files

    run.add_tables(make)


def write_last_page(directory: str | Path | None, result: SweepResult) -> SweepResult:
    """Writes the page of a sweep in blocks that has ended to its directory; returns the result."""
    if directory is None:
        return result
    from jaxnn.report.live import LivePage
    from jaxnn.report.sweeps import describe_sweep

    page, configuration = LivePage("sweep", directory, 0.0), read_configuration("sweep", Path(directory)) or {}
    state = "unfinished" if any(trial.status == "unfinished" for trial in result.trials) else "ended"

    def describe(about: Any) -> dict[str, Any]:
        return describe_sweep(result, about._replace(seconds=result.seconds, thorough=False))

    try:
        for name, text in page.make(describe, configuration, state).items():
            write(Path(directory) / name, text.encode(), "sweep")
    except OSError as error:  # the sweep itself is saved
        warn_user(str(error))
    return result
