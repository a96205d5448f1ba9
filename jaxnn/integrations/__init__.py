"""Formats of other tools, one module for each; a tool is imported when its module first needs it."""

import importlib
from typing import Any

# Modules that `nn.integrations` imports when they are first asked for.
_MODULES = frozenset({"flax_weights", "keras", "pytorch", "sklearn_weights"})


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
