"""A sweep, from ten lines to ASHA over widths and depths.

From a search of one learning rate to one of widths, depths and rates that stops poor
trials early, draws what came out, and predicts with the best.
"""

# %% Ten lines
# `make_recipe` says what a setting trains, and the space says where settings come from.
# `nn.sweep` trains them side by side in one compiled program.

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


space = {"learning_rate": nn.log_uniform(1e-4, 1.0)}
result = nn.sweep(
    make_recipe, space, train, key=jax.random.key(1), trials=32, epochs=100, folds=5
)
print(result)

# %% What came out
# The score of a trial is minus its mean validation loss, unless you give `score=`.
# `table()` is a list of dicts, `to_pandas()` a DataFrame, and `predict` uses the networks
# of the best setting: here those of five folds, whose outputs are averaged.

print(result.best.hypers, result.best.score)
table = result.to_pandas()
print(table.sort_values("score").tail(3)[["learning_rate", "status", "score"]])
print(f"{nn.accuracy(result.predict(test[0]), test[1]):.3f}")

# %% Widths and depths
# `nn.sizes` is a width and `nn.depth` a number of layers. They are traced too: all widths
# and depths below share one program, which is that of the largest network, and each trial
# trains exactly its own. `nn.switch(nn.relu, nn.tanh)` picks a function. `nn.choice` takes any Python
# values, but each combination of them compiles a program of its own, for seconds.


def make_recipe(hypers):
    hidden = [hypers["width"]] * hypers["depth"]
    model = nn.mlp([4, *hidden, 3])
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["decay"])
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=20)


space = {
    "width": nn.sizes(4, 32),
    "depth": nn.depth(1, 3),
    "learning_rate": nn.log_uniform(1e-4, 1.0),
    "decay": nn.log_uniform(1e-5, 1.0),
}

# %% ASHA
# A scheduler compares trials at rungs and stops the poor ones; their lanes go to the next
# trials. `nn.asha` compares after 5 and 15 epochs here, and lets the best third go
# on. `stop=` ends a single training early, and `first=` names settings to try first.

known = {"width": 16, "depth": 1, "learning_rate": 0.01, "decay": 0.001}
result = nn.sweep(
    make_recipe,
    space,
    train,
    key=jax.random.key(1),
    trials=60,
    epochs=45,
    folds=5,
    scheduler=nn.asha(grace_period=5, reduction_factor=3),
    first=[known],
    keep=5,
)
table = result.to_pandas()
print(table["status"].value_counts().to_dict())
print(table.sort_values("score").tail(3)[[*space, "epochs", "score"]])
print(jax.tree.map(lambda leaf: leaf.shape, result.params(result.best.trial, lane=0)))

# %% Look at it
# `importance` tells which hypers the score depends on (extra `datasets`). `report` writes
# a page with the curves, the table and the settings, to open in a browser.

print({name: round(share, 2) for name, share in result.importance().items()})
result.report("report.html")
drawing, [[curves, lines]] = nn.plots.figure(1, 2, size=(6.0, 4.0))
nn.plots.sweep_curves(curves, result)
nn.plots.parallel_coordinates(lines, result)
nn.plots.save(drawing, "sweep.png")

# %% Use it
# The networks of the best setting, and those of the five best as an ensemble. `keep=` says
# of how many trials the parameters are kept; `result.replay(3)` computes those of any
# trial again, to the bit. `refit=True` trains the best setting once more on all rows.

print(f"{nn.accuracy(result.predict(test[0]), test[1]):.3f}")
print(f"{nn.accuracy(result.predict(test[0], best=5), test[1]):.3f}")

# %% All cores
# On a CPU, call `nn.use_all_cores()` right after the imports, before JAX computes
# anything: each core then trains lanes of its own. `nn.use_compilation_cache()` keeps the
# compiled programs for the next process.
