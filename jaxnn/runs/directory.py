"""A run directory: the configuration, a journal and the last two checkpoints of one training or sweep.

A run goes on from its newest whole checkpoint, and only with the configuration it was begun with. A checkpoint counts
when the journal says so, by its digest; what the journal says after it is done again, to the same bits.
"""

import contextlib
import hashlib
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jaxnn.checkpoint import CheckpointError, load, pack, write
from jaxnn.runs.configuration import check_configuration
from jaxnn.runs.interrupts import Interrupted, Noted, noted_signals
from jaxnn.runs.journal import Journal
from jaxnn.runs.lock import locked, make

_KEPT = 2


class NoRun:
    """Stands in for a run that leaves nothing on the disk."""

    begun: dict[str, Any] | None = None
    events: tuple[dict[str, Any], ...] = ()
    active = False

    def record(self, event: str, **fields: Any) -> None: ...

    def restore(self, like: Any) -> Any:
        return like

    def visit(self, tree: Any, **fields: Any) -> bool:
        del tree, fields
        return False

    def finish(self, tree: Any, **fields: Any) -> None: ...

    def write(self, name: str, content: Callable[[], str]) -> None: ...


class Run(NoRun):
    """An open run directory.

    Attributes:
        begun: the journal's line on the checkpoint that the run goes on from; None for a fresh one.
        events: what the journal says up to there.
    """

    active = True

    def __init__(self, where: str, path: Path, every: float, noted: Noted) -> None:
        self.where = where
        self.path = path
        self.done = False
        self._every = every
        self._noted = noted
        self._journal = Journal(path / "journal.jsonl", where)
        self._saved = time.monotonic()
        self._tidy(self._newest())

    def record(self, event: str, **fields: Any) -> None:
        """One more line in the journal."""
        self._journal.append(event, **fields)

    def restore(self, like: Any) -> Any:
        """What the checkpoint holds that `begun` tells of; what is there before it, `like`, for a fresh run."""
        if self.begun is None:
            return like
        return load(self.path / self.begun["file"], like=like)

    def visit(self, tree: Any, **fields: Any) -> bool:
        """Save when it is time to, or when a signal has come; whether one has."""
        if self._noted.number or time.monotonic() - self._saved >= self._every:
            self._save(tree, fields)
        return bool(self._noted.number)

    def finish(self, tree: Any, **fields: Any) -> None:
        """Save the end of the run, unless it is already there."""
        self.done = True
        if self.begun is None or not self.begun.get("done"):
            self._save(tree, {"done": True, **fields})

    def write(self, name: str, content: Callable[[], str]) -> None:
        """A file for people, beside those that the run needs."""
        write(self.path / name, content().encode(), self.where)

    def close(self) -> None:
        """The journal is closed."""
        self._journal.close()

    def _save(self, tree: Any, fields: dict[str, Any]) -> None:
        number = self._number + 1
        content, file = pack(tree), _file(number)
        write(self.path / file, content, self.where)
        self.record("checkpoint", number=number, file=file, sha256_of_file=_sha256(content), **fields)
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
        if any(self.path.glob("checkpoint-*.npz")) and not entries:
            raise CheckpointError(f"{self.where}: {self._journal.path} is damaged: it says nothing of the checkpoints")
        return 0

    def _wrong(self, event: dict[str, Any]) -> str | None:
        path = self.path / event["file"]
        if not path.exists():
            return f"{path} is missing"
        return None if _sha256(path.read_bytes()) == event["sha256_of_file"] else f"{path} is damaged"

    def _tidy(self, lines: int) -> None:
        """Take up the run after so many lines of its journal; whatever came later is done again."""
        self._journal.cut(lines)
        self.events = tuple(entry.event for entry in self._journal.entries)
        self.begun = self.events[-1] if self.events else None
        self._number = self.begun["number"] if self.begun else 0
        for left in [*self.path.glob(".*.new"), *self.path.glob("checkpoint-*.npz")]:
            if left.name not in (_file(self._number), _file(self._number - 1)):
                left.unlink()


@contextlib.contextmanager
def open_run(
    where: str, path: str | Path | None, configuration: Callable[[], dict[str, Any]], *, every: float
) -> Iterator[NoRun]:
    """The run directory at `path`, new or to be gone on with; no other process may have it open.

    Args:
        where: "train" or "sweep", for messages.
        path: of the directory; None is a run that leaves nothing.
        configuration: names and what they are, as JSON.
        every: seconds between two checkpoints.

    Raises:
        ValueError: it was begun with another configuration, by what differs, or `every` is no positive number.
        CheckpointError: its files are damaged.
        OSError: it cannot be made or written to, or another process has it open.
        KeyboardInterrupt: at the end, after a signal.
    """
    if path is None:
        yield NoRun()
        return
    if not every > 0:
        raise ValueError(f"{where}: save_every must be a positive number of seconds, not {every!r}")
    path = Path(path)
    make(where, path)
    with locked(where, path), noted_signals(where) as noted:
        check_configuration(where, path, configuration())
        run = Run(where, path, every, noted)
        try:
            yield run
        finally:
            run.close()
        if noted.number:
            state = "is finished and saved" if run.done else "is saved and can go on"
            message = f"{where}: the run {state}; make the same call again, with directory={str(path)!r}"
            raise Interrupted(message, noted.number)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file(number: int) -> str:
    return f"checkpoint-{number:06d}.npz"
