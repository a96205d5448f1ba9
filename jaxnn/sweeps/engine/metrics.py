"""The metrics of a sweep: functions like the score by name, which are reported beside it and decide nothing.

Functions of `jax.numpy` are compiled; with folds those that take a mask. The host computes the others, which may use
NumPy or scikit-learn; see `host_functions.py`.
"""

from typing import Any

from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.training.evaluation import Curves, Metrics
from jaxnn.training.prepare import find_trace_error
from jaxnn.training.recipe import Recipe

# The names of other columns and curves.
_TAKEN = {*TrialResult._fields, *Curves._fields, "epoch", "loss", "validation_loss"}


def check_metrics(metrics: Any, space: dict[str, Any]) -> Metrics:
    """Checks the argument `metrics` of a sweep, without calling the functions; returns {} for None."""
    if metrics is None:
        return {}
    if not isinstance(metrics, dict):
        raise TypeError(f"sweep: metrics must be a dict from names to functions, not {metrics!r}")
    for name, function in metrics.items():
        if not isinstance(name, str):
            raise TypeError(f"sweep: the name of a metric must be a string, not {name!r}")
        if not name.isidentifier():
            raise ValueError(f"sweep: the name of a metric must be an identifier, like f1, not {name!r}")
        if not callable(function):
            raise TypeError(f"sweep: the metric {name!r} must be a function of outputs and targets, not {function!r}")
    _check_names(metrics, space)
    return dict(metrics)


def _check_names(metrics: Metrics, space: dict[str, Any]) -> None:
    """Checks that no metric has the name of a hyper, or of another column or curve."""
    for name in metrics:
        if name in _TAKEN or name in space:
            kind = "hyper" if name in space else "column or curve"
            raise ValueError(f"sweep: a metric cannot be called {name!r}, which is the name of a {kind}")


def find_on_host(
    functions: Metrics, recipe: Recipe, params: Any, data: tuple[Any, Any], mask: Any, evaluate_at: str
) -> frozenset[str]:
    """Returns the names of the functions that cannot be compiled; checks the others on shapes.

    Raises:
        ValueError: a score that cannot be compiled, but is wanted after every epoch.
    """
    errors = {
        name: find_trace_error("sweep", name, function, recipe, params, data, mask)
        for name, function in functions.items()
    }
    if errors.get("score") is not None and evaluate_at == "epochs":
        raise ValueError(
            f"sweep: score must be written in functions of jax.numpy{' and take where=' * (mask is not None)}, it is "
            'compiled to be evaluated after every epoch; with evaluate_at="rungs" it may use NumPy'
        ) from errors["score"]
    return frozenset(name for name, error in errors.items() if error is not None)
