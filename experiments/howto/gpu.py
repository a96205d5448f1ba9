"""GPU.

The same code runs on a GPU: install [JAX for it](https://docs.jax.dev/en/latest/installation.html),
such as `pip install "jax[cuda12]"`, and nothing changes.
"""

# %% Which device
# JAX computes on a GPU if it finds one. `nn.show_versions()` prints the devices; in the
# environment, `JAX_PLATFORMS=cpu` or `JAX_PLATFORMS=cuda` decides.

import jax
import optax

import jaxnn as nn

nn.show_versions()

# %% Many lanes
# A single small network leaves a GPU idle. A sweep fills it: `lanes="auto"` fits the
# trainings side by side to the speed and the memory of the card, and a sweep that finds
# too little memory runs fewer, with a warning.

iris = nn.datasets.iris()


def make_recipe(hypers):
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optimizer)


result = nn.sweep(
    make_recipe,
    {"learning_rate": nn.log_uniform(1e-4, 1.0)},
    iris.data,
    key=jax.random.key(0),
    trials=64,
    epochs=50,
    folds=5,
)
print(result.best)

# %% How fast
# Steps a second on an H100, trainings side by side by `jax.vmap`
# ([the benchmarks](../benchmarks.md)):
#
# | | lanes | steps a second |
# | --- | --- | --- |
# | iris 4-16-3 | 1 | 76 k |
# | | 4,096 | 39.5 M |
# | 8×8 CNN, 8 and 16 filters | 1 | 30 k |
# | | 256 | 641 k |
# | 28×28 CNN, 32 and 64 filters | 1 | 6.8 k |
# | | 32 | 12.1 k |
#
# A sweep of 65,536 iris networks of 500 epochs takes 3.6 s, the first call with
# compilation included. A program compiles in seconds, so few trials on a GPU are slower
# than on a CPU.

# %% Memory
# JAX reserves three quarters of the memory for each process. Two processes on one card
# need `XLA_PYTHON_CLIENT_PREALLOCATE=false`, or a share for each by
# `XLA_PYTHON_CLIENT_MEM_FRACTION=0.4`, in the environment. `CUDA_VISIBLE_DEVICES=1` gives
# a process one card of several.

# %% Several cards
# A sweep distributes its lanes over all devices of the process. The bits of a trial depend
# on the number of devices, so a run directory goes on with as many.

print(len(jax.devices()), "devices")

# %% Precision
# A GPU multiplies matrices in TF32 unless told otherwise, with about three digits:
# `jax.config.update("jax_default_matmul_precision", "highest")` gives float32.
# Double precision is `jax.config.update("jax_enable_x64", True)`.
