"""Flax or Equinox in the lanes.

A module that you have trains in `nn.fit`, `nn.train` and `nn.sweep` without a change.
"""

# %% Data

import jax
import optax
from flax import linen, nnx

import jaxnn as nn

digits = nn.datasets.digits()
x, labels = digits.x.reshape(-1, 64) / 16, digits.targets
train, test = nn.train_test_split(
    jax.random.key(0), (x, labels), test=0.3, stratify=labels
)

# %% Linen
# A linen module is given as it is, with a few inputs that tell its shapes. If its call
# takes `train`, it is True in training; batch statistics are `nn.Buffer`s.


class Network(linen.Module):
    width: int = 32

    @linen.compact
    def __call__(self, x, train):
        x = linen.Dense(self.width, use_bias=False)(x)
        x = linen.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        return linen.Dense(10)(linen.relu(x))


model = nn.integrations.flax.model(Network(), train[0][:1])
recipe = nn.Recipe(
    model, nn.cross_entropy, optax.adam(0.01), batch_size=64, drop_last=True
)
result = nn.train(recipe, train, key=jax.random.key(1), epochs=5)
print(f"{nn.accuracy(nn.predict(model, result.params, test[0]), test[1]):.3f}")

# %% In a sweep
# Numbers of the recipe are traced, as ever: all learning rates share one program. Sizes
# inside of a module are Python numbers, so they are an `nn.choice`, and each of its values
# compiles a program. `nn.sizes` is for the layers of this library.
#
# The rate of a `linen.Dropout` is a choice too, since Flax compares it in Python.
# `nn.dropout(self.make_rng("dropout"), x, rate)` takes a traced one.
#
# `drop_last=True` leaves out a last minibatch that is not full: it is filled up with rows
# that a batch norm of Flax would count twice.


def make_recipe(hypers):
    module = Network(width=hypers["width"])
    model = nn.integrations.flax.model(module, train[0][:1])
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=64, drop_last=True)


# Several widths would be `nn.choice(16, 32, 64)`.
space = {"learning_rate": nn.log_uniform(1e-4, 0.1), "width": nn.choice(32)}
found = nn.sweep(
    make_recipe,
    space,
    train,
    key=jax.random.key(2),
    trials=12,
    epochs=4,
    validation=test,
    score=nn.accuracy,
)
print(found.best.hypers, round(found.best.score, 3))

# %% Back to Flax
# `nn.integrations.flax.variables` gives the variables that `module.apply` takes. A sweep
# keeps a lane axis for repeats and folds, so ask for the params of one lane.

params = found.params(found.best.trial, lane=0)
variables = nn.integrations.flax.variables(params)
module = Network(width=found.best.hypers["width"])
print(module.apply(variables, test[0], False).shape, list(variables))

# %% NNX
# An NNX module is given as a function of its rngs.


class Layers(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(64, 32, rngs=rngs)
        self.output = nnx.Linear(32, 10, rngs=rngs)

    def __call__(self, x):
        return self.output(nnx.relu(self.hidden(x)))


model = nn.integrations.flax.model(lambda rngs: Layers(rngs=rngs))
recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.01), batch_size=64)
result = nn.train(recipe, train, key=jax.random.key(1), epochs=4)
print(f"{nn.accuracy(nn.predict(model, result.params, test[0]), test[1]):.3f}")
module = Layers(nnx.Rngs(0))
nn.integrations.flax.update(module, result.params)

# %% Equinox
# A function of a key makes the module, which computes one example, as is usual there.

import equinox as eqx


def make(key):
    return eqx.nn.MLP(64, 10, width_size=32, depth=1, key=key)


model = nn.integrations.equinox.model(make)
recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.01), batch_size=64)
result = nn.train(recipe, train, key=jax.random.key(1), epochs=4)
print(f"{nn.accuracy(nn.predict(model, result.params, test[0]), test[1]):.3f}")
module = nn.integrations.equinox.module(make, result.params)
print(jax.vmap(module)(test[0]).shape)

# %% What is slower
# Dense layers lose little. Convolutions of Flax and Equinox are those of XLA, which become
# grouped ones in lanes and are slow. Give Flax this library's convolution, and pool with
# `nn.max_pool(x, 2)`:
#
# ```python
# convolution = nn.integrations.flax.conv_general_dilated
# linen.Conv(16, (3, 3), conv_general_dilated_cls=lambda: convolution)
# nnx.Conv(1, 16, (3, 3), conv_general_dilated=convolution, rngs=rngs)
# ```
#
# 256 CNNs of 8 and 16 filters in a sweep, two cores
# ([the benchmarks](../benchmarks.md)):
#
# | | trials a second |
# | --- | --- |
# | `nn.cnn` | 125 |
# | Flax with this convolution and pooling | 40 |
# | Flax | 5.4 |
# | Flax, jitted step, one by one | 21 |
