"""Resume, extend and reopen.

A run with a directory survives whatever ends its process. The same call goes on.
"""

# %% A run in a directory
# The directory keeps the configuration, a journal, the last two checkpoints, tables as
# CSV and a page to look at, `report.html`.

import jax
import optax

import jaxnn as nn

iris = nn.datasets.iris()
train, test = nn.train_test_split(
    jax.random.key(0), iris.data, test=1 / 3, stratify=iris.targets
)


def make_recipe(hypers):
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optimizer)


lanes = 4 * len(jax.devices())


def search(trials, epochs=27, **options):
    return nn.sweep(
        make_recipe,
        {"learning_rate": nn.log_uniform(1e-4, 1.0)},
        train,
        key=jax.random.key(1),
        trials=trials,
        epochs=epochs,
        validation=test,
        lanes=lanes,
        **options,
    )


first = search(16, directory="night", keep_states=True)
print(len(first.trials), first.best.trial)

# %% The same call again
# After Ctrl-C, SIGTERM, a crash or a full disk, run the same script. What has ended is
# read, what ran goes on from the last checkpoint, and the result has the bits of a run
# that was never interrupted. A run that has ended returns its result at once.

again = search(16, directory="night", keep_states=True)
assert (again.curves() == first.curves()).all()

# %% Another call
# Another recipe, space, key or other data are refused, with the name of the difference.

try:
    nn.sweep(
        make_recipe,
        {"learning_rate": nn.log_uniform(1e-4, 0.1)},
        train,
        key=jax.random.key(1),
        trials=16,
        epochs=27,
        validation=test,
        lanes=lanes,
        directory="night",
    )
except ValueError as error:
    print(str(error).splitlines()[0])

# %% More trials
# The same call with a larger `trials=` goes on with the next settings of the sampler. The
# trials before stay as they are.

more = search(24, directory="night", keep_states=True)
print(len(more.trials))
assert (more.curves()[:16] == first.curves()).all()

# %% More epochs
# A larger `epochs=` trains the trials that finished further. With `keep_states=True` they
# go on from where they ended, otherwise they start again. The run before stays as it is,
# and the new one is in the subfolder `continued-2`.

longer = search(24, epochs=40, directory="night", keep_states=True)
print(longer.curves().shape, longer.best.trial)

# %% Without a directory
# `extend` does the same in the process that ran the sweep.

result = search(8).extend(trials=16)
print(len(result.trials))

# %% Reopen it without the code
# `nn.sweeps.load` opens the table, the curves and the kept parameters, also while the
# sweep runs in another process. `python -m jaxnn.report night` writes the page. A model
# predicts with them; `replay` needs `make_recipe`, so make the call of `nn.sweep` again.

opened = nn.sweeps.load("night")
print(opened.to_pandas().sort_values("score").tail(2)[["learning_rate", "score"]])
params = opened.params(opened.best.trial, lane=0)
outputs = nn.predict(nn.mlp([4, 16, 3]), params, test[0])
print(f"{nn.accuracy(outputs, test[1]):.2f}")

# %% A single training
# `nn.train` has the same `directory=`. `state=` goes on without one: 20 epochs and then 20
# more give the bits of 40.

recipe = make_recipe({"learning_rate": 0.01})
half = nn.train(recipe, train, key=jax.random.key(2), epochs=20)
rest = nn.train(recipe, train, key=jax.random.key(2), epochs=40, state=half.state)
whole = nn.train(recipe, train, key=jax.random.key(2), epochs=40)
same = jax.tree.map(lambda a, b: bool((a == b).all()), rest.params, whole.params)
print(jax.tree.leaves(same))
