"""What runs in a worker: spans of any sweep, each of which this process keeps with its compiled programs."""

import contextlib
import os
import pickle
import socket
import threading
import time
import traceback
import uuid
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from jaxnn.devices import count_cores
from jaxnn.sweeps.blocks.block import Block, SpanReport
from jaxnn.sweeps.blocks.conditions import describe_conditions
from jaxnn.sweeps.blocks.job import Envelope, read_body, unpack_job
from jaxnn.sweeps.blocks.orphans import end_with, is_child_of
from jaxnn.sweeps.blocks.span import SpanRunner, name_worker
from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.space.space import Choices

# The sweeps whose data and programs a worker keeps.
_SWEEPS_KEPT = 2
_runners: dict[str, SpanRunner] = {}
_lock = threading.Lock()
_settled: list[bool] = []


# A longer report is a file where the driver can read it. A process that is killed may leave half a message in
# the pipe of its pool, for which the pool then waits for ever; a short message is written at once.
_LONGEST_MESSAGE = 2**13


class ReplayRequest(NamedTuple):
    """A trial that is to be replayed.

    Attributes:
        trial: its number.
        results: of it and of the trials from which it copied, by number.
        on_host: the names of the functions that the host computes.
    """

    trial: int
    results: dict[int, TrialResult]
    on_host: frozenset[str]


class Task(NamedTuple):
    """A span as it is sent, or a replay.

    Attributes:
        envelope: the sweep.
        blocks: of the span.
        lane_counts: of the programs that other workers have made.
        conditions: of other workers; empty before the first result.
        replay: a trial to be replayed, without blocks.
    """

    envelope: Envelope
    blocks: list[Block]
    lane_counts: dict[Choices, LaneCount]
    conditions: dict[str, Any]
    replay: ReplayRequest | None = None


class Failed(NamedTuple):
    """An exception in a worker: as text, and pickled if it can be."""

    worker: str
    text: str
    error: bytes | None

    def make_error(self, place: str) -> BaseException:
        """Returns the exception, with its text there; `place` is where it was raised, such as blocks."""
        error: BaseException = RuntimeError(self.text)
        # Its class may be in a module that this computer does not have.
        with contextlib.suppress(Exception):
            error = error if self.error is None else pickle.loads(self.error)
        error.add_note(f"sweep: raised by the worker {self.worker} in {place}\n{self.text}")
        return error


class ReportFile(NamedTuple):
    """The place of a report on the driver's computer."""

    path: str

    def read(self) -> SpanReport:
        """Reads the report, and removes the file."""
        path = Path(self.path)
        content = path.read_bytes()
        path.unlink()
        return pickle.loads(content)


class MissingBody(NamedTuple):
    """The answer of a worker that cannot read the file of a job."""


def run_span(task: Task) -> SpanReport | ReportFile | Failed | MissingBody:
    """Runs a span in this process. An exception of the user's functions is returned, which any executor can send.

    So is the end of the process that they ask for, as by `sys.exit`: it would look like a worker that has died.
    """
    with _lock:
        try:
            _settle(task.envelope)
            return _send(_run(task), task.envelope)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # What ends a worker must not end the driver: it arrives as text.
            content = _pickle(error) if isinstance(error, Exception) else None
            return Failed(name_worker(), traceback.format_exc(), content)


def _run(task: Task) -> SpanReport | MissingBody:
    started, worker = time.perf_counter(), name_worker()
    conditions = describe_conditions()
    if task.conditions and conditions != task.conditions:
        # The driver names what differs.
        return SpanReport([], [], [], worker, conditions, 0.0)
    runner = _find_runner(task.envelope)
    if runner is None:
        return MissingBody()
    for choices, count in task.lane_counts.items():
        runner.plan.lane_counts.setdefault(choices, count)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        steps = list(runner.run(task.blocks)) if task.blocks else []
        replayed = None if task.replay is None else runner.replay(*task.replay)
    return SpanReport(
        blocks=[block for step in steps for block in step.ended],
        programs=runner.records,
        chunks=[step.chunk for step in steps if step.chunk is not None],
        worker=worker,
        conditions=conditions,
        seconds=time.perf_counter() - started,
        warnings=tuple(str(each.message) for each in warned if issubclass(each.category, UserWarning)),
        replayed=replayed,
    )


def _send(report: SpanReport | MissingBody, envelope: Envelope) -> SpanReport | ReportFile | MissingBody:
    """Returns a report, or the place of a file with it."""
    content = pickle.dumps(report)
    is_here = envelope.driver[0] == socket.gethostname() and Path(envelope.folder).is_dir()
    if not is_here or len(content) <= _LONGEST_MESSAGE or isinstance(report, MissingBody):
        return report
    path = Path(envelope.folder) / f"report-{uuid.uuid4().hex}.pickle"
    try:
        path.write_bytes(content)
    except OSError:  # a folder of another user, or a disk that is full
        return report
    return ReportFile(str(path))


def _find_runner(envelope: Envelope) -> SpanRunner | None:
    """Returns what runs the spans of a job: that of an earlier span, or a new one."""
    if envelope.digest not in _runners:
        body = read_body(envelope)
        if body is None:
            return None
        for digest in list(_runners)[: 1 - _SWEEPS_KEPT]:
            del _runners[digest]
        _runners[envelope.digest] = unpack_job(body)
    return _runners[envelope.digest]


def _pickle(error: Exception) -> bytes | None:
    """Pickles an exception, whose traceback the text holds."""
    import cloudpickle

    try:
        content = cloudpickle.dumps(error)
        pickle.loads(content)
        return content
    except Exception:
        return None


def _settle(envelope: Envelope) -> None:
    """Gives this process the driver's options of JAX; prepares devices, and its end with the driver, if it is new."""
    computer, driver = envelope.driver
    if envelope.driver == (socket.gethostname(), os.getpid()):
        return
    _set_options(envelope.options)
    if _settled:
        return
    _make_devices()
    if computer == socket.gethostname() and is_child_of(driver):
        end_with(driver)
    _settled.append(True)


def _set_options(options: dict[str, Any]) -> None:
    """Sets options of JAX; what was compiled under others is forgotten.

    A worker of another version may lack some: the driver refuses it by its version.
    """
    import jax

    known = jax.config.values
    wanted = {name: value for name, value in options.items() if name in known}
    changed = {name: value for name, value in wanted.items() if getattr(jax.config, name, known[name]) != value}
    if changed:
        _runners.clear()
    for name, value in changed.items():
        jax.config.update(name, value)


def _make_devices() -> None:
    """Makes each core a device, and at least two: one device alone would compute other bits."""
    import jax

    chosen = getattr(jax.config, "jax_num_cpu_devices", -1)
    if chosen in (None, -1) and "host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        # Other libraries of the worker may have started JAX.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", max(count_cores(), 2))
