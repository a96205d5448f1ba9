"""What is bit-exact and what is not.

Equal bits let you compare two runs, find a bug in one and trust a resumed one. This page
says what decides them.
"""

# %% One key decides all random numbers
# Initial weights, the order of minibatches, dropout and augmentation are drawn from `key`.
# Nothing is drawn from a global generator.

import jax
import numpy as np
import optax

import jaxnn as nn

iris = nn.datasets.iris()
train, test = nn.train_test_split(
    jax.random.key(0), iris.data, test=1 / 3, stratify=iris.targets
)
recipe = nn.Recipe(
    nn.mlp([4, 16, 3], dropout=0.1), nn.cross_entropy, optax.adam(0.01), batch_size=30
)


def equal(one, other):
    same = jax.tree.map(lambda a, b: bool((a == b).all()), one, other)
    return all(jax.tree.leaves(same))


one = nn.train(recipe, train, key=jax.random.key(0), epochs=10)
other = nn.train(recipe, train, key=jax.random.key(0), epochs=10)
print(equal(one.params, other.params))

# %% A trial does not depend on its neighbours
# In a sweep, a trial has the bits of its settings, its key, the data and the program: not
# those of its lane, its start, the trials beside it or the scheduler. A sweep of fewer
# trials has the same first trials if it runs as many lanes at a time (`lanes=`).


def make_recipe(hypers):
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optimizer)


lanes = 4 * len(jax.devices())


def search(trials, scheduler=None):
    return nn.sweep(
        make_recipe,
        {"learning_rate": nn.log_uniform(1e-4, 1.0)},
        train,
        key=jax.random.key(1),
        trials=trials,
        epochs=27,
        validation=test,
        scheduler=scheduler,
        lanes=lanes,
    )


large, small = search(24), search(8)
print((large.curves()[:8] == small.curves()).all())

# %% A trial that was stopped has the same beginning

stopped = search(24, nn.asha(grace_period=3)).curves()
ran = np.isfinite(stopped)
print((stopped[ran] == large.curves()[ran]).all(), ran.sum(axis=1).tolist())

# %% Replay
# `replay` computes any trial again, up to the epoch of its score: params that were not
# kept are not lost.

print(equal(small.replay(3).params, large.replay(3).params))

# %% What changes bits
#
# | change | bits |
# | --- | --- |
# | kill and resume, in `directory=` | the same |
# | more trials, more epochs (`state=`, `keep_states=`) | the same |
# | other trials beside a trial, another lane, a scheduler | the same |
# | another number of lanes at a time | other last digits |
# | `nn.train` and the same setting in `nn.sweep` | other last digits |
# | versions of jax, jaxlib, numpy, optax or jaxnn | may differ |
# | number of devices or cores | may differ |
# | another model of processor, other XLA flags | may differ |
# | CPU and GPU | differ |
# | a GPU, twice | may differ: XLA chooses kernels by timing them |
#
# "Other last digits" are about 1e-7 of a number at first. Training can make them larger,
# so compare trainings of different programs by their scores.

# %% Why the number of lanes matters
# A processor adds numbers in another order when it computes 8 networks side by side than
# when it computes 32, and floating-point sums depend on the order. A run directory records
# the lanes, and a resumed sweep keeps them.

wide = nn.sweep(
    make_recipe,
    {"learning_rate": nn.log_uniform(1e-4, 1.0)},
    train,
    key=jax.random.key(1),
    trials=24,
    epochs=27,
    validation=test,
    lanes=3 * lanes,
)
difference = np.abs(wide.curves() - large.curves()).max()
print("differs by less than 0.01:", difference < 0.01)
