"""Outputs, labels and masks that hypothesis draws: with ties, classes that do not occur and rows that do not count."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

ROWS = 12


class Drawn(NamedTuple):
    """Outputs and labels of some examples, and a mask of those that count, at least one."""

    outputs: np.ndarray
    labels: np.ndarray
    where: np.ndarray

    @property
    def counted(self) -> tuple[np.ndarray, np.ndarray]:
        """The outputs and labels that count."""
        return self.outputs[self.where], self.labels[self.where]


def _arrays(shape: tuple[int, ...], elements: st.SearchStrategy) -> st.SearchStrategy[np.ndarray]:
    count = int(np.prod(shape))
    return st.lists(elements, min_size=count, max_size=count).map(lambda values: np.array(values).reshape(shape))


MASKS = _arrays((ROWS,), st.booleans()).filter(np.any)


def classes(count: int) -> st.SearchStrategy[Drawn]:
    """Logits of classes: rows of a small table, so that many are equal, also to the last bit of their softmax."""
    table = np.random.default_rng(0).normal(size=(5, count)).astype("f")
    outputs = _arrays((ROWS,), st.integers(0, 4)).map(lambda rows: table[rows])
    # Of few of the classes, often.
    labels = st.integers(1, count).flatmap(lambda most: _arrays((ROWS,), st.integers(count - most, count - 1)))
    return st.builds(Drawn, outputs, labels, MASKS)


def one_logit() -> st.SearchStrategy[Drawn]:
    outputs = _arrays((ROWS, 1), st.sampled_from(np.arange(-2, 2.5, 0.5, "f").tolist())).map(lambda x: x.astype("f"))
    return st.builds(Drawn, outputs, _arrays((ROWS,), st.integers(0, 1)), MASKS)


def many_labels(count: int) -> st.SearchStrategy[Drawn]:
    outputs = _arrays((ROWS, count), st.integers(-2, 2)).map(lambda x: x.astype("f"))
    return st.builds(Drawn, outputs, _arrays((ROWS, count), st.integers(0, 1)), MASKS)


def measured(count: int) -> st.SearchStrategy[Drawn]:
    """Whole numbers as outputs and targets; some columns of the targets are constant, and some predicted right."""

    def draw(parts: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        outputs, targets, levels, is_right = parts
        targets = targets % levels[None] + 3
        return np.where(is_right[None], targets, outputs).astype("f"), targets.astype("f")

    table, bits = _arrays((ROWS, count), st.integers(0, 5)), _arrays((count,), st.booleans())
    pairs = st.tuples(table, table, _arrays((count,), st.integers(1, 3)), bits).map(draw)
    return st.tuples(pairs, MASKS).map(lambda drawn: Drawn(*drawn[0], drawn[1]))
