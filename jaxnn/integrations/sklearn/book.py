"""The book of a search: the fits that scikit-learn wants to make, and then their answers.

In the first pass every fit of a network is entered, and returns a network that is not trained: an estimator of several
goes on to the next of them, and the pass ends where it predicts. All of them run as lanes. In the second pass a fit
finds its answer, and predictions of all networks of the same rows are made by one call.
"""

import contextlib
import contextvars
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.integrations.sklearn.digests import NotComparableError, TransformerMemory, digest_array, freeze
from jaxnn.integrations.sklearn.job import Job, Trained, use_precision
from jaxnn.integrations.sklearn.lanes import run_jobs
from jaxnn.integrations.sklearn.rows import choose_bucket, fill_rows
from jaxnn.integrations.sklearn.task import compile_task

_CURRENT: contextvars.ContextVar["Book | None"] = contextvars.ContextVar("book", default=None)
# Parameters that do not change what is learned.
_SILENT = ("verbose",)


class Recorded(BaseException):
    """Ends a first pass that needs a trained network; not an `Exception`, which estimators of estimators may catch."""


class Key(NamedTuple):
    """What tells fits apart: the estimator, its parameters, and the data."""

    kind: type
    options: tuple[tuple[str, Hashable], ...]
    data: Hashable


class Entry(NamedTuple):
    """A fit of a network.

    Attributes:
        network: the estimator.
        job: its training.
        attributes: what the estimator has learned from the data alone, such as its classes.
        data: equal for fits on equal rows with equal weights.
    """

    network: Any
    job: Job
    attributes: dict[str, Any]
    data: Hashable


class Answer(NamedTuple):
    """The result of an entry, None while it is not trained, and its place among the networks that predict together."""

    entry: Entry
    trained: Trained | None
    group: int = 0
    place: int = 0


class Book:
    """The fits of a search, by what tells them apart.

    Attributes:
        memory: of the transformers before the networks.
        missed: how many fits of the second pass were not entered in the first.
        fits: those that the first pass of a candidate has wanted so far.
    """

    def __init__(self) -> None:
        self.memory = TransformerMemory()
        self.missed = 0
        self.fits: list[tuple[Key, Entry]] = []
        self._stage = "recording"
        self._entries: dict[Key, Entry] = {}
        self._answers: dict[Key, Answer] = {}
        self._groups: list[Any] = []
        self._outputs: dict[Hashable, np.ndarray] = {}

    def find(self, key: "Key | None") -> Answer | None:
        """Returns the answer to a fit, or None if it must go on; key is None for one that must be made alone."""
        if key is None:
            if self._stage == "recording":
                raise Recorded
            return None
        if self._stage == "recording":
            answer = self._answers.get(key)
            if answer is None and key in self._entries:
                answer = self._wait_for(self._entries[key])
            self.fits += [] if answer is None else [(key, answer.entry)]
            return answer
        return None if self._stage == "closed" else self._answers.get(key)

    def enter(self, key: "Key | None", entry: Entry) -> Answer | None:
        """Enters a fit in the first pass, and returns an answer to come; counts one that the second makes alone."""
        self.missed += self._stage == "answering"
        if self._stage != "recording" or key is None:
            return None
        self._entries[key] = entry
        self.fits.append((key, entry))
        return self._wait_for(entry)

    def _wait_for(self, entry: Entry) -> Answer:
        self.memory.untrained += 1
        return Answer(entry, None)

    def add(self, key: Key, entry: Entry) -> None:
        """Enters a fit that is known without making it."""
        if key not in self._answers:
            self._entries.setdefault(key, entry)

    def get(self, key: Key) -> Answer | None:
        """Returns the answer to a fit, if there is one."""
        return self._answers.get(key)

    def record(self) -> None:
        """Begins a first pass."""
        self._stage, self._entries = "recording", {}

    def strike(self, key: Key) -> None:
        """Takes an entry out."""
        self._entries.pop(key, None)

    def run(self, expected: Job | None = None) -> None:
        """Runs all fits that have been entered; later ones find their answers.

        Args:
            expected: a job like one that will run alone later, whose programs are compiled meanwhile.
        """
        self._stage = "answering"
        groups: dict[Hashable, dict[Key, Entry]] = {}
        for key, entry in self._entries.items():
            groups.setdefault((entry.job.task, entry.data), {})[key] = entry
        for precision in ("float32", "float64"):
            of_precision = [group for group in groups.values() if _precision(group) == precision]
            with use_precision(precision):
                soon = expected if expected is not None and str(expected.data[0].dtype) == precision else None
                jobs = [[entry.job for entry in group.values()] for group in of_precision]
                results = run_jobs(jobs, expected=soon)
            for group, trained in zip(of_precision, results, strict=True):
                self._answer(group, trained)

    def _answer(self, group: dict[Key, Entry], trained: list[Trained]) -> None:
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(each.params for each in trained))
        for place, (key, entry) in enumerate(group.items()):
            self._answers[key] = Answer(entry, trained[place], len(self._groups), place)
        self._groups.append(stacked)

    def close(self) -> None:
        """Ends the second pass; later fits, such as that of the best candidate, are made alone."""
        self._stage = "closed"

    def predict(self, answer: Answer, x: Any) -> np.ndarray:
        """Returns the outputs of all networks of a group for checked rows, shape (networks, rows, outputs)."""
        if answer.trained is None:
            raise Recorded
        key = answer.group, digest_array(x)
        if key not in self._outputs:
            task, params = answer.entry.job.task, self._groups[answer.group]
            with use_precision(str(x.dtype)):
                filled = fill_rows(x, choose_bucket(len(x)))
                program = compile_task(apply_all, task.without_rows(), params, filled)
                self._outputs[key] = np.asarray(program(params, filled))[:, : len(x)]
        return self._outputs[key]


def apply_all(task: Any, params: Any, x: Any) -> Any:
    """Returns the outputs of many networks for the same rows."""
    model = task.network(0.0)
    return jax.vmap(lambda params: model.apply(params, x, key=None))(params)


def current_book() -> Book | None:
    """Returns the book of the search that is under way."""
    return _CURRENT.get()


@contextlib.contextmanager
def open_book() -> Iterator[Book]:
    """Opens a book: fits of networks inside look into it."""
    book = Book()
    token = _CURRENT.set(book)
    try:
        yield book
    finally:
        _CURRENT.reset(token)


def compare_options(options: dict[str, Any]) -> dict[str, Hashable]:
    """Returns what is equal for equal parameters of networks, by name.

    Raises:
        NotComparableError: a parameter of which a copy cannot be told to be equal.
    """
    return {name: freeze(value) for name, value in options.items() if name not in _SILENT}


def key_of(network: Any, x: Any, y: Any, weights: Any, validation: Any) -> Key | None:
    """Returns what tells a fit from others; None if it must be made alone, or if no search is under way."""
    book = current_book()
    if book is None or network.callbacks or network.warm_start:
        return None
    try:
        options = tuple(compare_options(network.get_params(deep=False)).items())
    except NotComparableError:
        return None
    judged = None if validation is None else tuple(map(digest_array, validation))
    return Key(type(network), options, (book.memory.digest(x), digest_array(y), digest_array(weights), judged))


def _precision(group: dict[Key, Entry]) -> str:
    return str(next(iter(group.values())).job.data[0].dtype)
