"""Replays a trial of a sweep in blocks: here, or on an executor where this process computes other bits."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

import numpy as np

from jaxnn._checks.warn import warn_user
from jaxnn.io.runs.configuration import find_changes
from jaxnn.sweeps.blocks.block import SpanReport
from jaxnn.sweeps.blocks.conditions import check_versions, compare_conditions, warn_of_replay
from jaxnn.sweeps.blocks.content import unpack_block
from jaxnn.sweeps.blocks.job import pack_job, write_body
from jaxnn.sweeps.blocks.options import check_executor
from jaxnn.sweeps.blocks.pool import Pool
from jaxnn.sweeps.blocks.store import JOB_PREFIX
from jaxnn.sweeps.blocks.worker import Failed, MissingBody, ReplayRequest, ReportFile, Task
from jaxnn.sweeps.describe import describe_result
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.replay import Replay, find_ancestors
from jaxnn.sweeps.results.stored_trials import fill_by_name
from jaxnn.sweeps.results.workers import Workers
from jaxnn.sweeps.saved_shapes import SavedShapes


def choose_executor(workers: Workers, given: Any, trial: int) -> Any:
    """Returns the executor that replays a trial; None where this process does.

    An executor that is given runs it. Otherwise this process does, if it computes the bits of the trial. If not, the
    executor of the sweep does; without one that computes them, this process, after a warning.
    """
    check_executor("replay", given)
    changes = compare_conditions(workers.conditions_of(trial))
    if given is not None or not changes:
        return given
    if workers.executor is not None and trial not in workers.elsewhere:
        return workers.executor
    warn_of_replay(workers.conditions_of(trial), changes)
    return None


def replay_there(plan: Plan, results: Sequence[TrialResult], trial: int, workers: Workers, executor: Any) -> Replay:
    """Replays a trial on an executor; one that is made for it ends after it.

    Raises:
        ValueError: a worker that computes other bits than those of the sweep.
        RuntimeError: an executor that takes no work, or loses its worker.
        Exception: one of a function of the user.
    """
    own, choices, conditions = results[trial], results[trial].setting.choices, workers.conditions_of(trial)
    ancestors = {number: results[number] for number in find_ancestors(results, [trial])}
    request = ReplayRequest(trial, ancestors, plan.on_host.get(choices, frozenset()))
    counts = {choices: plan.lane_counts[choices]} if choices in plan.lane_counts else {}
    with tempfile.TemporaryDirectory(prefix=JOB_PREFIX, ignore_cleanup_errors=True) as folder:
        job = pack_job(plan, workers.scheduler, workers.keep, folder)
        report = _run(executor, Task(write_body(job), [], counts, conditions, request), job.body)
    _check(report, conditions)
    for text in report.warnings:
        warn_user(text)
    assert report.replayed is not None
    content = unpack_block(report.replayed, np.zeros(1))
    shapes = SavedShapes(plan).params(describe_result(own))
    return Replay(fill_by_name(content.kept[trial], shapes), content.results[0].curves)


def _run(executor: Any, task: Task, body: bytes | None) -> SpanReport:
    """Runs a task on an executor; returns what the worker reports."""
    pool, has_ended = Pool(executor), False
    try:
        answer = _ask(pool, task)
        if isinstance(answer, MissingBody):
            answer = _ask(pool, task._replace(envelope=task.envelope._replace(body=body)))
        has_ended = True
    finally:
        pool.close(kill=not has_ended)
    if isinstance(answer, Failed):
        raise answer.make_error(f"a replay of trial {task.replay.trial}" if task.replay else "")
    if not isinstance(answer, SpanReport):
        raise TypeError(f"replay: a worker returned {answer!r}; use the same version of jaxnn there")
    return answer


def _ask(pool: Pool, task: Task) -> Any:
    """Returns the answer of a worker."""
    try:
        future = pool.submit(task)
    except Exception as error:  # each engine has a class of its own
        raise RuntimeError(
            f"replay: the executor takes no more work ({type(error).__name__}: {error}). Pass a function that makes an "
            "executor, as executor= of sweep or of replay"
        ) from error
    try:
        answer = future.result()
    except BrokenExecutor as error:
        raise RuntimeError("replay: the trial lost its worker") from error
    finally:
        future.cancel()  # after Ctrl-C
    return answer.read() if isinstance(answer, ReportFile) else answer


def _check(report: SpanReport, conditions: dict[str, Any]) -> None:
    """Checks that a worker computes the bits of the sweep."""
    check_versions(report.worker, report.conditions)
    changes = find_changes(conditions, report.conditions)
    if changes:
        raise ValueError(
            f"replay: the worker {report.worker} computes other bits than those of the sweep: "
            f"{'; '.join(changes.values())}; use equal workers"
        )
