"""Your own layer and model.

This page writes a layer, a model of it, and a layer with a running mean, and searches and
freezes them. A layer is a function of its parameters, and a model is a pair of functions:
there is no class to derive from and nothing to register.
"""

# %% A layer
# Parameters are any pytree of arrays; a NamedTuple gives them names. `init_…` draws them
# from a key, and the layer computes `(batch, …)` from `(batch, …)`. This one multiplies
# two dense layers, so that one of them opens and closes the other.

from typing import NamedTuple

import jax
import optax

import jaxnn as nn


class Gated(NamedTuple):
    value: nn.Affine
    gate: nn.Affine


def init_gated(key, inputs, outputs):
    value_key, gate_key = jax.random.split(key)
    value = nn.init_dense(value_key, inputs, outputs)
    return Gated(value, nn.init_dense(gate_key, inputs, outputs))


def gated(params, x):
    return nn.dense(params.value, x) * nn.sigmoid(nn.dense(params.gate, x))


params = init_gated(jax.random.key(0), 4, 16)
print(gated(params, jax.numpy.ones((5, 4))).shape)

# %% A model
# `nn.Model` has `init(key) -> params` and `apply(params, x, *, key=None) -> outputs`.
# Training passes a key to `apply`, and evaluation none: that is how `nn.dropout` knows.


def make_model(width, rate=0.0):
    def init(key):
        keys = jax.random.split(key)
        hidden, output = init_gated(keys[0], 4, width), nn.init_dense(keys[1], width, 3)
        return {"hidden": hidden, "output": output}

    def apply(params, x, *, key=None):
        hidden = nn.mask_units(gated(params["hidden"], x), width)
        if key is not None:
            hidden = nn.dropout(key, hidden, rate)
        return nn.dense(params["output"], hidden)

    return nn.Model(init, apply)


iris = nn.datasets.iris()
train, test = nn.train_test_split(
    jax.random.key(0), iris.data, test=1 / 3, stratify=iris.targets
)
model = make_model(16, rate=0.1)
recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.02))
result = nn.train(recipe, train, key=jax.random.key(1), epochs=150)
print(f"{nn.accuracy(nn.predict(model, result.params, test[0]), test[1]):.3f}")

# %% The same model in a sweep
# Numbers such as a learning rate are traced, so all their values share one program. So do
# the widths of `nn.sizes`: arrays then have the largest width, and the units beyond that of
# a trial must be 0. Two rules keep them so:
#
# - Draw weights with `nn.init_dense` and the like: `nn.init_dense(key, 4, width).weight` is
#   an array of such a width, and `jax.random.normal(key, (4, width))` is refused.
# - Call `nn.mask_units` after each activation, as `apply` does: `jnp.cos(0)` is 1. It takes
#   plain numbers as well, and then does nothing.
#
# A number that Python itself needs, such as a stride, is an `nn.choice`.


def make_recipe(hypers):
    model = make_model(hypers["width"], hypers["rate"])
    return nn.Recipe(model, nn.cross_entropy, optax.adam(hypers["learning_rate"]))


space = {
    "width": nn.sizes(2, 32),
    "rate": nn.uniform(0.0, 0.5),
    "learning_rate": nn.log_uniform(1e-3, 0.3),
}
found = nn.sweep(
    make_recipe, space, train, key=jax.random.key(2), trials=16, epochs=100, folds=4
)
print(found.best.hypers)
print(jax.tree.map(lambda leaf: leaf.shape, found.params(found.best.trial, lane=0)))

# %% A loss, a score, an activation
# A loss gives one value for each example, so those of optax fit. An activation is any
# function of an array, and a score gives one number, where higher is better.

import jax.numpy as jnp


def squared_hinge(outputs, labels):
    signs = 2 * jax.nn.one_hot(labels, 3) - 1
    return (jnp.maximum(0, 1 - signs * outputs) ** 2).sum(axis=1)


def squared_relu(x):
    return jnp.maximum(x, 0) ** 2


model = nn.mlp([4, 16, 3], activation=squared_relu)
recipe = nn.Recipe(model, squared_hinge, optax.adam(0.01))
result = nn.train(recipe, train, key=jax.random.key(3), epochs=150)
print(f"{nn.accuracy(nn.predict(model, result.params, test[0]), test[1]):.3f}")

# %% Numbers that are carried and not learned
# A running average, a counter or a fixed table is an `nn.Buffer` among the params. A model
# with buffers has a third function, `train_apply`, which training calls in place of
# `apply`, and which returns their new values. This layer subtracts the mean of the rows
# that it has seen. `where` is False for rows that only fill up the last minibatch, or
# None. Of a width of `nn.sizes`, zeros are `nn.init_dense(key, 1, width).bias`.


class Centred(NamedTuple):
    dense: nn.Affine
    mean: nn.Buffer


def init_centred(key, inputs, outputs):
    return Centred(nn.init_dense(key, inputs, outputs), nn.Buffer(jnp.zeros(inputs)))


def centred(params, x):
    return nn.dense(params.dense, x - params.mean.value)


def train_centred(params, x, where=None):
    rows = None if where is None else where[:, None]
    mean = 0.9 * params.mean.value + 0.1 * x.mean(axis=0, where=rows)
    params = params._replace(mean=nn.Buffer(mean))
    return centred(params, x), params


# %% A model with buffers


def init(key):
    hidden, output = jax.random.split(key)
    return {
        "hidden": init_centred(hidden, 4, 16),
        "output": nn.init_dense(output, 16, 3),
    }


def apply(params, x, *, key=None):
    return nn.dense(params["output"], nn.relu(centred(params["hidden"], x)))


def train_apply(params, x, *, key, where=None):
    x, hidden = train_centred(params["hidden"], x, where)
    return nn.dense(params["output"], nn.relu(x)), params | {"hidden": hidden}


model = nn.Model(init, apply, train_apply)
recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.02), batch_size=30)
result = nn.train(recipe, train, key=jax.random.key(4), epochs=40)
print(result.params["hidden"].mean.value.round(1), train[0].mean(axis=0).round(1))

# %% Freeze it
# `nn.freeze` names parts of the params that learn nothing more, buffers included.
# `nn.unfreeze` gives the params of the model itself.

frozen = nn.freeze(model, ["hidden"], params=result.params)
tuned = nn.train(recipe._replace(model=frozen), train, key=jax.random.key(5), epochs=20)
params = nn.unfreeze(tuned.params)
print((params["hidden"].mean.value == result.params["hidden"].mean.value).all())
print(f"{nn.accuracy(nn.predict(model, params, test[0]), test[1]):.2f}")
