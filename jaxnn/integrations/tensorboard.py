"""Curves for TensorBoard (extra `tensorboard`), written while a training runs."""

import importlib
import os
import socket
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxnn._checks.arrays import check_whole

_SECONDS_BETWEEN_FLUSHES = 1.0


class EventLog:
    """See `tensorboard`."""

    def __init__(self, directory: str | Path) -> None:
        try:
            event = importlib.import_module("tensorboardX.proto.event_pb2")
            summary = importlib.import_module("tensorboardX.proto.summary_pb2")
            from tensorboardX import RecordWriter
        except ImportError as error:
            message = "event files are written with tensorboardX: pip install 'jaxnn[tensorboard]'"
            raise ImportError(message) from error
        self._event, self._summary = event.Event, summary.Summary
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads whatever has "tfevents" in its name; the last part keeps two logs of one second apart.
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
        self.path = directory / name
        self._writer: Any = RecordWriter(str(self.path))
        self._flush_at = 0.0
        self._write(self._event(wall_time=time.time(), file_version="brain.Event:2"))

    def __call__(self, step: int, values: Mapping[str, Any]) -> None:
        """Write the values of a step, each a number under its name; about once a second they go to the disk."""
        step = check_whole("tensorboard", "step", step, least=0)
        if self._writer is None:
            raise ValueError(f"tensorboard: the log {self.path} is closed and takes no step {step}")
        numbers = [self._summary.Value(tag=name, simple_value=_number(name, values[name])) for name in values]
        self._write(self._event(wall_time=time.time(), step=step, summary=self._summary(value=numbers)))

    def close(self) -> None:
        """Nothing more is written; a second time does nothing."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        # TensorBoard watches while the training runs; but a flush waits for the disk, which is slower than an epoch.
        if time.monotonic() >= self._flush_at:
            self._writer.flush()
            self._flush_at = time.monotonic() + _SECONDS_BETWEEN_FLUSHES


def tensorboard(directory: str | Path) -> EventLog:
    """A log that TensorBoard shows: `log(step, {"loss": 0.5})` appends to a new event file in the directory.

    It is a context manager, and `close()` ends it. `tensorboard --logdir` on the directory above shows each run's
    directory as a set of curves of its own.

    Args:
        directory: of one run; it is made where there is none.

    Raises:
        ImportError: without tensorboardX.
        TypeError: when called with a step that is not whole, or a value that is no number.
        ValueError: when called with a negative step, or after it was closed.
        OSError: the directory cannot be made or written to.

    Example:
        >>> with tensorboard("runs/first") as log:
        ...     log(1, {"loss": 0.5, "validation": 0.6})
        >>> log.path.name.startswith("events.out.tfevents."), log.path.stat().st_size > 0
        (True, True)
    """
    return EventLog(directory)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"tensorboard: {name} must be a number, not {value!r}") from None
