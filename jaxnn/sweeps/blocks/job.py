"""The sweep as bytes, which workers of any executor can read: functions travel by cloudpickle, arrays as NumPy's."""

import hashlib
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._kernels.dtypes import as_arrays
from jaxnn.io.files import write
from jaxnn.sweeps.blocks.span import SpanRunner, name_worker
from jaxnn.sweeps.describe import describe_data
from jaxnn.sweeps.engine.device import describe_device
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.schedulers.base import Scheduler

# Options of JAX that a worker takes from the driver: those that change bits or errors, and where programs are cached.
_OPTIONS = (
    "jax_enable_x64", "jax_threefry_partitionable", "jax_default_matmul_precision", "jax_default_prng_impl",
    "jax_numpy_rank_promotion", "jax_numpy_dtype_promotion", "jax_debug_nans", "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs", "jax_persistent_cache_min_entry_size_bytes",
    "jax_compilation_cache_max_size", "jax_disable_most_optimizations",
)  # fmt: skip
# A longer body travels as a file, where workers can read it: inside each call it would take longer than the block.
_LONGEST_BODY = 2**16
_UNPICKLABLE = re.compile(r"cannot pickle '([^']+)' object")
# cloudpickle sends files that are read; others it refuses in these words.
_OPEN_FILE = re.compile(r"cannot pickle files", re.IGNORECASE)
# The parts of a plan that are the user's, by their names in `sweep`.
_PARTS = ("make_recipe", "space", "score", "metrics", "stop", "data", "validation", "prepare")


class Envelope(NamedTuple):
    """A job as a worker receives it: what it must know before JAX starts, and where the rest is.

    Attributes:
        digest: of the body.
        options: of JAX.
        driver: the computer and the process that wait for the results.
        folder: of the driver's computer, for files that both can read.
        path: of a file with the body; None without one.
        body: the sweep, or None if it is in the file.
    """

    digest: str
    options: dict[str, Any]
    driver: tuple[str, int]
    folder: str
    path: str | None
    body: bytes | None


class _Job(NamedTuple):
    """A sweep as it is sent.

    Attributes:
        plan: with NumPy arrays, without the data if functions load them, and without the key.
        key: as numbers; it is a JAX array of its own kind.
        scheduler: of the sweep.
        keep: of each block.
        data: the digests of the arrays that a worker must load, by name; empty if they travel.
    """

    plan: Plan
    key: np.ndarray
    scheduler: Scheduler | None
    keep: int
    data: dict[str, str]


def pack_job(plan: Plan, scheduler: Scheduler | None, keep: int, folder: str) -> Envelope:
    """Returns the job of a sweep; `folder` is for files that workers on this computer can read.

    Raises:
        ImportError: cloudpickle is not installed.
        TypeError: a part that cannot be sent; the message names it and what it holds.
    """
    try:
        import cloudpickle
    except ImportError as error:
        raise ImportError("sweep: executor= needs cloudpickle: pip install 'jaxnn[cluster]'") from error
    # Data that a file holds may change between two sweeps, which are then two jobs.
    digests = {} if plan.source is None else describe_data(plan)
    job = _Job(_detach(plan), np.asarray(jax.random.key_data(plan.key)), scheduler, keep, digests)
    try:
        body = cloudpickle.dumps(job)
    except Exception as error:
        _raise_named(job, cloudpickle.dumps)
        raise TypeError(_explain("a part of the sweep", error)) from error
    # Some options have no attribute; attributes have what a `with` block sets.
    known = jax.config.values
    options = {name: getattr(jax.config, name, known[name]) for name in _OPTIONS if name in known}
    return Envelope(hashlib.sha256(body).hexdigest(), options, (socket.gethostname(), os.getpid()), folder, None, body)


def _raise_named(job: _Job, dumps: Callable[[Any], bytes]) -> None:
    """Raises TypeError for the first part of the user's that cannot be sent."""
    parts = job.plan._asdict() | ({} if job.plan.source is None else job.plan.source._asdict())
    for name, part in [(name, parts.get(name)) for name in _PARTS] + [("scheduler", job.scheduler)]:
        try:
            dumps(part)
        except Exception as error:
            raise TypeError(_explain(name, error)) from error


def _detach(plan: Plan) -> Plan:
    """Returns a plan as it is sent: with NumPy arrays, or what makes them, and without what this process has made."""
    names = ("data", "validation", "folds") if plan.source is None else ("folds",)
    arrays = {name: jax.tree.map(np.asarray, getattr(plan, name)) for name in names}
    source = None if plan.source is None else plan.source.with_numpy()
    return plan._replace(
        key=cast(Any, None), preparations=(), labels=None, lane_counts={}, on_host={}, source=source,
        **({"data": None, "validation": None} | arrays),
    )  # fmt: skip


def _explain(name: str, error: Exception) -> str:
    found = _UNPICKLABLE.search(str(error))
    held = repr(found[1]) if found else "file that is open" if _OPEN_FILE.search(str(error)) else None
    if held:
        return (
            f"sweep: {name} cannot be sent to workers: it holds a {held}. Make it inside the function, so that "
            "each worker makes its own"
        )
    return f"sweep: {name} cannot be sent to workers: {type(error).__name__}: {error}"


def write_body(envelope: Envelope) -> Envelope:
    """Returns an envelope that names a file instead of a long body."""
    body = envelope.body
    if body is None or len(body) <= _LONGEST_BODY:
        return envelope
    path = Path(envelope.folder) / f"job-{envelope.digest[:16]}.pickle"
    write(path, body, "sweep")
    return envelope._replace(path=str(path), body=None)


def read_body(envelope: Envelope) -> bytes | None:
    """Returns the body of a job; None if its file is not on this computer."""
    if envelope.body is not None:
        return envelope.body
    try:
        body = Path(envelope.path or "").read_bytes()
    except OSError:  # also a folder of another user
        return None
    return body if hashlib.sha256(body).hexdigest() == envelope.digest else None


def unpack_job(body: bytes) -> SpanRunner:
    """Returns what runs the spans of a job, with arrays on the devices of this process.

    Raises:
        ValueError: functions that load other data here; the message names this worker.
        Exception: one of such a function.
    """
    import pickle

    job: _Job = pickle.loads(body)
    data, validation = job.plan.data, job.plan.validation
    if job.plan.source is not None:
        data, validation = job.plan.source.make(job.plan.folds)
    data, validation, folds = as_arrays((data, validation, job.plan.folds))
    key = jax.random.wrap_key_data(jnp.asarray(job.key), impl="threefry2x32")
    plan = job.plan._replace(key=key, data=data, validation=validation, folds=folds, device=describe_device())
    _check_loaded(plan, job.data)
    return SpanRunner(plan, job.scheduler, job.keep, Programs())


def _check_loaded(plan: Plan, expected: dict[str, str]) -> None:
    """Checks that functions have loaded what they did in the process of the sweep."""
    loaded = describe_data(plan) if expected else {}
    for name in sorted(expected.keys() | loaded.keys()):
        if expected.get(name) != loaded.get(name):
            raise ValueError(
                f"sweep: the worker {name_worker()} has other data than the process of the sweep: {name} is "
                f"{_shorten(loaded.get(name))}, not {_shorten(expected.get(name))}. A function that loads data must "
                "return the same on all of them"
            )


def _shorten(digest: str | None) -> str:
    """Returns type, shape and the first characters of the SHA-256 of an array; "missing" for None."""
    return "missing" if digest is None else f"{digest[:-56]}…"
