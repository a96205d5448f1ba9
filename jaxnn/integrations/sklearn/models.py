"""The network of an estimator: an MLP of its hidden sizes, or the `model=` that the user gave."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxnn import activations
from jaxnn.integrations.sklearn.options import check_hidden_sizes
from jaxnn.integrations.sklearn.task import Given, Mlp
from jaxnn.models.model import Model
from jaxnn.models.parts import make_hashable

_ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "gelu", "silu", "elu", "leaky_relu")


def choose_network(name: str, options: Mapping[str, Any], shape: tuple[int, ...], outputs: int) -> Mlp | Given:
    """Returns the network of an estimator for examples of this shape, and for this number of outputs.

    Args:
        name: of the estimator, for messages.
        options: its parameters.
        shape: of an example.
        outputs: of the network.

    Raises:
        TypeError: `model` is of another type, or an activation is not a function.
        ValueError: an unknown activation, or a model of other inputs or outputs.
    """
    if options["model"] is None:
        sizes = (shape[0], *check_hidden_sizes(name, options["hidden_sizes"]), outputs)
        return Mlp(sizes, _choose_activation(name, options["activation"]), bool(options["dropout"] > 0))
    dtype = np.dtype(options["precision"])
    model = _make_model(name, options["model"], jax.ShapeDtypeStruct((1, *shape), dtype), outputs)
    _check_outputs(name, model, shape, outputs, dtype)
    trained = None if model.train_apply is None else make_hashable(model.train_apply)
    return Given(Model(make_hashable(model.init), make_hashable(model.apply), trained))


def _choose_activation(name: str, activation: Any) -> Any:
    if callable(activation):
        return make_hashable(activation)
    if activation == "identity":
        return jax.numpy.asarray
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        known = ", ".join((*_ACTIVATIONS, "identity"))
        raise ValueError(f"{name}: activation must be a function, or one of {known}, not {activation!r}")
    return getattr(activations, activation)


def _make_model(name: str, model: Any, sample: jax.ShapeDtypeStruct, outputs: int) -> Model:
    """Returns the model that the user gave, or that their function makes."""
    if isinstance(model, Model):
        return model
    if _is_of_flax(model):
        return importlib.import_module("jaxnn.integrations.flax").model(model, sample)
    if not callable(model):
        raise TypeError(
            f"{name}: model must be a Model, a module of Flax, or a function of (inputs, outputs) that gives a Model, "
            f"not {model!r}"
        )
    inputs = sample.shape[1:]
    made = model(inputs[0] if len(inputs) == 1 else inputs, outputs)
    if _is_of_flax(made):
        return importlib.import_module("jaxnn.integrations.flax").model(made, sample)
    if not isinstance(made, Model):
        raise TypeError(f"{name}: model must be a function that gives a Model, not {type(made).__name__}")
    return made


def _is_of_flax(model: Any) -> bool:
    """Returns whether a model is a module of linen or NNX, or a class of such; one exists only if Flax is imported."""
    for library in ("flax.linen", "flax.nnx"):
        base = getattr(sys.modules.get(library), "Module", None)
        if base is not None and (isinstance(model, base) or (isinstance(model, type) and issubclass(model, base))):
            return True
    return False


def _check_outputs(name: str, model: Model, shape: tuple[int, ...], outputs: int, dtype: np.dtype) -> None:
    """Checks on shapes that a model takes the examples and gives the outputs."""
    with jax.enable_x64(dtype == np.float64):
        params = jax.eval_shape(lambda: model.init(jax.random.key(0)))
        try:
            made = jax.eval_shape(
                lambda params, x: model.apply(params, x, key=None), params, np.zeros((2, *shape), dtype)
            )
        except (TypeError, ValueError) as error:
            shown = ", ".join(map(str, shape))
            raise ValueError(f"{name}: the model does not take X of shape (rows, {shown}): {error}") from error
    if getattr(made, "shape", None) != (2, outputs):
        raise ValueError(
            f"{name}: the model must give outputs of shape (batch, {outputs}) for examples of shape {shape}, "
            f"not {getattr(made, 'shape', made)} for 2 of them"
        )
