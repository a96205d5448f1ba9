"""The run of a directory that a call resumes, or with which it goes on."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jaxnn.io.runs.configuration import find_changes
from jaxnn.io.runs.fingerprint import ENVIRONMENT
from jaxnn.io.runs.lock import lock_directory
from jaxnn.io.runs.stored import StoredRun, continued_path, list_runs
from jaxnn.sweeps.earlier import EarlierRun, read_runs


class ChosenRun(NamedTuple):
    """The folder in which a sweep runs, and what it goes on from.

    Attributes:
        path: None without a directory.
        describe: returns the configuration of the run.
        earlier: None if it is the first run.
        is_new: whether it goes on from the last run, and has no checkpoint of its own.
    """

    path: Path | None
    describe: Callable[[], dict[str, Any]]
    earlier: EarlierRun | None = None
    is_new: bool = False


@contextlib.contextmanager
def choose_run(
    directory: Any, describe: Callable[[], dict[str, Any]], trials: int, on_mismatch: str = "raise"
) -> Iterator[ChosenRun]:
    """Gives the run of a directory that a call resumes, or the new one with which it goes on.

    The directory stays locked while a run in a folder of it goes on, so that no process changes the runs before it.

    Args:
        directory: as given to `sweep`.
        describe: returns the configuration of the call.
        trials: of the call.
        on_mismatch: whether a new run may go on from one of another environment: "raise" or "continue".

    Raises:
        ValueError: a run that others have gone on from, which would have to train; or one that cannot go on. Other
            differences are refused where the run is opened.
        CheckpointError: damaged files.
        OSError: a directory that another process uses.
    """
    with contextlib.ExitStack() as stack:
        if directory is not None and (Path(directory) / "configuration.json").exists():
            stack.enter_context(lock_directory("sweep", Path(directory)))
        chosen = _find_run(directory, describe, trials, on_mismatch)
        if chosen.earlier is None:
            stack.close()  # the run locks it
        yield chosen


def _find_run(directory: Any, describe: Callable[[], dict[str, Any]], trials: int, on_mismatch: str) -> ChosenRun:
    if directory is None:
        return ChosenRun(None, describe)
    root = Path(directory)
    has_run = (root / "configuration.json").exists()
    runs = [run.up_to_checkpoint() for run in list_runs("sweep", root)] if has_run else []
    if not runs or runs[-1].configuration["kind"] != "sweep":
        return ChosenRun(root, describe)
    described = describe()
    changes = [_find_changes(run, described) for run in runs]
    same = [number for number, change in enumerate(changes) if not change]
    if same:
        number = same[-1]
        is_complete = number + 1 == len(runs) or _is_complete(runs[number], trials)
        if is_complete:
            return _choose(root, described, runs[:number])
        if on_mismatch != "continue" or set(changes[-1]) - set(ENVIRONMENT):
            raise _frozen_error(runs[number], runs[-1], changes[-1])
    if _goes_on(runs[-1], changes[-1], described["epochs"], on_mismatch):
        return _choose(root, described, runs)._replace(is_new=True)
    # The last run is opened, and refuses with the changes.
    return _choose(root, described, runs[:-1])


def _choose(root: Path, described: dict[str, Any], before: list[StoredRun]) -> ChosenRun:
    """Returns the run that comes after others."""
    if not before:
        return ChosenRun(root, lambda: described)
    number = len(before)
    return ChosenRun(continued_path(root, number + 1), lambda: described | {"earlier": number}, read_runs(before))


def _find_changes(run: StoredRun, described: dict[str, Any]) -> dict[str, str]:
    earlier = {"earlier": run.configuration["earlier"]} if "earlier" in run.configuration else {}
    return find_changes(run.configuration, described | earlier)


def _goes_on(run: StoredRun, changes: dict[str, str], epochs: int, on_mismatch: str) -> bool:
    """Returns whether a new run goes on from one whose configuration has changed."""
    if set(changes) == {"epochs"} and epochs > run.configuration["epochs"]:
        if run.checkpoint is None or not run.checkpoint.get("done"):
            before = run.configuration["epochs"]
            raise ValueError(
                f"sweep: the run in directory={str(run.path)!r} has not ended; make the call with epochs={before} "
                f"again, and then go on to {epochs}"
            )
        return True
    if set(changes) <= set(ENVIRONMENT):
        if on_mismatch == "continue":
            return True
        raise ValueError(
            f"sweep: directory={str(run.path)!r} holds a run of another environment: {'; '.join(changes.values())}. "
            'on_mismatch="continue" keeps its trials that have ended, and starts the others again'
        )
    return False


def _is_complete(run: StoredRun, trials: int) -> bool:
    """Returns whether a run has nothing left to train for a call; a sampler may have had no more settings."""
    last = run.checkpoint
    return last is not None and bool(last.get("done")) and max(last["trials"], last.get("limit", 0)) >= trials


def _frozen_error(run: StoredRun, newest: StoredRun, changes: dict[str, str]) -> ValueError:
    """Returns the error of a call that would train in a run that another has gone on from."""
    return ValueError(
        f"sweep: the run in directory={str(run.path)!r} has gone on in {newest.path.name}, and stays as it is. From "
        f"there the arguments of this call differ: {'; '.join(changes.values())}"
    )
