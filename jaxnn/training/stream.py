"""Batches that a user streams: any iterable, an iterator, or a function of the epoch; one pass for each epoch."""

import inspect
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array

from jaxnn._checks.arrays import by_name, check_whole, leaf_name
from jaxnn.training.epoch import TrainingState
from jaxnn.training.prepare import Prepared, prepare
from jaxnn.training.recipe import Recipe, check_recipe
from jaxnn.training.stream_batch import Batch, TargetCheck, count_batch, fill_up, read_batch, read_quickly

# How many batches are read and checked before anything compiles.
_READ_FIRST = 2


def is_stream(data: Any) -> bool:
    """Returns whether `data` gives batches one after another; a tuple or an array is data at once.

    Example:
        >>> is_stream((np.ones((8, 2)), np.ones(8))), is_stream(iter([])), is_stream(lambda epoch: [])
        (False, True, True)
    """
    if isinstance(data, list):
        return all(isinstance(batch, tuple | list) for batch in data)
    if isinstance(data, tuple | dict | str | bytes | np.ndarray | jax.Array) or hasattr(data, "shape"):
        return False
    return callable(data) or isinstance(data, Iterable)


class Stream:
    """The batches of a training, opened anew for each epoch.

    The first two are read at once, so that most mistakes show before anything compiles.

    Attributes:
        first: the first batch, as NumPy arrays.
        rows: the number of rows of a batch.
        steps: the number of batches of an epoch, if it is known before they are read.
    """

    def __init__(self, batches: Any, steps: int | None, epoch: int, *, resumes: bool) -> None:
        """Opens the batches of an epoch, from 0. If the run resumes after a kill, an iterator is refused.

        Raises:
            TypeError, ValueError: options that do not fit, no batch, or a first batch that cannot be trained on.
        """
        self._batches = batches
        self._limit = None if steps is None else check_whole("train", "steps", steps, least=1)
        self._is_function = not isinstance(batches, Iterable)
        self._is_iterator = isinstance(batches, Iterator)
        known = None if self._is_iterator else _count_batches(batches)
        if self._is_iterator and steps is None:
            raise ValueError(
                "train: a generator, or another iterator, is read once, so an epoch needs steps=, its number of "
                "batches; a function of the epoch that returns one needs none"
            )
        if self._is_iterator and resumes:
            raise ValueError(
                "train: a generator, or another iterator, cannot be read again, so a run in a directory cannot be "
                "resumed with it; give a function of the epoch that returns the batches"
            )
        if self._limit is not None and known is not None and known < self._limit:
            raise ValueError(f"train: steps={steps} batches make an epoch, but there are {known}")
        self.steps = self._limit or known
        self._target_check: TargetCheck | None = None
        self._drop_last = False
        opened = self._open(epoch)
        # Each is copied before the next one is read, which a loader may write into the same memory.
        beginning = [
            read_batch(_name(number, epoch), batch)
            for number, batch in enumerate(itertools.islice(opened, min(_READ_FIRST, self._limit or _READ_FIRST)), 1)
        ]
        if not beginning:
            raise ValueError("train: the iterable of batches is empty")
        self.first = beginning[0]
        self.rows = count_batch(self.first)
        for number, batch in enumerate(beginning, 1):
            fill_up(_name(number, epoch), batch, self.first)
        if len(beginning) < min(_READ_FIRST, self._limit or 1):
            raise self._describe_end(epoch, len(beginning))
        self._opened: tuple[int, Iterator[Any]] | None = epoch, itertools.chain(beginning, opened)

    def describe(self) -> dict[str, Any]:
        """Returns what a run directory records of the batches: their number in an epoch, shapes and types."""
        shapes = jax.tree_util.tree_leaves_with_path(by_name(self.first))
        return {"steps": self._limit} | {f"batch.{leaf_name(path)}": f"{a.dtype} {a.shape}" for path, a in shapes}

    def fit_to(self, recipe: Recipe, params: Any) -> None:
        """Sets how batches are read: their targets are checked by the loss, and `drop_last` leaves out smaller ones."""
        self._target_check = TargetCheck(recipe, params, self.first)
        self._drop_last = recipe.drop_last

    def read(self, epoch: int) -> Iterator[Batch]:
        """Yields the batches of an epoch, from 0.

        Raises:
            TypeError, ValueError: a batch that differs from the first, or too few of them.
        """
        count = 0
        for count, batch in enumerate(itertools.islice(self._take_pass(epoch), self._limit), 1):
            name = _name(count, epoch)
            filled = read_quickly(batch, self.first) or fill_up(name, read_batch(name, batch), self.first)
            if self._target_check is not None:
                self._target_check.check(name, filled.data[1])
            if filled.mask.all() or not self._drop_last:
                yield filled
        if count < (self._limit or 1):
            raise self._describe_end(epoch, count)

    def _describe_end(self, epoch: int, count: int) -> ValueError:
        wanted = "" if self._limit is None else f", fewer than steps={self._limit}"
        return ValueError(f"train: the batches of epoch {epoch + 1} ended after {count}{wanted}")

    def _take_pass(self, epoch: int) -> Iterator[Any]:
        """Returns an iterator over the batches of an epoch, the one that was opened for the first batch if it fits."""
        opened = self._opened
        if opened is None:
            return self._open(epoch)
        if not self._is_iterator:
            self._opened = None
        return opened[1] if opened[0] == epoch or not self._is_function else self._open(epoch)

    def _open(self, epoch: int) -> Iterator[Any]:
        if not self._is_function:
            return iter(self._batches)
        batches = self._batches(epoch) if _takes_epoch(self._batches) else self._batches()
        if not isinstance(batches, Iterable):
            raise TypeError(
                f"train: a function of the epoch must return an iterable of batches, not {type(batches).__name__}"
            )
        return iter(batches)


def open_stream(data: Any, steps: int | None, state: Any, directory: Any) -> Stream | None:
    """Returns the stream that `train` gets as data, opened for its first epoch; None for arrays."""
    if is_stream(data):
        epoch = int(state.epoch) if isinstance(state, TrainingState) else 0
        return Stream(data, steps, epoch, resumes=directory is not None)
    if steps is not None:
        raise ValueError("train: steps= is for an iterable of batches; an epoch of arrays takes every example once")
    return None


def _takes_epoch(function: Any) -> bool:
    """Returns whether a function has an argument without a default; a generator function may have none."""
    parameters = inspect.signature(function).parameters.values()
    return any(each.default is each.empty and each.kind not in (each.VAR_KEYWORD,) for each in parameters)


def _count_batches(batches: Any) -> int | None:
    """Returns the number of batches of an epoch; None for a plain function, or a loader of an endless data set."""
    try:
        return len(batches)
    except (TypeError, NotImplementedError):
        return None


def _name(number: int, epoch: int) -> str:
    return f"train: batch {number} of epoch {epoch + 1}"


def prepare_stream(
    recipe: Recipe,
    stream: Stream,
    key: Array,
    params: Any,
    epochs: int,
    *,
    state: TrainingState | None,
    validation: tuple[Any, Any] | None,
    score: Any,
) -> Prepared:
    """Checks the arguments of a training on a stream, as `prepare` does, with its first batch as data."""
    check_recipe(recipe)
    if recipe.batch_size not in (None, stream.rows):
        raise ValueError(
            f"train: the first batch has {stream.rows} rows, but batch_size={recipe.batch_size} in the Recipe; "
            "leave it out, the batches are those of the iterable"
        )
    is_fixed = isinstance(recipe.optimizer, optax.GradientTransformation | optax.MultiSteps)
    if stream.steps is None and not is_fixed:
        raise ValueError("train: the optimizer is a function of the total steps: give steps=, the batches of an epoch")
    recipe = recipe._replace(batch_size=stream.rows)
    examples = stream.rows * (stream.steps or 1)
    start = prepare(
        "train", recipe, stream.first, key, params, epochs,
        state=state, validation=validation, score=score, examples=examples,
    )  # fmt: skip
    stream.fit_to(start.recipe, start.state.params)
    return start
