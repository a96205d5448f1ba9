"""Models and functions one after another."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jaxtyping import Array

from jaxnn._checks.arrays import check_key
from jaxnn._checks.params import check_model
from jaxnn.models.model import Model
from jaxnn.models.parts import find_norms_after, make_hashable


def chain(*parts: Model | Callable[[Any], Any], **named: Model | Callable[[Any], Any]) -> Model:
    """Makes one model of several parts: each takes the outputs of the one before it.

    Args:
        parts: models, which are called "model_1", "model_2", … in the params, and functions of x such as `nn.relu` or
            `lambda x: x / 255`. Functions have no params, are not counted, and do the same in training and evaluation.
        named: the same under names of your own, after those without: `chain(features=…, head=…)`.

    Returns:
        A model with params `{"model_1": …, "model_2": …}`, without entries for functions. It has a `train_apply` if one
        of the models has.

    Raises:
        TypeError: a part that is neither a `Model` nor a function.
        ValueError: no models, or a name that two have.

    Example:
        >>> import jaxnn as nn
        >>> model = nn.chain(lambda x: x / 255, nn.cnn((8, 8, 1), (8, 16), 32), nn.relu, head=nn.mlp([32, 10]))
        >>> params = model.init(jax.random.key(0))
        >>> sorted(params), model.apply(params, jax.numpy.zeros((5, 8, 8, 1))).shape
        (['head', 'model_1'], (5, 10))
    """
    steps = tuple(_list_steps(parts, named))
    names = [step.name for step in steps if step.name is not None]
    if not names:
        raise ValueError("chain: there must be at least one model")
    if both := sorted(name for name in set(names) if names.count(name) > 1):
        raise ValueError(f"chain: {both[0]} is the name of a model without a name; choose another")
    return Model(
        make_hashable(_InitChain(tuple((step.name, step.init) for step in steps if step.name is not None))),
        make_hashable(_ApplyChain(steps)),
        make_hashable(_TrainChain(steps)) if any(step.train_apply for step in steps) else None,
    )


class _Step(NamedTuple):
    """A model under its name in the params, or a function of x, whose name is None."""

    name: str | None
    apply: Callable[..., Any]
    init: Any = None
    train_apply: Callable[..., Any] | None = None


def _list_steps(parts: Any, named: dict[str, Any]) -> Iterator[_Step]:
    number = 0
    for name, part in [*((None, part) for part in parts), *named.items()]:
        if _is_function(part):
            yield _Step(None, part)
            continue
        if name is None:
            number += 1
        name = name or f"model_{number}"
        check_model(f"chain: {name}", part)
        yield _Step(name, part.apply, part.init, getattr(part, "train_apply", None))


def _is_function(part: Any) -> bool:
    return callable(part) and not hasattr(part, "init")


@dataclass(frozen=True)
class _InitChain:
    inits: tuple[tuple[str, Callable[[Array], Any]], ...]

    @property
    def title(self) -> str:
        return f"chain of {', '.join(name for name, _ in self.inits)}"

    def __call__(self, key: Array) -> dict[str, Any]:
        check_key(key)
        keys = jax.random.split(key, len(self.inits))
        return {name: init(k) for (name, init), k in zip(self.inits, keys, strict=True)}


@dataclass(frozen=True)
class _ApplyChain:
    steps: tuple[_Step, ...]

    def __call__(self, params: dict[str, Any], x: Any, *, key: Array | None = None) -> Any:
        for step, step_key in _with_keys(self.steps, key):
            x = step.apply(x) if step.name is None else step.apply(params[step.name], x, key=step_key)
        return x

    def find_norms_after(self) -> dict[str, str]:
        """Returns the norm that takes the outputs of each convolution, within the parts."""
        found = [(step.name, find_norms_after(step.apply)) for step in self.steps if step.name is not None]
        return {f"{name}.{conv}": f"{name}.{norm}" for name, pairs in found for conv, norm in pairs.items()}


@dataclass(frozen=True)
class _TrainChain:
    steps: tuple[_Step, ...]

    def __call__(
        self, params: dict[str, Any], x: Any, *, key: Array | None, where: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        updated = dict(params)
        for step, step_key in _with_keys(self.steps, key):
            if step.name is None:
                x = step.apply(x)
            elif step.train_apply is None:
                x = step.apply(params[step.name], x, key=step_key)
            else:
                x, updated[step.name] = step.train_apply(params[step.name], x, key=step_key, where=where)
        return x, updated


def _with_keys(steps: tuple[_Step, ...], key: Array | None) -> Iterator[tuple[_Step, Any]]:
    """Yields each step, and for a model a key of its own, if there is one."""
    models = sum(step.name is not None for step in steps)
    keys = iter([None] * models if key is None else jax.random.split(key, models))
    for step in steps:
        yield step, None if step.name is None else next(keys)
