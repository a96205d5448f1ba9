"""A cluster.

A sweep of very many trials, or on several machines, is divided into blocks. Any number
of workers gives the same table, to the byte, as one process.
"""

# %% Blocks
# `block=` is the number of trials of a block. A block has a scheduler of its own, and its
# results depend on the sweep and the number of the block alone.

import jax
import optax

import jaxnn as nn

iris = nn.datasets.iris()


def make_recipe(hypers):
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optimizer)


def search(trials, data=iris.data, **options):
    return nn.sweep(
        make_recipe,
        {"learning_rate": nn.log_uniform(1e-4, 1.0)},
        data,
        key=jax.random.key(0),
        trials=trials,
        epochs=27,
        folds=5,
        scheduler=nn.asha(grace_period=3),
        block=16,
        **options,
    )


result = search(32, directory="night")
print(result.best)

# %% Workers
# `executor=` runs the blocks, on any executor of `concurrent.futures` (extra `cluster`).
# The call is the same, and so are its results.
#
# On this computer; workers import the script, so it needs a main guard. They use all cores,
# and so should the script, whose bits are then theirs:
#
# ```python
# nn.use_all_cores()  # right after the imports
#
# if __name__ == "__main__":
#     search(32, executor=nn.executors.processes(2))
# ```
#
# Dask on Slurm, one worker a machine:
#
# ```python
# cluster = dask_jobqueue.SLURMCluster(cores=32, processes=1, memory="64GB")
# cluster.scale(jobs=10)
# with distributed.Client(cluster) as client:
#     search(10_000, executor=client.get_executor(), directory="/shared/night")
# ```
#
# Ray, a card for each worker: `executor=nn.executors.ray(num_gpus=1)`. MPI:
# `mpiexec -n 9 python -m mpi4py.futures script.py` with
# `executor=mpi4py.futures.MPIPoolExecutor()`.

# %% What travels
# Recipes, scores, spaces and data are sent to the workers, lambdas and closures too. An
# open file or a lock is not, and the error names the part that holds it. A worker keeps
# data and compiled programs for its next block.
#
# A worker needs the same versions, instruction set and kind of GPU, since these decide
# bits: others are refused by name. Numbers of devices and cores may differ.
#
# Where this process computes other bits than the workers, `result.replay(trial)` runs on the
# executor of the sweep, or on that of `result.replay(trial, executor=...)`.

# %% Large data
# A function without arguments may load the data: each worker calls it once, and the
# arrays do not travel. A worker that loads other bytes than this process is refused. To the
# directory it is the same sweep.


def load():
    return nn.datasets.iris().data


loaded = search(32, load, directory="night")
print((loaded.scores == result.scores).all())

# %% A job that is killed
# Schedulers of clusters kill jobs. With `directory=` on a shared disk the same call goes
# on, with other workers or none: every block that is done is kept. A larger `trials=` adds
# blocks. Workers that die change no bit.

more = search(48, directory="night")
print(len(more.trials), (more.scores[:32] == result.scores).all())

# %% Look at it meanwhile
# `nn.sweeps.load` opens the directory from another process, without the code of the sweep.

opened = nn.sweeps.load("night")
print(opened.to_pandas()["status"].value_counts().to_dict())

# %% Compiled programs
# `nn.use_compilation_cache("/shared/programs")` right after the imports keeps compiled
# programs on a shared disk, also for the workers. Programs of each version and each kind of
# processor are kept apart.

# %% GPUs
# A worker uses all cards that it sees. Ray pins them with `num_gpus=1`. On Slurm ask for
# them in the job, `job_extra_directives=["--gpus=1"]`. Start the script itself with
# `JAX_PLATFORMS=cpu` where it shares a machine with a worker.
