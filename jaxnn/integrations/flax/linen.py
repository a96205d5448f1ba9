"""Modules of Flax linen as models; `flax.model` is the public function."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn._checks.arrays import check_key, is_traced
from jaxnn._checks.functions import NeedsValueError
from jaxnn.buffers import Buffer
from jaxnn.integrations.foreign import find_modes, list_keywords, make_sample, name_after, take_marks
from jaxnn.models.model import Model

_STATISTICS = "batch_stats"
# The stream of keys from which Flax draws names that have none of their own.
_OTHER_STREAMS = "params"


def make_model(
    module: Any, sample_x: Any, training: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None
) -> Model:
    """Returns the model of a linen module; the arguments are those of `flax.model`."""
    if sample_x is None:
        raise TypeError("flax.model: a linen module needs sample_x, such as x[:1], from which it takes its shapes")
    sample, call = make_sample("flax.model", sample_x), _Call(module, training, evaluation)

    def init(key: Array) -> dict[str, Any]:
        check_key(key)
        variables = call.init(key, jax.tree.map(jnp.asarray, sample))
        return {name: _mark(name, tree) for name, tree in variables.items()}

    def apply(params: Any, x: Any, *, key: Array | None = None) -> Any:
        return call.apply(take_marks(params), x, key)

    def train_apply(params: Any, x: Any, *, key: Array | None, where: Any = None) -> tuple[Any, Any]:
        outputs, updated = call.train(take_marks(params), x, key)
        return outputs, params | {_STATISTICS: _mark(_STATISTICS, updated[_STATISTICS])}

    collections = jax.eval_shape(init, jax.eval_shape(lambda: jax.random.key(0)))
    others = sorted(set(collections) - {"params", _STATISTICS})
    if others:
        raise ValueError(
            f"flax.model: {type(module).__name__} has variables in {', '.join(map(repr, others))}; a model carries "
            "'params', which are learned, and 'batch_stats'. Keep others outside of the module, or write an nn.Model "
            "whose train_apply returns them as nn.Buffer"
        )
    return name_after(module, init, apply, train_apply if _STATISTICS in collections else None)


def _mark(name: str, tree: Any) -> Any:
    return jax.tree.map(Buffer, tree) if name == _STATISTICS else tree


class _Call:
    """The calls of a linen module in training and evaluation."""

    def __init__(self, module: Any, training: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None) -> None:
        keywords = list_keywords(type(module).__call__)
        self._modes = find_modes(keywords, training, evaluation)
        # Some modules have `train: bool` as a field.
        fields = find_modes({field.name for field in dataclasses.fields(module)} - set(keywords), None, None)
        self._trained, self._evaluated = module.clone(**fields.training), module.clone(**fields.evaluation)
        self._drawn = None if fields.drawing is None else module.clone(**fields.drawing)

    def init(self, key: Array, x: Any) -> Any:
        with _refuse_traced_rates():
            return self._evaluated.init(key, x, **self._modes.evaluation)

    def train(self, variables: Any, x: Any, key: Array | None) -> tuple[Any, Any]:
        return _apply(self._trained, variables, x, key, self._modes.training, mutable=[_STATISTICS])

    def apply(self, variables: Any, x: Any, key: Array | None) -> Any:
        if key is None:
            return _apply(self._evaluated, variables, x, None, self._modes.evaluation)
        if _STATISTICS not in variables:
            return _apply(self._trained, variables, x, key, self._modes.training)
        if self._modes.drawing is None or self._drawn is None:
            raise ValueError(
                "flax.model: outputs with dropout, by a key, need a module whose call takes deterministic and "
                "use_running_average, since one keyword for both would normalize by the batch"
            )
        return _apply(self._drawn, variables, x, key, self._modes.drawing)


def _apply(
    module: Any, variables: Any, x: Any, key: Array | None, mode: dict[str, Any], *, mutable: Any = False
) -> Any:
    streams = {} if key is None else {"dropout": key, _OTHER_STREAMS: jax.random.fold_in(key, 1)}
    with _refuse_traced_rates():
        return module.apply(variables, x, rngs=streams, mutable=mutable, **mode)


def _refuse_traced_rates() -> Any:
    """Returns a context in which Flax's Dropout refuses a traced rate, by a message with the cure."""
    from flax import linen

    def check(call: Any, arguments: Any, keywords: Any, context: Any) -> Any:
        if isinstance(context.module, linen.Dropout) and is_traced(context.module.rate):
            raise NeedsValueError(
                f"flax.model: {'.'.join(context.module.path)} compares its rate in Python: make it an nn.choice(…), or "
                "call nn.dropout(self.make_rng('dropout'), x, rate) in place of linen.Dropout"
            )
        return call(*arguments, **keywords)

    return linen.intercept_methods(check)
