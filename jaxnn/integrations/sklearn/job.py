"""One training of an estimator: what it needs, how it runs, and what it gives."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn._checks.warn import warn_user
from jaxnn.integrations.sklearn.rows import choose_bucket, fill_rows
from jaxnn.integrations.sklearn.task import Numbers, Task, compile_task, run, start
from jaxnn.progress import open_progress
from jaxnn.training.loop import LoopState, run_timed_chunks
from jaxnn.training.run_files import curves_by_name

Callback = Callable[[int, dict[str, float]], Any]


class Job(NamedTuple):
    """A training that is to run.

    Attributes:
        task: what decides the program.
        numbers: its arguments that are numbers.
        data: `(x, (targets, weights))`, NumPy arrays of one precision.
        validation: the same, or None.
        seed: of the random draws.
        epochs: the epoch limit.
        params: initial parameters; None draws them.
        learned: that of an earlier training, which goes on; None starts one.
    """

    task: Task
    numbers: Numbers
    data: Any
    validation: Any
    seed: np.uint32
    epochs: int
    params: Any = None
    learned: "Learned | None" = None


class Learned(NamedTuple):
    """The part of a `TrainingState` with which `partial_fit` goes on, in NumPy arrays."""

    params: Any
    optimizer_state: Any


class Trained(NamedTuple):
    """The result of a job.

    Attributes:
        params: the trained parameters, NumPy arrays.
        epochs: the number of epochs that ran.
        curves: for each epoch the loss, and with a validation set its loss and score.
        learned: at the end; None in a search.
    """

    params: Any
    epochs: int
    curves: dict[str, np.ndarray]
    learned: Learned | None


def run_job(job: Job, *, callbacks: Sequence[Callback] = (), progress: bool = False) -> Trained:
    """Runs one training.

    Args:
        job: what to train.
        callbacks: each is called as `callback(epoch, values)` after every epoch, and "stop" ends the training.
        progress: whether to show a bar.
    """
    data, validation = fill_job(job)
    loop = start_job(job)
    program = compile_task(run, job.task, job.numbers, data, validation, loop, np.int32(0))

    def run_until(loop: LoopState, until: int) -> LoopState:
        return program(job.numbers, data, validation, loop, np.int32(until))

    done = 0
    with open_progress("fit", "epoch", job.epochs, wanted=progress) as shown:
        for after in run_timed_chunks(run_until, loop, job.epochs, None):
            ends_at = _call_back(callbacks, after, range(done, int(after.state.epoch)))
            loop = after if ends_at is None else run_until(loop, ends_at)
            done = int(loop.state.epoch)
            shown.update(done, {})
            if ends_at is not None:
                break
    return finish_job(job, loop)


def warm_up(job: Job) -> None:
    """Compiles the programs of a job, in no epoch of which it trains."""
    data, validation = fill_job(job)
    loop = start_job(job)
    program = compile_task(run, job.task, job.numbers, data, validation, loop, np.int32(0))
    program(job.numbers, data, validation, loop, np.int32(0))


def start_job(job: Job) -> LoopState:
    """Returns the state before the first epoch."""
    task = job.task.without_rows()
    arguments = job.numbers, np.uint32(job.seed), job.params
    loop = compile_task(start, task, *arguments, runs_once=True)(*arguments)
    return loop if job.learned is None else loop._replace(state=loop.state._replace(**job.learned._asdict()))


def fill_job(job: Job) -> tuple[Any, Any]:
    """Returns data and validation set, filled up to their buckets."""
    data = job.data if job.task.rows is None else fill_rows(job.data, job.task.rows)
    if job.validation is None:
        return data, None
    x, (targets, weights) = job.validation
    rows = choose_bucket(len(x))
    x, targets = fill_rows((x, targets), rows)
    # The weights of the filling are 0, and the mean of all is 1.
    filled = np.zeros(rows, weights.dtype)
    filled[: len(weights)] = weights * (rows / len(weights))
    return data, (x, (targets, filled))


def finish_job(job: Job, loop: LoopState) -> Trained:
    """Returns the result of a loop that has ended."""
    if loop.diverged:
        warn_user(
            f"epoch {int(loop.diverged)} gave a loss or a parameter that is not finite; the training ends with epoch "
            f"{int(loop.state.epoch)}"
        )
    loop = jax.tree.map(np.asarray, loop._replace(state=loop.state._replace(key=None)))
    state, epochs = loop.state, int(loop.state.epoch)
    judged = job.task.validated and loop.best.epoch > 0
    curves = {name: curve[:epochs] for name, curve in curves_by_name(loop).items()}
    params = loop.best.params if judged else state.params
    return Trained(params, epochs, curves, Learned(state.params, state.optimizer_state))


def _call_back(callbacks: Sequence[Callback], loop: LoopState, epochs: range) -> int | None:
    """Calls back for each epoch; returns the number of epochs after which a callback ends the training."""
    curves = curves_by_name(loop) if callbacks else {}
    for epoch in epochs if callbacks else ():
        values = {name: float(curve[epoch]) for name, curve in curves.items()}
        answers = [callback(epoch + 1, values) for callback in callbacks]
        if any(isinstance(answer, str) and answer == "stop" for answer in answers):
            return epoch + 1
    return None


def use_precision(precision: str) -> contextlib.AbstractContextManager[Any]:
    """Returns the context in which a network of this precision is trained and evaluated."""
    return jax.enable_x64(precision == "float64")
