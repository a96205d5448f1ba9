"""Pickling of networks whose model was made of a function or a module of Flax."""

from typing import Any

from sklearn.base import BaseEstimator

from jaxnn.integrations.sklearn.models import give_model


class Pickled(BaseEstimator):
    """An estimator that pickles its `model=`, and makes `model_` of it again: what a module gives cannot be pickled."""

    _source: Any

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {**super().__getstate__()}  # pyright: ignore
        if state.get("_source") is not None:
            state.pop("model_", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if state.get("_source") is not None and "params_" in state:
            self.model_ = give_model(type(self).__name__, *self._source)(0.0)
