"""The files of the checkpoints of a run: their names, and whether the journal knows them."""

import re
from pathlib import Path
from typing import Any

from jaxnn.io.archive import CheckpointError
from jaxnn.io.runs.journal import Journal

_RUN_FILES = "journal.jsonl", "curves.csv", "trials.csv"
_CHECKPOINT_NAME = re.compile(r"checkpoint-(\d{6,})\.npz")


def name_checkpoint(number: int) -> str:
    """Names the file of a checkpoint."""
    return f"checkpoint-{number:06d}.npz"


def read_number(path: Path) -> int | None:
    """Returns the number of a checkpoint file; None for any other file."""
    match = _CHECKPOINT_NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def find_last_checkpoint(caller: str, path: Path, journal: Journal) -> dict[str, Any] | None:
    """Returns the event of the last checkpoint in the journal, and checks that it matches the files of the directory.

    A checkpoint is written before its line in the journal, and the oldest one is removed after that line. A process
    that is killed thus leaves at most one checkpoint that the journal does not record.

    Raises:
        CheckpointError: a journal that lacks more than that one.
        ValueError: a directory with other files, and no run.
    """
    checkpoints = [entry.event for entry in journal.entries if entry.event["event"] == "checkpoint"]
    recorded = [event["number"] for event in checkpoints]
    last, on_disk = max(recorded, default=0), sorted(filter(None, map(read_number, path.iterdir())))
    if on_disk and on_disk[-1] > last + 1:
        raise CheckpointError(f"{caller}: {journal.path} is damaged: it does not record {name_checkpoint(on_disk[-1])}")
    foreign = [name for name in _RUN_FILES if (path / name).exists() and not (path / "configuration.json").exists()]
    if foreign and not recorded and not on_disk:
        raise ValueError(f"{caller}: directory={str(path)!r} holds no run, but a {foreign[0]}: give another directory")
    return checkpoints[-1] if checkpoints else None
