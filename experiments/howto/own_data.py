"""Your own data: a DataFrame, images, a loader.

This page trains on a DataFrame, on images, on a file larger than memory and on a loader.
Data are a pair `(x, targets)` of arrays with the examples on the first axis: features
are numbers, and labels whole numbers from 0. For missing values, text, and new rows
see [a table](table.md).
"""

# %% A DataFrame
# `to_numpy` makes arrays of its columns. `pandas.factorize` numbers the classes, and
# `get_dummies` turns a column of categories into columns of 0 and 1.

import jax
import numpy as np
import optax
import pandas

import jaxnn as nn

rng = np.random.default_rng(0)
table = pandas.DataFrame(
    {
        "age": rng.uniform(18, 90, 300),
        "dose": rng.uniform(0, 40, 300),
        "clinic": rng.choice(["north", "south"], 300),
    }
)
better = table["dose"] + 0.2 * table["age"] + rng.normal(0, 4, 300) > 30
table["outcome"] = np.where(better, "better", "same")

columns = pandas.get_dummies(table[["age", "dose", "clinic"]])
x = columns.to_numpy(np.float32)
labels, classes = pandas.factorize(table["outcome"], sort=True)
print(list(columns), list(classes))

# %% Scale it
# Networks learn best from features of about the same size. Fit the scaling on the
# training part alone, and apply it to both; `prepare=nn.standard_scaling` does so for
# each fold of an `nn.sweep`.

train, test = nn.train_test_split(
    jax.random.key(0), (x, labels.astype(np.int32)), test=0.25, stratify=labels
)
scaling = nn.standard_scaling(train[0])
scaled_train = nn.scale(scaling, train[0]), train[1]
scaled_test = nn.scale(scaling, test[0]), test[1]

recipe = nn.Recipe(nn.mlp([4, 16, 2]), nn.cross_entropy, optax.adam(0.01))
result = nn.train(
    recipe, scaled_train, key=jax.random.key(1), epochs=100, validation=scaled_test
)
print(nn.evaluate(recipe, result.params, scaled_test, score=nn.accuracy))

# %% What is refused
# Data are checked before anything compiles. An error names the rule, the row and the
# value: missing values, labels beyond the classes, a wrong number of features.

holes = np.array(scaled_train[0])
holes[7, 1] = np.nan
try:
    nn.train(recipe, (holes, train[1]), key=jax.random.key(1), epochs=1)
except ValueError as error:
    print(error)

# %% Images
# Images are (batch, height, width, channels); grey ones have one channel. They may stay
# `uint8` in memory: a first part of the model scales each minibatch. Files are read with
# the tool of your choice, such as Pillow: `np.stack([np.asarray(Image.open(path)) for path
# in paths])`.

images = rng.integers(0, 100, (120, 12, 12, 3), dtype=np.uint8)
colours = rng.integers(0, 3, 120, dtype=np.int32)
images[np.arange(120), :, :, colours] += 100

model = nn.chain(lambda x: x / 255, nn.cnn((12, 12, 3), (8,), 3))
recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.01), batch_size=40)
result = nn.train(recipe, (images, colours), key=jax.random.key(2), epochs=12)
print(f"{nn.accuracy(nn.predict(model, result.params, images), colours):.3f}")

# %% Data larger than memory
# `nn.shuffled_batches` reads minibatches from a file that NumPy maps into memory. It is a
# function of the epoch, so a run with `directory=` resumes with it to the bit.

np.save("x.npy", scaled_train[0])
on_disk = np.load("x.npy", mmap_mode="r")
batches = nn.shuffled_batches(jax.random.key(3), (on_disk, train[1]), batch_size=32)
recipe = nn.Recipe(nn.mlp([4, 16, 2]), nn.cross_entropy, optax.adam(0.01))
result = nn.train(recipe, batches, key=jax.random.key(1), epochs=20)
print(result.losses[[0, -1]])

# %% A loader
# Any iterable of `(x, targets)` that starts anew for each epoch serves, such as PyTorch's
# `DataLoader`. Its worker processes need `multiprocessing_context="spawn"`. A generator
# function of the epoch serves too:


def read_batches(epoch):
    order = np.random.default_rng(epoch).permutation(len(train[1]))
    for rows in np.array_split(order, 8):
        yield scaled_train[0][rows], train[1][rows]


result = nn.train(recipe, read_batches, key=jax.random.key(1), epochs=20)
print(result.losses[[0, -1]])

# %% More than one input
# x and targets may be dicts, tuples or other pytrees of arrays, which share their first
# axis. The model and the loss take them apart.


def init(key):
    return nn.init_dense(key, 4, 2)


def apply(params, x, *, key=None):
    return nn.dense(params, jax.numpy.concatenate([x["who"], x["what"]], axis=1))


parts = {"who": scaled_train[0][:, :2], "what": scaled_train[0][:, 2:]}
recipe = nn.Recipe(nn.Model(init, apply), nn.cross_entropy, optax.adam(0.1))
result = nn.train(recipe, (parts, train[1]), key=jax.random.key(1), epochs=50)
print(result.losses[[0, -1]])
