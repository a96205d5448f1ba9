"""A run directory: the configuration, a journal and the last two checkpoints of one training or sweep.

A run resumes from its newest intact checkpoint, and only under the configuration with which it started. A checkpoint
counts once the journal records its digest. The events after that checkpoint are computed again, with the same bits.
"""

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxnn._checks.arrays import check_number
from jaxnn._checks.warn import warn_user
from jaxnn.io.archive import CheckpointError
from jaxnn.io.checkpoint import load, pack
from jaxnn.io.files import Content, write
from jaxnn.io.runs.checkpoint_files import find_last_checkpoint, name_checkpoint, read_number
from jaxnn.io.runs.configuration import check_configuration, read_configuration, write_configuration
from jaxnn.io.runs.interrupts import CaughtSignal, Interrupted, catch_signals
from jaxnn.io.runs.journal import Journal
from jaxnn.io.runs.lock import lock_directory, make_directory
from jaxnn.io.runs.run import MoreTables, NoRun, Run, Stage, Tables

# How many checkpoints stay in the directory: if the last one is damaged, the run resumes from the one before.
_CHECKPOINTS_KEPT = 2
_TEMPORARY_NAME = re.compile(r"\.(checkpoint-\d+|outputs|configuration|curves|trials|report)\.\w+\.\d+\.new")


class RunDirectory:
    """A run with a directory; `Run` documents its attributes and methods."""

    resumed_from: dict[str, Any] | None
    events: tuple[dict[str, Any], ...]
    active: bool = True

    def __init__(
        self,
        caller: str,
        path: Path,
        configuration: dict[str, Any],
        journal: Journal,
        every: float,
        caught: CaughtSignal,
    ) -> None:
        self.caller = caller
        self.path = path
        self.configuration = configuration
        self.done = False
        self._every = every
        self._caught = caught
        self._more_tables: list[MoreTables] = []
        self._journal = journal
        self._saved_at = self._opened_at = time.monotonic()
        self._roll_back(self._find_checkpoint())
        # Of all calls up to the checkpoint from which this one goes on.
        self._seconds_before = 0.0 if self.resumed_from is None else self.resumed_from.get("seconds", 0.0)

    @property
    def seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._opened_at

    def record(self, event: str, **fields: Any) -> None:
        self._journal.append(event, **fields)

    def restore(self, like: Any) -> Any:
        if self.resumed_from is None:
            return like
        return load(self.path / name_checkpoint(self.resumed_from["number"]), like=like)

    def save_if_due(self, tree: Any, tables: Tables, **fields: Any) -> bool:
        if self._caught.number or time.monotonic() - self._saved_at >= self._every:
            self.save(tree, tables, **fields)
        return bool(self._caught.number)

    def save(self, tree: Any, tables: Tables, **fields: Any) -> None:
        self._save(tree, fields)
        self._write(tables())
        self._write_more(Stage(goes_on=True))

    def finish(self, tree: Any, **fields: Any) -> None:
        self.done = True
        fields = {"done": True, **fields}
        if any(self._last_fields.get(name) != value for name, value in fields.items()):
            self._save(tree, fields)

    def write_tables(self, tables: Tables) -> None:
        self._write(tables())
        self._write_more(Stage(goes_on=False))

    def add_tables(self, more: MoreTables) -> None:
        self._more_tables.append(more)

    def describe_error(self, error: BaseException) -> None:
        """Writes the files that say what ended the run, as far as the disk lets it."""
        with contextlib.suppress(OSError):
            self._write_more(Stage(goes_on=False, error=error))

    def close(self) -> None:
        """Closes the journal."""
        self._journal.close()

    def _save(self, tree: Any, fields: dict[str, Any]) -> None:
        number = self.last_number + 1
        name, content = name_checkpoint(number), pack(tree)
        write(self.path / name, content, self.caller)
        seconds = round(self.seconds, 3)
        self.record("checkpoint", number=number, file=name, sha256_of_file=_sha256(content), seconds=seconds, **fields)
        self._journal.sync()
        self.last_number, self._last_fields = number, fields
        with contextlib.suppress(FileNotFoundError):
            (self.path / name_checkpoint(number - _CHECKPOINTS_KEPT)).unlink()
        self._saved_at = time.monotonic()

    def _write_more(self, stage: Stage) -> None:
        for more in self._more_tables:
            self._write(more(stage))

    def _write(self, files: Mapping[str, Content]) -> None:
        for name, content in files.items():
            write(self.path / name, content, self.caller)

    def _find_checkpoint(self) -> int:
        """Returns the number of journal lines up to the newest intact checkpoint; 0 if the journal records none."""
        events = [entry.event for entry in self._journal.entries]
        lines = [line for line, event in enumerate(events, 1) if event["event"] == "checkpoint"]
        damage = []
        for line in lines[::-1][:_CHECKPOINTS_KEPT]:
            problem = self._describe_damage(events[line - 1])
            if problem is None:
                for each in damage:
                    warn_user(f"{self.caller}: {each}; resuming from the checkpoint before it")
                return line
            damage.append(problem)
        if damage:
            raise CheckpointError(f"{self.caller}: {'; '.join(damage)}")
        return 0

    def _describe_damage(self, event: dict[str, Any]) -> str | None:
        """Returns what is wrong with the checkpoint that an event records; None if it is intact."""
        path = self.path / name_checkpoint(event["number"])
        if not path.exists():
            return f"{path} is missing"
        return None if _sha256(path.read_bytes()) == event["sha256_of_file"] else f"{path} is damaged"

    def _roll_back(self, lines: int) -> None:
        """Restores the directory as it was after the first `lines` lines of the journal."""
        self._journal.truncate(lines)
        self.events = tuple(entry.event for entry in self._journal.entries)
        self.resumed_from = self.events[-1] if self.events else None
        self._last_fields = self.resumed_from or {}
        self.last_number = self._last_fields.get("number", 0)
        for path in self.path.iterdir():
            number = read_number(path)
            is_current = number in (self.last_number, self.last_number - 1)
            if _TEMPORARY_NAME.fullmatch(path.name) or (number and not is_current):
                path.unlink()


@contextlib.contextmanager
def open_run(
    caller: str,
    path: str | Path | None,
    configuration: Callable[[], dict[str, Any]],
    *,
    every: float,
    adapt: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None,
    given: str | Path | None = None,
) -> Iterator[Run]:
    """Opens a new run directory or resumes one, for this process alone; the `with` block gets the `Run`.

    Args:
        caller: "train" or "sweep", for messages.
        path: the directory; None for a run without one.
        configuration: returns everything on which the bits of the run depend, as JSON by name.
        every: seconds between two checkpoints; `check_run` checks it, and `path`.
        adapt: replaces `configuration` for a run with checkpoints. It gets the saved configuration and the event of the
            last checkpoint, and takes from them what may differ between two calls.
        given: the directory that the user gave; by default `path`.

    Raises:
        ValueError: a run of another configuration, whose differences the message names, or in the format of another
            version of jaxnn; or a directory with other files.
        CheckpointError: damaged files.
        OSError: the directory cannot be created or written to, or another process uses it.
        KeyboardInterrupt: at the end of the block, after a signal.
    """
    if path is None:
        yield NoRun()
        return
    given = path if given is None else given
    make_directory(caller, Path(path))
    path = Path(path).resolve()
    with lock_directory(caller, path), catch_signals(caller) as caught:
        saved = read_configuration(caller, path)
        journal = Journal(path / "journal.jsonl", caller)
        # Before the first checkpoint there is nothing to resume: a call with a mistake can be corrected.
        last = find_last_checkpoint(caller, path, journal)
        # A sweep in blocks has no checkpoints.
        if last is None and "block" not in (saved or {}):
            started = configuration()
            write_configuration(caller, path, started)
        else:
            started = configuration() if adapt is None or saved is None or last is None else adapt(saved, last)
            check_configuration(caller, path, saved, started)
        run = RunDirectory(caller, path, started, journal, every, caught)
        try:
            yield run
        except BaseException as error:
            run.describe_error(error)
            raise
        finally:
            run.close()
        if caught.number:
            state = "is finished and saved" if run.done else "is saved and can be resumed"
            message = f"{caller}: the run {state}; make the same call again, with directory={str(given)!r}"
            raise Interrupted(message, caught.number)


def check_run(caller: str, path: Any, every: Any, log: Any) -> None:
    """Checks the options `directory`, `save_every` and `log`.

    Raises:
        TypeError, ValueError: an option of another type, or a `save_every` that is not positive.
    """
    if not (path is None or (isinstance(path, str | os.PathLike) and str(path))):
        raise TypeError(f"{caller}: directory must be a path or None, not {path!r}")
    if not check_number(caller, "save_every", every) > 0:
        raise ValueError(f"{caller}: save_every must be a positive number of seconds, not {every!r}")
    if not (log is None or callable(log)):
        raise TypeError(f"{caller}: log must be a function of a number and a dict, not {log!r}")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
