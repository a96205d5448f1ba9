"""A journal: JSON lines, appended as things happen, each with its number and a digest of its own.

A process that is killed leaves at most one line that is not whole, the last one, and that one is passed over. Any other
line that is not as it was written is damage, and an error.
"""

import base64
import contextlib
import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxnn.io.checkpoint import CheckpointError

_SIGNED = ',"sha256":"'
_TAIL = len(_SIGNED) + 64 + len('"}')


class Entry(NamedTuple):
    """A line of a journal: what happened, and the number of bytes up to its end."""

    event: dict[str, Any]
    end: int


class Journal:
    """The file, open for appending."""

    def __init__(self, path: Path, where: str) -> None:
        self.path = path
        self.where = where
        self._entries = _read(path, where)
        self._file: Any = None

    @property
    def entries(self) -> list[Entry]:
        """What stood in it when it was opened."""
        return self._entries

    def cut(self, count: int) -> None:
        """Forget all but the first entries, on the disk too, and what is left of a line that was being written."""
        self._entries = self._entries[:count]
        self._lines = count
        try:
            self._file = open(self.path, "ab")  # noqa: SIM115 - it stays open as long as the run
            self._file.truncate(self._entries[-1].end if self._entries else 0)
        except OSError as error:
            raise self._failed(error) from error

    def append(self, event: str, **fields: Any) -> None:
        """One more line, at once in the hands of the operating system: it outlives this process."""
        body = json.dumps({"line": self._lines, "event": event, **fields}, separators=(",", ":"), allow_nan=False)
        digest = hashlib.sha256(body.encode()).hexdigest()
        try:
            self._file.write(f'{body[:-1]}{_SIGNED}{digest}"}}\n'.encode())
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error
        self._lines += 1

    def sync(self) -> None:
        """Wait until every line is on the disk: it outlives a loss of power."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """No more lines."""
        if self._file is not None:
            # After a failed write the rest is still in the buffer, and fails again.
            with contextlib.suppress(OSError):
                self._file.close()

    def _failed(self, error: OSError) -> OSError:
        return OSError(error.errno, f"{self.where}: {self.path} could not be written: {error.strerror}", str(self.path))


def as_json(number: float) -> float | str:
    """A number that may be NaN or infinite, for which JSON has no sign; `float` reads both forms."""
    return float(number) if math.isfinite(number) else str(float(number))


def _read(path: Path, where: str) -> list[Entry]:
    content = path.read_bytes() if path.exists() else b""
    entries, end = [], 0
    for line in content.splitlines(keepends=True):
        event = _event(line)
        if event is None or event.get("line") != len(entries):
            break
        end += len(line)
        entries.append(Entry(event, end))
    if any(_event(line) is not None for line in content[end:].splitlines(keepends=True)):
        raise CheckpointError(f"{where}: {path} is damaged: line {len(entries) + 1} is not as it was written")
    return entries


def _event(line: bytes) -> dict[str, Any] | None:
    """What a line says, without its digest; None unless it is whole and as it was written."""
    if not line.endswith(b"\n"):
        return None
    body, tail = line[: -_TAIL - 1] + b"}", line[-_TAIL - 1 : -1]
    if tail != f'{_SIGNED}{hashlib.sha256(body).hexdigest()}"}}'.encode():
        return None
    event = json.loads(body)
    return event if isinstance(event.get("event"), str) else None


def pack_array(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON, bit for bit."""
    content = np.ascontiguousarray(array)
    return {
        "dtype": content.dtype.str,
        "shape": content.shape,
        "base64": base64.b64encode(content.tobytes()).decode(),
    }


def unpack_array(packed: dict[str, Any]) -> np.ndarray:
    """The array that `pack_array` was given."""
    return np.frombuffer(base64.b64decode(packed["base64"]), packed["dtype"]).reshape(packed["shape"])
