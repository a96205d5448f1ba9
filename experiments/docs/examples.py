"""The examples of docstrings: which public names have one, and how many there are."""

import doctest
import importlib
import inspect
import pkgutil
from typing import NamedTuple

import jaxnn
from experiments.docs.names import Name, list_names


class Examples(NamedTuple):
    """How many docstrings of jaxnn have an example, and how many lines those run."""

    docstrings: int
    lines: int


def count_examples() -> Examples:
    """Counts the doctests of all modules of jaxnn; `tests/test_doctests.py` runs them."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [found.name for found in pkgutil.walk_packages(jaxnn.__path__, "jaxnn.") if "__main__" not in found.name]
    tests = [test for name in ("jaxnn", *modules) for test in finder.find(importlib.import_module(name))]
    shown = [test for test in tests if test.examples]
    return Examples(len(shown), sum(len(test.examples) for test in shown))


def has_example(name: Name) -> bool:
    """Returns whether the docstring of a name shows an example."""
    return ">>> " in (inspect.getdoc(name.value) or "")


def list_without_examples() -> list[Name]:
    """Returns the public functions and classes without an example."""
    names = [name for name in list_names().values() if inspect.isroutine(name.value) or inspect.isclass(name.value)]
    return [name for name in names if not has_example(name)]
