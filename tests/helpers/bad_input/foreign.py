"""What `flax.model` and `equinox.model` refuse; `…` at the end of a message stands for the rest."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx

import jaxnn as nn
from helpers.foreign_modules import NNX, Linen, X, make_equinox, model_of
from jaxnn._checks.functions import NeedsValueError

flax, equinox = nn.integrations.flax, nn.integrations.equinox
BUILT = NNX(rngs=nnx.Rngs(0)), make_equinox()(jax.random.key(0))


class Counting(linen.Module):
    """A module with a collection of its own."""

    @linen.compact
    def __call__(self, x):
        self.variable("counts", "calls", jnp.zeros, ())
        return linen.Dense(3)(x)


class Cached(nnx.Module):
    """A module with a variable that is neither learned nor a statistic."""

    def __init__(self, rngs):
        self.inner = nnx.Linear(4, 3, rngs=rngs)
        self.cache = nnx.Cache(jnp.zeros(3))


def sequence(*names):
    return lambda key: eqx.nn.Sequential([eqx.nn.BatchNorm(4, name, mode="batch") for name in names])


def apply_with_key(model):
    return model.apply(model.init(jax.random.key(0)), X, key=jax.random.key(1))


def with_traced_rate(tool):
    return lambda: jax.eval_shape(lambda rate: model_of(tool, rate=rate) and rate, 0.5)


FOREIGN_CALLS = {
    "a number": (
        lambda: flax.model(3),
        TypeError,
        "flax.model: module must be a flax.linen.Module, or a function of rngs that builds an nnx.Module, not 3",
    ),
    "a class of linen": (
        lambda: flax.model(Linen, X),
        TypeError,
        "flax.model: Linen is a class; give a module, such as Linen()",
    ),
    "a module in place of a model": (
        lambda: nn.predict(Linen(), {}, X),
        TypeError,
        "predict: model must be a Model, a pair of functions (init, apply), not an object of type Linen; "
        "nn.integrations.flax.model makes one of it",
    ),
    "no sample": (
        lambda: flax.model(Linen()),
        TypeError,
        "flax.model: a linen module needs sample_x, such as x[:1], from which it takes its shapes",
    ),
    "a shape as sample": (
        lambda: flax.model(Linen(), (8, 8, 1)),
        TypeError,
        "flax.model: sample_x must be an array with examples on its first axis, such as x[:1], or a pytree of them, "
        "not (8, 8, 1)",
    ),
    "a sample without axes": (
        lambda: flax.model(Linen(), np.float32(1)),
        ValueError,
        "flax.model: sample_x must have a first axis, the examples, but np.float32(1.0) has no axes",
    ),
    "another collection": (
        lambda: flax.model(Counting(), X),
        ValueError,
        "flax.model: Counting has variables in 'counts'; a model carries 'params', which are learned, and …",
    ),
    "another variable": (
        lambda: flax.model(Cached),
        ValueError,
        "flax.model: cache is an nnx.Cache; a model carries nnx.Param, which is learned, and nnx.BatchStat. …",
    ),
    "a built module of NNX": (
        lambda: flax.model(BUILT[0]),
        TypeError,
        "flax.model: NNX is built already, and every training would start from the same weights; give a function of "
        "rngs, such as lambda rngs: NNX(rngs=rngs)",
    ),
    "a function that builds no module of NNX": (
        lambda: flax.model(lambda rngs: Linen()),
        TypeError,
        "flax.model: the function of rngs must build an nnx.Module, not Linen; a linen module is given as it is, …",
    ),
    "one keyword and a key": (
        lambda: jax.eval_shape(lambda: apply_with_key(model_of("linen"))),
        ValueError,
        "flax.model: outputs with dropout, by a key, need a module whose call takes deterministic and …",
    ),
    "a traced rate in linen": (
        with_traced_rate("linen"),
        NeedsValueError,
        "flax.model: Dropout_0 compares its rate in Python: make it an nn.choice(…), or call …",
    ),
    "a traced rate in NNX": (
        with_traced_rate("nnx"),
        NeedsValueError,
        "flax.model: dropout compares its rate in Python: make it an nn.choice(…), or call …",
    ),
    "no function": (
        lambda: equinox.model(3),
        TypeError,
        "equinox.model: make is 3; give a function of a key that builds the module, so that each training draws …",
    ),
    "a built module of Equinox": (
        lambda: equinox.model(BUILT[1]),
        TypeError,
        "equinox.model: Sequential is built already; give a function of a key that builds the module, so that each …",
    ),
    "a function that builds no module of Equinox": (
        lambda: equinox.model(lambda key: (1, 2)),
        TypeError,
        "equinox.model: make must build an equinox.Module, not tuple",
    ),
    "two axis names": (
        lambda: equinox.model(sequence("a", "b")),
        ValueError,
        "equinox.model: all batch norms must have one axis_name, that of the batch, not ['a', 'b']",
    ),
}
