"""The annotations of jaxnn are checked in the tests, with and without axes, also in functions made at run time."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jaxtyping
import numpy as np
import pytest

import jaxnn

SOURCE = """
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, PyTree, Shaped


class Table(NamedTuple):
    rows: int

    def add(self, more: int) -> int:
        return self.rows + more

    @property
    def twice(self) -> int:
        return 2 * self.rows


def name(text: str, *, end: Sequence[int] | None = None) -> str:
    return text or end

def make(scale: int):
    def multiply(value: int) -> int:
        return value * scale
    return multiply

def add(x: Float[np.ndarray, "rows"], y: Shaped[np.ndarray, "rows"] | None) -> Float[np.ndarray, "rows"]:
    return x if y is None else x + y if len(y) else y

def same(x: PyTree[int, "T"], y: PyTree[int, "T"]):
    return None
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "annotated.py").write_text(SOURCE)
    monkeypatch.setattr(jaxnn, "__path__", [*jaxnn.__path__, str(tmp_path)])
    yield importlib.import_module("jaxnn.annotated")
    del sys.modules["jaxnn.annotated"]


ONE, TWO = np.ones(1), np.ones(2)
WRONG: dict[str, Callable[[Any], Any]] = {
    "an argument": lambda m: m.name(3),
    "an option": lambda m: m.name("a", end=3),
    "what is returned": lambda m: m.name("", end=[3]),
    "an argument of a method": lambda m: m.Table(3).add("a"),
    "a property": lambda m: m.Table("a").twice,
    "an argument of a nested function": lambda m: m.make(2)("a"),
    "what a nested function returns": lambda m: m.make(2.5)(3),
    "the axes of two arguments": lambda m: m.add(ONE, TWO),
    "a type": lambda m: m.add(np.ones(1, int), None),
    "axes that are returned": lambda m: m.add(ONE, np.ones(0)),
    "the structures of two arguments": lambda m: m.same([1], [1, 2]),
}


@pytest.mark.parametrize("name", WRONG)
def test_annotations_are_checked(module: ModuleType, name: str) -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        WRONG[name](module)


def test_annotations_that_hold_change_nothing(module: ModuleType) -> None:
    assert (module.name("a"), module.Table(3).add(1), module.Table(3).twice, module.make(2)(3)) == ("a", 4, 6, 6)
    np.testing.assert_array_equal(module.add(TWO, TWO), 2 * TWO)
    assert module.same([1, 2], [3, 4]) is None


def test_the_checks_are_turned_off_to_see_what_users_see(module: ModuleType, as_installed: None) -> None:
    assert module.name(3) == 3
    assert module.make(2)("a") == "aa"
    assert module.add(ONE, TWO).shape == (2,)
