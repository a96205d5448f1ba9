"""Modules of Flax NNX as models; `flax.model` is the public function.

A module is built anew wherever a model is traced, and then gets its params. XLA removes the weights that are not used.
So hypers may enter the module, and no state is left behind.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
from jaxtyping import Array

from jaxnn._checks.arrays import check_key, is_traced
from jaxnn._checks.functions import NeedsValueError
from jaxnn.buffers import Buffer
from jaxnn.integrations.foreign import find_modes, list_keywords, name_after, take_marks
from jaxnn.models.model import Model


def make_model(
    build: Callable[..., Any], training: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None
) -> Model:
    """Returns the model of a function of rngs; the arguments are those of `flax.model`."""
    call = _Call(build, training, evaluation)

    def init(key: Array) -> dict[str, Any]:
        check_key(key)
        return _get_params(call.make(key))

    def apply(params: Any, x: Any, *, key: Array | None = None) -> Any:
        return call.apply(params, x, key)

    def train_apply(params: Any, x: Any, *, key: Array | None, where: Any = None) -> tuple[Any, Any]:
        return call.train(params, x, key)

    return name_after(build, init, apply, train_apply if call.has_statistics else None)


class _Call:
    """The calls of an NNX module in training and evaluation.

    Attributes:
        has_statistics: whether the module has batch statistics.
    """

    def __init__(
        self, build: Callable[..., Any], training: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None
    ) -> None:
        self._build, self._by_name = build, _takes_rngs_by_name(build)
        self.has_statistics, names = _inspect(lambda: self.make(None))
        self._modes = find_modes(names, training, evaluation)

    def make(self, key: Array | None) -> Any:
        """Builds the module, with keys from `key`."""
        from flax import nnx

        rngs = nnx.Rngs(jax.random.key(0) if key is None else key)
        return self._build(rngs=rngs) if self._by_name else self._build(rngs)

    def train(self, params: Any, x: Any, key: Array | None) -> tuple[Any, Any]:
        """Returns the outputs in training, and the params with new statistics."""
        module = self._restore(params, key)
        module.train()
        return module(x, **self._modes.training), _get_params(module)

    def apply(self, params: Any, x: Any, key: Array | None) -> Any:
        """Returns the outputs, with dropout if there is a key, and without new statistics."""
        module = self._restore(params, key)
        if key is None:
            module.eval()
            return module(x, **self._modes.evaluation)
        module.train()
        if not self.has_statistics:
            return module(x, **self._modes.training)
        if self._modes.drawing is None:
            raise ValueError(
                "flax.model: outputs with dropout, by a key, need a module whose call has no keyword for the mode, "
                "since one for dropout and batch norm would normalize by the batch"
            )
        module.set_attributes(use_running_average=True, raise_if_not_found=False)
        return module(x, **self._modes.drawing)

    def _restore(self, params: Any, key: Array | None) -> Any:
        module = self.make(key)
        _check_rates(module)
        update(module, params)
        return module


def _takes_rngs_by_name(build: Callable[..., Any]) -> bool:
    function: Any = build.func if isinstance(build, functools.partial) else build
    # The signature of a class of NNX is that of its metaclass.
    return "rngs" in list_keywords(function.__init__ if isinstance(function, type) else function)


def _inspect(make: Callable[[], Any]) -> tuple[bool, list[str]]:
    """Builds a module on shapes and checks it; returns whether it has statistics, and the keywords of its call."""
    found: list[tuple[bool, list[str]]] = []

    def build() -> None:
        module = _check_module(make())
        found.append((_check_variables(module), list_keywords(type(module).__call__)))

    # Not `nnx.eval_shape`, which compares the fields of modules, and these may be traced hypers.
    jax.eval_shape(build)
    return found[0]


def _check_module(module: Any) -> Any:
    from flax import nnx

    if not isinstance(module, nnx.Module):
        raise TypeError(
            f"flax.model: the function of rngs must build an nnx.Module, not {type(module).__name__}; a linen module "
            "is given as it is, with sample_x"
        )
    _check_rates(module)
    return module


def _check_rates(module: Any) -> None:
    """Checks that Flax's Dropout, which compares its rate in Python, has no traced one."""
    from flax import nnx

    for path, part in nnx.iter_modules(module):
        if isinstance(part, nnx.Dropout) and is_traced(part.rate):
            raise NeedsValueError(
                f"flax.model: {'.'.join(map(str, path))} compares its rate in Python: make it an nn.choice(…), or "
                "call nn.dropout(self.rngs.dropout(), x, rate) in place of nnx.Dropout"
            )


def _check_variables(module: Any) -> bool:
    """Returns whether there are statistics, and checks that there are no variables but them, params and keys."""
    from flax import nnx

    variables = [(path, leaf) for path, leaf in nnx.to_flat_state(nnx.state(module)) if isinstance(leaf, nnx.Variable)]
    for path, variable in variables:
        if not isinstance(variable, nnx.Param | nnx.BatchStat | nnx.RngState):
            raise ValueError(
                f"flax.model: {'.'.join(map(str, path))} is an nnx.{type(variable).__name__}; a model carries "
                "nnx.Param, which is learned, and nnx.BatchStat. Keep others outside of the module, or write an "
                "nn.Model whose train_apply returns them as nn.Buffer"
            )
    return any(isinstance(variable, nnx.BatchStat) for _, variable in variables)


def update(module: Any, params: Any) -> None:
    """Sets the variables of a module to params; the function of `flax.update`."""
    from flax import nnx

    values: dict[Any, Any] = {}
    for path, _ in _list_carried(module):
        node = take_marks(params)
        for name in path:
            if not (isinstance(node, dict) and str(name) in node):
                raise ValueError(f"flax.update: params lack {'.'.join(map(str, path))} of {type(module).__name__}")
            node = node[str(name)]
        _set(values, path, node)
    nnx.update(module, values)


def _get_params(module: Any) -> dict[str, Any]:
    """Returns learned variables, and statistics as buffers, as nested dicts; an index of a list is a name too.

    Names are text, as in the files of a run directory.
    """
    from flax import nnx

    params: dict[str, Any] = {}
    for path, variable in _list_carried(module):
        value = variable.get_value()
        _set(params, tuple(map(str, path)), Buffer(value) if isinstance(variable, nnx.BatchStat) else value)
    return params


def _list_carried(module: Any) -> list[tuple[tuple[Any, ...], Any]]:
    from flax import nnx

    return list(nnx.to_flat_state(nnx.state(module, (nnx.Param, nnx.BatchStat))))


def _set(tree: dict[Any, Any], path: tuple[Any, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value
