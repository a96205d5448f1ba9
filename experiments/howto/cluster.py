"""A cluster.

A sweep is one process with all devices of its machine. On several machines, run several
sweeps: they share compiled programs, and their tables are put together.
"""

# %% A job that survives
# Schedulers of clusters kill jobs. With `directory=` on the shared disk, the same job goes
# on where it was: it saves on SIGTERM, and `save_every=` seconds besides. Submit it again
# until it has ended.

import jax
import optax

import jaxnn as nn

iris = nn.datasets.iris()


def make_recipe(hypers):
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optimizer)


def search(job):
    return nn.sweep(
        make_recipe,
        {"learning_rate": nn.log_uniform(1e-4, 1.0)},
        iris.data,
        key=jax.random.fold_in(jax.random.key(0), job),
        trials=16,
        epochs=50,
        folds=5,
        directory=f"sweep-{job}",
        save_every=30,
    )


# %% Several machines
# Each job has a number, such as `int(os.environ["SLURM_ARRAY_TASK_ID"])`, and a key of its
# own, so that it draws other settings.

for job in range(2):
    search(job)

# %% One table
# `nn.sweeps.load` opens a directory without the code of the job, also while it runs.

import pandas

tables = [nn.sweeps.load(f"sweep-{job}").to_pandas() for job in range(2)]
table = pandas.concat(tables, keys=range(2), names=["job"])
print(table.sort_values("score").tail(3)[["learning_rate", "score"]])

# %% Compiled programs
# `nn.use_compilation_cache("/shared/programs")` right after the imports keeps compiled
# programs on the shared disk, so that the next job loads them. Programs of each version and
# each kind of processor are kept apart.

# %% Another machine
# A directory refuses to go on under other versions, devices or numbers of cores, since bits
# would differ. `on_mismatch="continue"` keeps the trials that have ended and starts the
# others again.
