"""Every example in a docstring of jaxnn gives what it says, and every public function has one."""

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn

MODULES = ["jaxnn", *(found.name for found in pkgutil.walk_packages(jaxnn.__path__, "jaxnn."))]
# What an example may use without a line of its own: the names under which everyone imports them.
NAMES = {"jax": jax, "jnp": jnp, "np": np, "optax": optax}


def examples(module: ModuleType) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=NAMES)
    return [example for example in found if example.examples]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path, capsys: pytest.CaptureFixture
) -> None:
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    for example in examples(module):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out


def test_every_public_function_has_an_example_that_is_found() -> None:
    shown = {example.name for name in MODULES for example in examples(importlib.import_module(name))}
    functions = [getattr(jaxnn, name) for name in jaxnn.__all__ if inspect.isfunction(getattr(jaxnn, name))]
    assert len(functions) > 30
    missing = [f"{function.__module__}.{function.__name__}" for function in functions]
    assert [name for name in missing if name not in shown] == []
