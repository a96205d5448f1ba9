"""Models one after another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Array

from jaxnn._checks.arrays import check_key
from jaxnn._checks.params import check_model
from jaxnn.models.model import Model
from jaxnn.models.parts import make_hashable, number_names


def chain(*models: Model, **named: Model) -> Model:
    """Makes one model of several: each takes the outputs of the one before it.

    Args:
        models: are called "model_1", "model_2", … in the params.
        named: the same under names of your own, after those without: `chain(features=…, head=…)`.

    Returns:
        A model with params `{"model_1": …, "model_2": …}`. It has a `train_apply` if one of the models has.

    Raises:
        TypeError: a part that is not a `Model`.
        ValueError: no models, or a name that two have.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.chain(features=nn.cnn((8, 8, 1), (8, 16), 32), head=nn.mlp([32, 10]))
        >>> params = model.init(jax.random.key(0))
        >>> sorted(params), model.apply(params, jax.numpy.zeros((5, 8, 8, 1))).shape
        (['features', 'head'], (5, 10))
    """
    numbered = dict(zip(number_names("model", len(models)), models, strict=True))
    if not numbered and not named:
        raise ValueError("chain: there must be at least one model")
    if both := sorted(numbered.keys() & named.keys()):
        raise ValueError(f"chain: {both[0]} is the name of a model without a name; choose another")
    parts = numbered | named
    for name, model in parts.items():
        check_model(f"chain: {name}", model)
    names = tuple(parts)
    inits, applies = (tuple(getattr(model, name) for model in parts.values()) for name in ("init", "apply"))
    trains = tuple(getattr(model, "train_apply", None) for model in parts.values())
    return Model(
        make_hashable(_InitChain(names, inits)),
        make_hashable(_ApplyChain(names, applies)),
        make_hashable(_TrainChain(names, applies, trains)) if any(trains) else None,
    )


@dataclass(frozen=True)
class _InitChain:
    names: tuple[str, ...]
    functions: tuple[Callable[..., Any], ...]

    def __call__(self, key: Array) -> dict[str, Any]:
        check_key(key)
        keys = jax.random.split(key, len(self.names))
        return {name: init(k) for name, init, k in zip(self.names, self.functions, keys, strict=True)}


@dataclass(frozen=True)
class _ApplyChain:
    names: tuple[str, ...]
    functions: tuple[Callable[..., Any], ...]

    def __call__(self, params: dict[str, Any], x: Any, *, key: Array | None = None) -> Any:
        for name, apply, part_key in zip(self.names, self.functions, _split(key, self.names), strict=True):
            x = apply(params[name], x, key=part_key)
        return x


@dataclass(frozen=True)
class _TrainChain:
    names: tuple[str, ...]
    applies: tuple[Callable[..., Any], ...]
    trains: tuple[Callable[..., Any] | None, ...]

    def __call__(
        self, params: dict[str, Any], x: Any, *, key: Array | None, where: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        updated = dict(params)
        parts = zip(self.names, self.applies, self.trains, _split(key, self.names), strict=True)
        for name, apply, train_apply, part_key in parts:
            if train_apply is None:
                x = apply(params[name], x, key=part_key)
            else:
                x, updated[name] = train_apply(params[name], x, key=part_key, where=where)
        return x, updated


def _split(key: Array | None, names: tuple[str, ...]) -> Any:
    return [None] * len(names) if key is None else jax.random.split(key, len(names))
