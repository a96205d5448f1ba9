"""TensorBoard event files (extra `tensorboard`), written while a training runs."""

import importlib
import os
import socket
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxnn._checks.arrays import check_whole

# A flush waits for the disk, which takes longer than a short epoch.
_SECONDS_BETWEEN_FLUSHES = 1.0


class EventLog:
    """A writer of one TensorBoard event file; `tensorboard` makes it.

    Attributes:
        path: the event file.
    """

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
        # TensorBoard reads every file with "tfevents" in its name. The random part separates two logs that a
        # process opens within one second.
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
        self.path = directory / name
        self._writer: Any = RecordWriter(str(self.path))
        self._flush_at = 0.0
        self._write(self._event(wall_time=time.time(), file_version="brain.Event:2"))

    def __call__(self, step: int, values: Mapping[str, Any]) -> None:
        """Writes the named values of a step; the file is flushed about once a second."""
        step = check_whole("tensorboard", "step", step, least=0)
        if self._writer is None:
            raise ValueError(f"tensorboard: the log {self.path} is closed; step {step} cannot be written")
        scalars = [self._summary.Value(tag=name, simple_value=_to_float(name, values[name])) for name in values]
        self._write(self._event(wall_time=time.time(), step=step, summary=self._summary(value=scalars)))

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        if time.monotonic() >= self._flush_at:
            self._writer.flush()
            self._flush_at = time.monotonic() + _SECONDS_BETWEEN_FLUSHES


def tensorboard(directory: str | Path) -> EventLog:
    """Opens a TensorBoard log: `log(step, {"loss": 0.5})` appends to a new event file in the directory.

    The log is a context manager; `close()` closes it. Give each run its own directory: `tensorboard --logdir` on their
    parent then shows each run as its own set of curves.

    Args:
        directory: the directory of one run; it is created if it does not exist.

    Returns:
        The log, which `train` and `sweep` take as `log=`; its attribute `path` is the event file.

    Raises:
        ImportError: tensorboardX is not installed.
        TypeError: a call with a step that is not a whole number, or a value that is not a number.
        ValueError: a call with a negative step, or after `close()`.
        OSError: the directory cannot be created or written to.

    Example:
        >>> with tensorboard("runs/first") as log:
        ...     log(1, {"loss": 0.5, "validation": 0.6})
        >>> log.path.name.startswith("events.out.tfevents."), log.path.stat().st_size > 0
        (True, True)
    """
    return EventLog(directory)


def _to_float(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"tensorboard: {name} must be a number, not {value!r}") from None
