"""Modules of Flax, linen and NNX, as models that `fit`, `train` and `sweep` train (extra `flax`)."""

from collections.abc import Mapping
from typing import Any

from jaxnn.integrations.flax import linen as linen_models
from jaxnn.integrations.flax import nnx as nnx_models
from jaxnn.integrations.foreign import take_marks
from jaxnn.models.model import Model


def model(
    module: Any,
    sample_x: Any = None,
    *,
    training: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
) -> Model:
    """Makes a `Model` of a Flax module, for `fit`, `train`, `sweep` and `predict`.

    The initial weights are those of `module.init(key, x)`, or of `CNN(rngs=nnx.Rngs(key))`. The params of a linen
    module are the variables of Flax, `{"params": …, "batch_stats": …}`, and those of an NNX module nested dicts by the
    names of its attributes. Statistics are `Buffer`s among them. `variables` and `update` give the params back to Flax.
    Dropout gets a new key in every step, and none in evaluation.

    A keyword of the call, or a field of a linen module, that is called `train`, `training`, `is_training`,
    `deterministic` or `use_running_average` is set. NNX modules are set by `module.train()` and `module.eval()` too.

    A batch norm of Flax counts all rows of a minibatch, also those that only fill the last one, and so does every
    module that mixes examples. If `batch_size` does not divide the number of rows, use `Recipe(drop_last=True)`. Losses
    and scores never count rows twice.

    In lanes, convolutions are fast with `conv_general_dilated` of this module in the place of XLA's.

    In a sweep, hypers may enter the module where Flax can trace them. The rate of Flax's Dropout must be an
    `nn.choice`; `nn.dropout(self.make_rng("dropout"), x, rate)`, or `self.rngs.dropout()` as key in NNX, takes a traced
    one.

    Args:
        module: a linen module, such as `CNN()`; or for NNX a class or a function of rngs that builds the module, such
            as `CNN` or `lambda rngs: CNN(64, rngs=rngs)`, so that each training draws its own weights.
        sample_x: some examples, such as `x[:1]`, or their `jax.ShapeDtypeStruct`; only shapes and types are read. A
            linen module needs them, an NNX module does not.
        training: other keywords of the call in training.
        evaluation: other keywords of the call in evaluation.

    Returns:
        A `Model`, with a `train_apply` if the module has batch statistics.

    Raises:
        ImportError: Flax is not installed.
        TypeError: not a module, an NNX module that is built already, or a sample that is not an array.
        ValueError: variables other than params, batch statistics and keys; a traced rate of Flax's Dropout.

    Example:
        >>> import jaxnn as nn
        >>> from flax import linen
        >>> class MLP(linen.Module):
        ...     @linen.compact
        ...     def __call__(self, x, train):
        ...         x = linen.BatchNorm(not train, momentum=0.9)(linen.Dense(16)(x))
        ...         return linen.Dense(3)(linen.relu(x))
        >>> flowers = nn.datasets.iris()
        >>> network = model(MLP(), flowers.x[:1])
        >>> recipe = nn.Recipe(network, nn.cross_entropy, optax.adam(0.1))
        >>> fitted = nn.fit(recipe, flowers.data, key=jax.random.key(0), epochs=60)
        >>> bool(nn.accuracy(nn.predict(network, fitted.params, flowers.x), flowers.targets) > 0.95)
        True
    """
    linen, nnx = _import_flax()
    if isinstance(module, linen.Module):
        return linen_models.make_model(module, sample_x, training, evaluation)
    if isinstance(module, nnx.Module):
        name = type(module).__name__
        raise TypeError(
            f"flax.model: {name} is built already, and every training would start from the same weights; give a "
            f"function of rngs, such as lambda rngs: {name}(rngs=rngs)"
        )
    if isinstance(module, type) and issubclass(module, linen.Module):
        raise TypeError(f"flax.model: {module.__name__} is a class; give a module, such as {module.__name__}()")
    if not callable(module):
        raise TypeError(
            "flax.model: module must be a flax.linen.Module, or a function of rngs that builds an nnx.Module, not "
            f"{module!r}"
        )
    return nnx_models.make_model(module, training, evaluation)


def variables(params: Any) -> Any:
    """Returns params of a linen module without the marks of buffers, as Flax takes them.

    Args:
        params: of a model that `model` has made.

    Returns:
        What `module.apply(variables(params), x, …)` takes.

    Example:
        >>> import jaxnn as nn
        >>> variables({"params": {"scale": 2.0}, "batch_stats": {"mean": nn.Buffer(1.0)}})
        {'batch_stats': {'mean': 1.0}, 'params': {'scale': 2.0}}
    """
    return take_marks(params)


def update(module: Any, params: Any) -> None:
    """Gives an NNX module the params of a model, in place, as `nnx.update` does.

    Args:
        module: a built module.
        params: of a model of such a module.

    Raises:
        ValueError: params without one of the module's variables.

    Example:
        >>> from flax import nnx
        >>> line = nnx.Linear(1, 1, rngs=nnx.Rngs(0))
        >>> update(line, {"kernel": jnp.full((1, 1), 2.0), "bias": jnp.ones(1)})
        >>> line(jnp.array([[3.0]]))
        Array([[7.]], dtype=float32)
    """
    _import_flax()
    nnx_models.update(module, params)


def _import_flax() -> tuple[Any, Any]:
    try:
        from flax import linen, nnx
    except ImportError as error:
        raise ImportError("models of Flax need an extra: pip install 'jaxnn[flax]'") from error
    return linen, nnx
