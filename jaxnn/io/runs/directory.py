"""A run directory: the configuration, a journal and the last two checkpoints of one training or sweep.

A run goes on from its newest whole checkpoint, and only with the configuration it was begun with. A checkpoint counts
when the journal says so, by its digest; what the journal says after it is done again, to the same bits.
"""

import contextlib
import hashlib
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jaxnn._checks.arrays import check_number
from jaxnn.io.checkpoint import CheckpointError, load, pack, write
from jaxnn.io.runs.configuration import check_configuration
from jaxnn.io.runs.interrupts import Interrupted, Noted, noted_signals
from jaxnn.io.runs.journal import Journal
from jaxnn.io.runs.lock import locked, make
from jaxnn.io.runs.run import NoRun, Run, Tables

_KEPT = 2
_OURS = "journal.jsonl", "curves.csv", "trials.csv"
_CHECKPOINT = re.compile(r"checkpoint-(\d{6,})\.npz")
_UNFINISHED = re.compile(r"\.(checkpoint-\d+\.npz|configuration\.json|curves\.csv|trials\.csv)\.\d+\.new")


class RunDirectory:
    """A run that is kept; what its methods promise stands in `Run`."""

    begun: dict[str, Any] | None
    events: tuple[dict[str, Any], ...]
    active: bool = True

    def __init__(self, where: str, path: Path, journal: Journal, every: float, noted: Noted) -> None:
        self.where = where
        self.path = path
        self.done = False
        self._every = every
        self._noted = noted
        self._journal = journal
        self._saved = time.monotonic()
        self._tidy(self._newest())

    def record(self, event: str, **fields: Any) -> None:
        self._journal.append(event, **fields)

    def restore(self, like: Any) -> Any:
        if self.begun is None:
            return like
        return load(self.path / _file(self.begun["number"]), like=like)

    def visit(self, tree: Any, tables: Tables, **fields: Any) -> bool:
        if self._noted.number or time.monotonic() - self._saved >= self._every:
            self._save(tree, fields)
            self.write(tables)
        return bool(self._noted.number)

    def finish(self, tree: Any, **fields: Any) -> None:
        self.done = True
        if self.begun is None or not self.begun.get("done"):
            self._save(tree, {"done": True, **fields})

    def write(self, tables: Tables) -> None:
        for name, content in tables().items():
            write(self.path / name, content.encode(), self.where)

    def close(self) -> None:
        """The journal is closed."""
        self._journal.close()

    def _save(self, tree: Any, fields: dict[str, Any]) -> None:
        number = self._number + 1
        content = pack(tree)
        write(self.path / _file(number), content, self.where)
        self.record("checkpoint", number=number, file=_file(number), sha256_of_file=_sha256(content), **fields)
        self._journal.sync()
        self._number = number
        with contextlib.suppress(FileNotFoundError):
            (self.path / _file(number - _KEPT)).unlink()
        self._saved = time.monotonic()

    def _newest(self) -> int:
        """How many lines of the journal lead to the newest checkpoint that is whole; 0 where there is none."""
        entries = self._journal.entries
        places = [place for place, entry in enumerate(entries) if entry.event["event"] == "checkpoint"]
        damaged = []
        for place in places[::-1][:_KEPT]:
            wrong = self._wrong(entries[place].event)
            if wrong is None:
                for each in damaged:
                    warnings.warn(f"{self.where}: {each}; going on from the checkpoint before it", stacklevel=6)
                return place + 1
            damaged.append(wrong)
        if damaged:
            raise CheckpointError(f"{self.where}: {'; '.join(damaged)}")
        return 0

    def _wrong(self, event: dict[str, Any]) -> str | None:
        path = self.path / _file(event["number"])
        if not path.exists():
            return f"{path} is missing"
        return None if _sha256(path.read_bytes()) == event["sha256_of_file"] else f"{path} is damaged"

    def _tidy(self, lines: int) -> None:
        """Take up the run after so many lines of its journal; whatever came later is done again."""
        self._journal.cut(lines)
        self.events = tuple(entry.event for entry in self._journal.entries)
        self.begun = self.events[-1] if self.events else None
        self._number = self.begun["number"] if self.begun else 0
        for path in self.path.iterdir():
            number = _number(path)
            if _UNFINISHED.fullmatch(path.name) or (number and number not in (self._number, self._number - 1)):
                path.unlink()


@contextlib.contextmanager
def open_run(
    where: str, path: str | Path | None, configuration: Callable[[], dict[str, Any]], *, every: float
) -> Iterator[Run]:
    """The run directory at `path`, new or to be gone on with; no other process may have it open.

    Args:
        where: "train" or "sweep", for messages.
        path: of the directory; None is a run that leaves nothing.
        configuration: names and what they are, as JSON.
        every: seconds between two checkpoints; checked by `check_run`, as the path is.

    Raises:
        ValueError: it was begun with another configuration, by what differs, or holds files of another kind.
        CheckpointError: its files are damaged.
        OSError: it cannot be made or written to, or another process has it open.
        KeyboardInterrupt: at the end, after a signal.
    """
    if path is None:
        yield NoRun()
        return
    given = path
    make(where, Path(path))
    path = Path(path).resolve()
    with locked(where, path), noted_signals(where) as noted:
        journal = Journal(path / "journal.jsonl", where)
        check_configuration(where, path, configuration(), fresh=_is_fresh(where, path, journal))
        run = RunDirectory(where, path, journal, every, noted)
        try:
            yield run
        finally:
            run.close()
        if noted.number:
            state = "is finished and saved" if run.done else "is saved and can go on"
            message = f"{where}: the run {state}; make the same call again, with directory={str(given)!r}"
            raise Interrupted(message, noted.number)


def check_run(where: str, path: Any, every: Any, log: Any) -> None:
    """Options of a run, before anything else is done."""
    if not (path is None or (isinstance(path, str | os.PathLike) and str(path))):
        raise TypeError(f"{where}: directory must be a path or None, not {path!r}")
    if not check_number(where, "save_every", every) > 0:
        raise ValueError(f"{where}: save_every must be a positive number of seconds, not {every!r}")
    if not (log is None or callable(log)):
        raise TypeError(f"{where}: log must be a function of a number and a dict, not {log!r}")


def _is_fresh(where: str, path: Path, journal: Journal) -> bool:
    """Whether nothing has been saved here that could be gone on from.

    A checkpoint is written before its line in the journal, and the older one is removed after it: a process that is
    killed leaves at most one that the journal does not tell of.
    """
    told = [entry.event["number"] for entry in journal.entries if entry.event["event"] == "checkpoint"]
    last, files = max(told, default=0), sorted(filter(None, map(_number, path.iterdir())))
    if files and files[-1] > last + 1:
        raise CheckpointError(f"{where}: {journal.path} is damaged: it does not tell of {_file(files[-1])}")
    foreign = [name for name in _OURS if (path / name).exists() and not (path / "configuration.json").exists()]
    if foreign and not told and not files:
        raise ValueError(f"{where}: directory={str(path)!r} holds no run, but a {foreign[0]}: give another directory")
    return not told


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file(number: int) -> str:
    return f"checkpoint-{number:06d}.npz"


def _number(path: Path) -> int | None:
    """Of a checkpoint; None of any other file."""
    found = _CHECKPOINT.fullmatch(path.name)
    return int(found[1]) if found else None
