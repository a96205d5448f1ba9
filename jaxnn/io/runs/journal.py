"""A journal: a file of JSON lines, appended as events happen, each with a line number and a digest.

A process that is killed leaves at most one incomplete line, the last one, which is ignored. Any other line that does
not match its digest is damage, and an error.
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

from jaxnn.io.archive import CheckpointError

# A line ends with its digest: `,"sha256":"…"}`.
_DIGEST_FIELD = ',"sha256":"'
_DIGEST_LENGTH = len(_DIGEST_FIELD) + 64 + len('"}')


class Entry(NamedTuple):
    """A line of a journal.

    Attributes:
        event: its fields, without the digest.
        end: the number of bytes of the file up to the end of the line.
    """

    event: dict[str, Any]
    end: int


class Journal:
    """A journal file: read when it is created, and open for appending after `truncate`."""

    def __init__(self, path: Path, caller: str) -> None:
        self.path = path
        self.caller = caller
        self._entries = _read_entries(path, caller)
        self._file: Any = None

    @property
    def entries(self) -> list[Entry]:
        """The entries that the file had when it was read, without those that `truncate` removed."""
        return self._entries

    def truncate(self, count: int) -> None:
        """Removes everything after the first `count` entries from the file, and opens it for appending."""
        self._entries = self._entries[:count]
        self._lines = count
        try:
            self._file = open(self.path, "ab")  # noqa: SIM115 - it stays open as long as the run
            self._file.truncate(self._entries[-1].end if self._entries else 0)
        except OSError as error:
            raise self._write_error(error) from error

    def append(self, event: str, **fields: Any) -> None:
        """Appends a line and passes it to the operating system, so that it survives this process."""
        body = json.dumps({"line": self._lines, "event": event, **fields}, separators=(",", ":"), allow_nan=False)
        digest = hashlib.sha256(body.encode()).hexdigest()
        try:
            self._file.write(f'{body[:-1]}{_DIGEST_FIELD}{digest}"}}\n'.encode())
            self._file.flush()
        except OSError as error:
            raise self._write_error(error) from error
        self._lines += 1

    def sync(self) -> None:
        """Waits until every line is on the disk, so that it survives a power failure."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._write_error(error) from error

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            # After a failed write the rest is still in the buffer, and fails again.
            with contextlib.suppress(OSError):
                self._file.close()

    def _write_error(self, error: OSError) -> OSError:
        return OSError(
            error.errno, f"{self.caller}: {self.path} could not be written: {error.strerror}", str(self.path)
        )


def as_json(number: float) -> float | str:
    """Returns a number as JSON, which cannot represent NaN and infinity; `float` reads both forms."""
    return float(number) if math.isfinite(number) else str(float(number))


def pack_array(array: np.ndarray) -> dict[str, Any]:
    """Returns an array as JSON, with all its bits."""
    content = np.ascontiguousarray(array)
    return {
        "dtype": content.dtype.str,
        "shape": content.shape,
        "base64": base64.b64encode(content.tobytes()).decode(),
    }


def unpack_array(packed: dict[str, Any]) -> np.ndarray:
    """Returns the array that `pack_array` was given."""
    return np.frombuffer(base64.b64decode(packed["base64"]), packed["dtype"]).reshape(packed["shape"])


def _read_entries(path: Path, caller: str) -> list[Entry]:
    """Reads the entries of a file, without an incomplete last line."""
    content = path.read_bytes() if path.exists() else b""
    entries, end = [], 0
    for line in content.splitlines(keepends=True):
        event = _parse_line(line)
        if event is None or event.get("line") != len(entries):
            break
        end += len(line)
        entries.append(Entry(event, end))
    if any(_parse_line(line) is not None for line in content[end:].splitlines(keepends=True)):
        raise CheckpointError(f"{caller}: {path} is damaged: line {len(entries) + 1} is changed or missing")
    return entries


def _parse_line(line: bytes) -> dict[str, Any] | None:
    """Returns the event of a line, without its digest; None for a line that is incomplete or damaged."""
    if not line.endswith(b"\n"):
        return None
    body, tail = line[: -_DIGEST_LENGTH - 1] + b"}", line[-_DIGEST_LENGTH - 1 : -1]
    if tail != f'{_DIGEST_FIELD}{hashlib.sha256(body).hexdigest()}"}}'.encode():
        return None
    event = json.loads(body)
    return event if isinstance(event.get("event"), str) else None
