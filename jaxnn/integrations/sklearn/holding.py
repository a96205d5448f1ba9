"""What an estimator of a search holds: its one network, the steps before it, and other predictors."""

from typing import Any

from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.pipeline import Pipeline

from jaxnn.integrations.sklearn.network import Network


def find_prefix(estimator: Any) -> str | None:
    """Returns what comes before the names of the parameters of a network; None if there is not just one."""
    if isinstance(estimator, Network):
        return ""
    held = [name for name, value in estimator.get_params(deep=True).items() if isinstance(value, Network)]
    return f"{held[0]}__" if len(held) == 1 else None


def split_steps(estimator: Any) -> tuple[Any, Any]:
    """Returns the steps before a network, and the network; None if another estimator predicts."""
    if isinstance(estimator, Network):
        return None, estimator
    if type(estimator) is Pipeline and isinstance(estimator[-1], Network):
        return estimator[:-1], estimator[-1]
    return None, None


def has_others(estimator: Any) -> bool:
    """Returns whether an estimator holds predictors that are no networks."""
    return any(_is_other(*parameter) for parameter in estimator.get_params(deep=True).items())


def _is_other(name: str, value: Any) -> bool:
    """Returns whether a parameter is a predictor without a network; the last of a stack is fitted after all others."""
    if not isinstance(value, BaseEstimator) or name.endswith("final_estimator"):
        return False
    held = (value, *value.get_params(deep=True).values())
    return (is_classifier(value) or is_regressor(value)) and not any(isinstance(each, Network) for each in held)
