"""The directory of a sweep in blocks: the configuration, a file for each block, and a journal with a line for each.

A block is done once the journal has its line, with the digest of its file, which is written before. Blocks whose
file is missing or damaged run again, with the same bits. So does the last one of a sweep that goes on with more trials.
"""

import contextlib
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxnn._checks.warn import warn_user
from jaxnn.io.archive import CheckpointError
from jaxnn.io.files import Content, write
from jaxnn.io.runs.configuration import (
    check_configuration,
    find_changes,
    read_configuration,
    write_configuration,
)
from jaxnn.io.runs.interrupts import CaughtSignal, Interrupted, catch_signals
from jaxnn.io.runs.journal import Journal
from jaxnn.io.runs.lock import lock_directory, make_directory
from jaxnn.sweeps.blocks.content import read_trials
from jaxnn.sweeps.blocks.options import LONGER

# What `find_problem` says of a file that the journal does not yet record.
NEWER = "is newer than its line in the journal"
# A folder whose name begins so holds the job for workers while the sweep runs; no user has such a one.
JOB_PREFIX = ".jaxnn-job-"
# What `write` leaves of a file of a sweep in blocks, if the process is killed.
_TEMPORARY_NAME = re.compile(r"\.(block-\d+|configuration|curves|trials|report)\.\w+\.\d+\.new")


class BlockStore:
    """The directory of one sweep, or this process.

    Attributes:
        path: None without a directory.
        events: of the journal when it was opened, without those of damaged blocks; all of them without a directory.
        caught: the first signal that arrived.
        contents: of blocks by number, without a directory.
    """

    def __init__(self, path: Path | None, journal: Journal | None, caught: CaughtSignal) -> None:
        self.path, self._journal, self.caught = path, journal, caught
        self.events: list[dict[str, Any]] = []
        self.contents: dict[int, bytes] = {}
        if journal is not None:
            # Without results there is nothing to go on from: a call with a mistake can be corrected.
            journal.truncate(len(journal.entries) if has_results(journal) else 0)
            self._remove_leftovers(journal.path.parent)
            self.events = [entry.event for entry in journal.entries if not self._is_damaged(entry.event)]

    def record(self, event: str, **fields: Any) -> None:
        """Appends a line to the journal."""
        if self._journal is not None:
            self._journal.append(event, **fields)
        else:
            self.events.append({"event": event, **fields})

    def write_block(self, number: int, content: bytes) -> str:
        """Writes the file of a block; returns its digest."""
        if self.path is None:
            self.contents[number] = content
        else:
            write(self.path / file_of_block(number), content, "sweep")
        return hashlib.sha256(content).hexdigest()

    def read_block(self, number: int) -> bytes:
        """Reads the file of a block."""
        if self.path is None:
            return self.contents[number]
        return (self.path / file_of_block(number)).read_bytes()

    def write_tables(self, tables: Mapping[str, Content]) -> None:
        """Writes the tables, for users."""
        assert self.path is not None
        for name, text in tables.items():
            write(self.path / name, text, "sweep")

    def _is_damaged(self, event: dict[str, Any]) -> bool:
        if event["event"] != "block":
            return False
        assert self.path is not None
        file = self.path / file_of_block(event["number"])
        problem = find_problem(read_file(file), event)
        # A later line of the journal may tell of the same block.
        if problem not in ("", NEWER) and not any(_is_newer(entry.event, event) for entry in self._entries()):
            warn_user(f"sweep: {file} {problem}; its block runs again")
        return bool(problem)

    def _remove_leftovers(self, path: Path) -> None:
        """Removes what a process that was killed has left."""
        for each in path.glob(f"{JOB_PREFIX}*"):
            shutil.rmtree(each, ignore_errors=True)
        for each in path.glob(".*.new"):
            if _TEMPORARY_NAME.fullmatch(each.name):
                each.unlink()

    def _entries(self) -> list[Any]:
        return [] if self._journal is None else self._journal.entries


def _is_newer(event: dict[str, Any], than: dict[str, Any]) -> bool:
    return event["event"] == "block" and event["number"] == than["number"] and event["line"] > than["line"]


def has_results(journal: Journal) -> bool:
    """Returns whether a run has saved anything."""
    return any(entry.event["event"] in ("block", "checkpoint") for entry in journal.entries)


def _check_blocks(path: Path, saved: dict[str, Any] | None, described: dict[str, Any]) -> None:
    """Refuses the directory of a sweep without blocks, and one of fewer epochs."""
    if saved is None or saved.get("kind") != "sweep":
        return
    if set(find_changes(saved, described)) == {"epochs"} and described["epochs"] > saved["epochs"]:
        raise ValueError(f"sweep: directory={str(path)!r} holds a sweep of {saved['epochs']} epochs, and {LONGER}")
    if "block" not in saved:
        raise ValueError(
            f"sweep: directory={str(path)!r} holds a sweep without blocks; leave out block= and executor=, or give "
            "another directory"
        )


def read_file(path: Path) -> bytes:
    """Reads the file of a block; nothing if it is missing."""
    return path.read_bytes() if path.exists() else b""


def find_problem(content: bytes, event: dict[str, Any]) -> str:
    """Returns what is wrong with the content of a block's file; an empty string if the journal records it.

    It is `NEWER` between the file and the line of a block that has run again with more trials.
    """
    if hashlib.sha256(content).hexdigest() == event["sha256_of_file"]:
        return ""
    if not content:
        return "is missing"
    trials = event["seconds_of_trials"]["shape"][0]
    try:
        now = read_trials(content)
    except CheckpointError:
        return "is damaged"
    return NEWER if now.start == event["start"] and len(now) > trials else "is damaged"


def file_of_block(number: int) -> str:
    """Names the file of a block."""
    return f"block-{number:06d}.npz"


@contextlib.contextmanager
def open_store(path: Any, describe: Callable[[], dict[str, Any]]) -> Iterator[BlockStore]:
    """Opens a new directory or goes on with one, for this process alone.

    Args:
        path: as given to `sweep`; None for a sweep without a directory.
        describe: returns what decides the bits of the sweep.

    Raises:
        ValueError: the directory of another sweep, or of a sweep without blocks.
        CheckpointError: a damaged journal or configuration.
        OSError: a directory that cannot be written to, or that another process uses.
        KeyboardInterrupt: at the end of the block, after a signal.
    """
    if path is None:
        yield BlockStore(None, None, CaughtSignal())
        return
    given, path = path, Path(path).resolve()
    make_directory("sweep", path)
    with lock_directory("sweep", path), catch_signals("sweep") as caught:
        saved, journal = read_configuration("sweep", path), Journal(path / "journal.jsonl", "sweep")
        described = describe()
        if has_results(journal):
            _check_blocks(path, saved, described)
            # It decides no bit of a trial: parameters that blocks lack are computed again.
            described |= {"keep": (saved or {}).get("keep", described["keep"])}
            check_configuration("sweep", path, saved, described)
        else:
            write_configuration("sweep", path, described)
        store = BlockStore(path, journal, caught)
        try:
            yield store
            journal.sync()
        finally:
            journal.close()
        if caught.number:
            message = f"sweep: the blocks that are done are saved; make the same call again, with directory={given!r}"
            raise Interrupted(message, caught.number)
