"""How it is fast.

Three things: arrays are batch last inside, trials share lanes of one program, and that
program is compiled once. All figures are of [the benchmarks](../benchmarks.md), on two
cores.
"""

# %% Batch last
# What you touch is batch first. Inside, every layer, activation and loss computes with the
# examples on the last axis, so that they lie along the vector unit of the processor. A
# batch of 32 rows of 4 features is 32 short rows, or 4 long ones: the long ones are twice
# as fast. XLA removes the transposes between layers, so use the activations of this
# library between its layers: `nn.relu`, and not `jax.nn.relu`.

import time

import jax
import jax.numpy as jnp
import optax

import jaxnn as nn

# %% Lanes
# A sweep is one compiled program with a number of *lanes*. A trial takes a lane, trains
# there for some epochs, and is compared, stopped or continued. A lane that is free gets
# the next trial. `occupancy` is the share of lane-epochs that trained.

iris = nn.datasets.iris()


def make_recipe(hypers):
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optimizer)


def search():
    started = time.perf_counter()
    result = nn.sweep(
        make_recipe,
        {"learning_rate": nn.log_uniform(1e-4, 1.0), "width": nn.sizes(4, 16)},
        iris.data,
        key=jax.random.key(0),
        trials=128,
        epochs=81,
        validation=iris.data,
        scheduler=nn.asha(grace_period=3),
        lanes=8 * len(jax.devices()),
    )
    return result, time.perf_counter() - started


result, cold = search()
print(f"{100 * result.occupancy:.0f} % of the lanes trained")

# %% Compiled once
# Compilation takes seconds and a training milliseconds. The second call computes the same,
# so it compiles nothing; a new recipe or key, other bounds and more trials do not either.
# Each combination of `nn.choice` values, other shapes and other types compile anew.

_, warm = search()
print("the second call is faster:", warm < cold)

# %% A loop of your own
# A call of `nn.fit` outside `jax.jit` compiles each time. Jit one function of the setting,
# and call it: it compiles once. Or map over it, and all settings train side by side.

train, test = nn.train_test_split(
    jax.random.key(0), iris.data, test=1 / 3, stratify=iris.targets
)


@jax.jit
def final_accuracy(learning_rate):
    optimizer = optax.adam(learning_rate)
    recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optimizer)
    fitted = nn.fit(recipe, train, key=jax.random.key(1), epochs=100)
    return nn.accuracy(nn.predict(recipe.model, fitted.params, test[0]), test[1])


for rate in (0.001, 0.01, 0.1):
    print(rate, final_accuracy(rate))
print(jax.vmap(final_accuracy)(jnp.array([0.001, 0.01, 0.1])))

# %% Keep the programs
# `nn.use_compilation_cache()`, called after the imports, keeps programs on disk, and the
# next process loads them. `nn.use_all_cores()`, called before JAX computes anything, makes
# each core a device with lanes of its own.

# %% Where time goes
# - Evaluation after every epoch costs an iris sweep a fifth: `evaluate_at="rungs"`
#   evaluates only where trials are compared.
# - A space of widths costs as much as its largest. A range such as 8 to 512 is divided
#   into a few programs.
# - A `score=` of NumPy or scikit-learn leaves the compiled program; those of `nn` do not.
# - Data are copied to the device once. Batches that stream are read by a thread.

# %% What it comes to
# What a user waits for a search, whole processes with imports and compilation:
#
# | | jaxnn, cold | warm cache | second call | PyTorch | scikit-learn |
# | --- | --- | --- | --- | --- | --- |
# | iris, 64 trials × 500 epochs | 3.5 s | 2.4 s | 0.29 s | 9.2 s | 8.9 s |
# | iris, 1,024 trials × 500 epochs | 4.0 s | 3.3 s | 0.99 s | ≈ 88.0 s | ≈ 72.4 s |
#
# How many times as long others take for the same trainings, once all is compiled:
#
# | | scikit-learn | PyTorch | Flax, jitted step | plain `vmap` |
# | --- | --- | --- | --- | --- |
# | 1,024 networks 4-16-3, 500 epochs | 69× | 135× | 38× | 3.9× |
# | 256 CNNs on 8×8 digits, 4 epochs | | 6.1× | 5.1× | 20× |
# | one CNN on 28×28, 32 and 64 filters | | 1.7× | 4.9× | |
# | one network 4-16-3, 500 steps | 25× | 43× | 7.3× | |
#
# Slower than others: residual networks on 32×32 images, where a step of PyTorch takes
# 109 ms and one of `nn.fit` 278 ms.
