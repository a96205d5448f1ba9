"""The stored form of a fitted network: plain containers and arrays alone, for pickle, joblib, skops and `copy`.

The model and the structure of its params are made again from the parameters of the estimator when it is loaded. So a
file does not depend on classes of this library or of optax, and skops needs to trust the estimator alone.
"""

from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator

from jaxnn.integrations.sklearn.fit_cache import NotTrainedYet
from jaxnn.integrations.sklearn.job import Learned, use_precision
from jaxnn.integrations.sklearn.models import choose_network
from jaxnn.integrations.sklearn.task import Given, Mlp, Numbers, Task
from jaxnn.losses.regression import squared_error
from jaxnn.training.epoch import init_training

# The parameters that decide the model, and the state of its optimizer.
_DECIDING = ("hidden_sizes", "model", "activation", "dropout", "optimizer", "precision")


class Stored(BaseEstimator):
    """An estimator that is stored without its model, see above."""

    _origin: dict[str, Any]
    _cached_fit: Any

    def _note_origin(self, shape: tuple[int, ...], outputs: int) -> None:
        """Notes what the network is made of: `set_params` may change the parameters before it is stored."""
        options = {name: vars(self)[name] for name in _DECIDING}
        self._origin = {"options": options, "shape": shape, "outputs": outputs}

    def _check_same_origin(self) -> None:
        """Checks that `partial_fit` goes on with the parameters of its earlier calls; numbers may change."""
        for option, before in self._origin["options"].items():
            now = vars(self)[option]
            if option != "dropout" and now is not before and now != before:
                name = type(self).__name__
                raise ValueError(
                    f"{name}: partial_fit goes on with earlier calls, in which {option} was {before!r}, not {now!r}; "
                    "clone() makes an estimator that starts anew"
                )

    def __getstate__(self) -> dict[str, Any]:
        if getattr(self, "_cached_fit", None) is not None and self._cached_fit.trained is None:
            raise NotTrainedYet
        state: dict[str, Any] = {**super().__getstate__()}  # pyright: ignore
        if "params_" in state:
            del state["model_"]
            state["_cached_fit"] = None
            learned = state["_learned"]
            state["params_"] = jax.tree.leaves(state["params_"])
            state["_learned"] = None if learned is None else [jax.tree.leaves(part) for part in learned]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "params_" not in state:
            return
        name, origin = type(self).__name__, self._origin
        network = choose_network(name, origin["options"], origin["shape"], origin["outputs"])
        structure = _find_structure(network, origin["options"])
        self.model_, self.params_ = network(0.0), _build(name, structure.params, state["params_"])
        if state["_learned"] is not None:
            self._learned = Learned(*(_build(name, *pair) for pair in zip(structure, state["_learned"], strict=True)))


def _find_structure(network: Mlp | Given, options: dict[str, Any]) -> Learned:
    """Returns the shapes of what a network of these parameters learns."""
    optimizer = options["optimizer"]
    task = Task(network, squared_error, optimizer, batch_size=None, rows=None, epochs=1, validated=False)

    def start(numbers: Numbers) -> Learned:
        state = init_training(task.configure(numbers).recipe, jax.random.key(0))
        return Learned(state.params, state.optimizer_state)

    with use_precision(options["precision"]):
        number = np.zeros((), options["precision"])
        return jax.eval_shape(start, Numbers(number, number, number, np.int32(1), np.int32(1), number))


def _build(name: str, structure: Any, leaves: list[np.ndarray]) -> Any:
    """Returns arrays in the structure that they had."""
    wanted, tree = jax.tree.flatten(structure)
    if [leaf.shape for leaf in wanted] != [leaf.shape for leaf in leaves]:
        raise ValueError(
            f"{name}: it was stored with arrays of shapes {[leaf.shape for leaf in leaves]}, but its model= and "
            f"optimizer= now make {[leaf.shape for leaf in wanted]}"
        )
    return jax.tree.unflatten(tree, leaves)
