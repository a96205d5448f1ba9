"""The runs that a directory holds: the first, and those in its subfolders that went on from it.

A run that goes on under another configuration, such as with more epochs, has a folder of its own: `continued-2` goes on
from the run in the directory itself, `continued-3` from `continued-2`. The earlier ones stay as they are.
"""

from pathlib import Path
from typing import Any, NamedTuple

from jaxnn.io.runs.configuration import read_configuration
from jaxnn.io.runs.journal import Journal


class StoredRun(NamedTuple):
    """A run on the disk.

    Attributes:
        path: its folder.
        configuration: of its first call; empty before it is written.
        events: those of its journal, up to the last whole chunk.
    """

    path: Path
    configuration: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def checkpoint(self) -> dict[str, Any] | None:
        """The event of its last checkpoint; None without one."""
        return next((event for event in reversed(self.events) if event["event"] == "checkpoint"), None)

    def up_to_checkpoint(self) -> "StoredRun":
        """Returns the run as a call resumes it, without what came after its last checkpoint."""
        lines = [line for line, event in enumerate(self.events, 1) if event["event"] == "checkpoint"]
        return self._replace(events=self.events[: lines[-1] if lines else 0])


def list_runs(caller: str, directory: Path) -> list[StoredRun]:
    """Returns the runs of a directory that have checkpoints, the first one first.

    Raises:
        ValueError: a run in the format of another version of jaxnn.
        CheckpointError: damaged files.
    """
    runs: list[StoredRun] = []
    while True:
        run = read_run(caller, directory if not runs else continued_path(directory, len(runs) + 1))
        if not run.configuration or run.checkpoint is None:
            return runs
        runs.append(run)


def read_run(caller: str, path: Path) -> StoredRun:
    """Reads the run in a folder, up to its last whole chunk."""
    events = [entry.event for entry in Journal(path / "journal.jsonl", caller).entries]
    while events and events[-1]["event"] not in ("chunk", "checkpoint"):
        events.pop()
    return StoredRun(path, read_configuration(caller, path) or {}, events)


def continued_path(directory: Path, number: int) -> Path:
    """Returns the folder of the run that goes on as the `number`-th."""
    return directory / f"continued-{number}"
