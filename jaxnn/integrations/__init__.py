"""Formats and models of other tools, one module for each; a tool is imported when its module first needs it."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxnn.integrations import equinox, flax, keras, pytorch, sklearn
    from jaxnn.integrations.optuna_studies import optuna

__all__ = ["equinox", "flax", "keras", "optuna", "pytorch", "sklearn"]


def __getattr__(name: str) -> Any:
    """Imports a module when it is first named, so that `import jaxnn` does not wait for it."""
    if name == "optuna":  # a function, whose module has another name
        return importlib.import_module(f"{__name__}.optuna_studies").optuna
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
