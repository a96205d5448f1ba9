"""The page of a sweep in its directory, written again while the sweep goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxnn.io.runs import Run
from jaxnn.io.runs.run import Stage
from jaxnn.report.about import About
from jaxnn.report.live import LivePage
from jaxnn.report.outputs import OUTPUTS_FILE, compute_outputs, pack_outputs
from jaxnn.report.sweeps import describe_sweep
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.result import SweepResult

# The seconds of a sweep after which its last page may take some more: a program for the outputs of the best trial, and
# the forest that tells the importance of its hypers. They take a few hundredths of them.
_OUTPUTS_AFTER, _IMPORTANCE_AFTER = 10.0, 60.0


def keep_page(
    run: Run, directory: str | Path, save_every: float, best: BestTrials, collect: Callable[[], SweepResult]
) -> None:
    """Keeps the page of a sweep with a directory beside its tables, and at the end the outputs of the best trial.

    Args:
        run: of the sweep.
        directory: as the user gave it.
        save_every: seconds between two checkpoints.
        best: the results so far.
        collect: returns them as a result.
    """
    page = LivePage("sweep", directory, save_every)
    was_done = run.resumed_from is not None and bool(run.resumed_from.get("done"))
    recorded = sum(event["event"] == "chunk" for event in run.events)

    def make(stage: Stage) -> dict[str, str | bytes]:
        seconds = run.seconds
        files: dict[str, str | bytes] = {}
        has_ended, has_run = not stage.goes_on and stage.error is None, len(best.chunks) > recorded
        if not has_run and has_ended and was_done and page.path.exists():
            return files  # it shows the same
        if not has_run and stage.error is not None:
            return files  # a call that was refused leaves the run alone

        def describe(about: About) -> dict[str, Any]:
            result, outputs = collect(), None
            if has_ended and seconds >= _OUTPUTS_AFTER:
                outputs = compute_outputs(result)
            if outputs is not None:
                files[OUTPUTS_FILE] = pack_outputs(outputs)
            thorough = has_ended and seconds >= _IMPORTANCE_AFTER
            return describe_sweep(result, about._replace(seconds=seconds, outputs=outputs, thorough=thorough))

        waits = len(best.results) < len(best.drawn)
        state = "running" if stage.goes_on else "unfinished" if waits else "ended"
        pages = page.make(describe, run.configuration, state, stage.error)
        # At the top, where a reader looks, also if the run goes on in a folder of the directory.
        return {str(page.path.parent.resolve() / name): text for name, text in pages.items()} | files

    run.add_tables(make)
