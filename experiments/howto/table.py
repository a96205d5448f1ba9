"""A table: from a CSV file to a network on disk.

Columns of text become numbers, a sweep fills in missing values and finds widths, and another
process predicts new rows with the network that was saved.
"""

# %% The file
# Four hundred patients, some without an age.

import pickle
from pathlib import Path

import jax
import numpy as np
import optax
import pandas
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import jaxnn as nn

rng = np.random.default_rng(0)
patients = pandas.DataFrame(
    {
        "age": rng.uniform(18, 90, 400).round(),
        "dose": rng.uniform(0, 40, 400).round(1),
        "clinic": rng.choice(["north", "south", "west"], 400),
    }
)
patients["effect"] = patients["dose"] + 0.2 * patients["age"] + rng.normal(0, 3, 400)
limits, names = [-100, 22, 36, 100], ["worse", "same", "better"]
patients["outcome"] = pandas.cut(patients["effect"], limits, labels=names)
patients.loc[rng.random(400) < 0.1, "age"] = np.nan
patients.to_csv("clinic.csv", index=False)

# %% Numbers
# `get_dummies` makes columns of 0 and 1 of a column of text, and `factorize` numbers the
# classes from 0. Missing values stay NaN for now.

table = pandas.read_csv("clinic.csv")
features = pandas.get_dummies(table.drop(columns=["effect", "outcome"]))
labels, classes = pandas.factorize(table["outcome"], sort=True)
x = features.to_numpy(np.float32)
print(list(features), list(classes), int(np.isnan(x).sum()), "missing")
train, test = nn.train_test_split(
    jax.random.key(0), (x, labels), test=0.25, stratify=labels
)

# %% Missing values and scales
# `prepare=` is fitted on the training rows of each fold alone. It is any function of x
# that returns a function of x; this one is a pipeline of scikit-learn.


def prepare(x):
    return make_pipeline(SimpleImputer(), StandardScaler()).fit(x).transform


# %% Search
# Widths and depths share one program. ASHA stops the poor ones, and `refit=True` trains
# the best once more on all rows.


def make_recipe(hypers):
    model = nn.mlp([5, *[hypers["width"]] * hypers["depth"], 3])
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=50)


space = {
    "width": nn.sizes(4, 32),
    "depth": nn.depth(1, 2),
    "learning_rate": nn.log_uniform(1e-3, 0.1),
}
result = nn.sweep(
    make_recipe,
    space,
    train,
    key=jax.random.key(1),
    trials=24,
    epochs=27,
    folds=3,
    scheduler=nn.asha(),
    prepare=prepare,
    score=nn.accuracy,
    refit=True,
)
print(result.best)
print(f"{nn.accuracy(result.refit.predict(test[0]), test[1]):.2f} on the test rows")

# %% Keep it
# `nn.save` writes arrays. What else a prediction needs is a few Python objects.

nn.save(result.refit.params, "clinic.npz")
others = result.best.hypers, result.refit.preparation, list(features), list(classes)
Path("clinic.pickle").write_bytes(pickle.dumps(others))

# %% In another process
# `make_recipe` makes the model again, and `like=` tells the structure of the file.
# `reindex` gives a new table the columns of the first.

hypers, preparation, columns, classes = pickle.loads(Path("clinic.pickle").read_bytes())
model = make_recipe(hypers).model
like = jax.eval_shape(model.init, jax.random.key(0))
params = nn.load("clinic.npz", like=like)

new = pandas.DataFrame(
    {"age": [35, None], "dose": [5, 38], "clinic": ["south", "east"]}
)
new_x = pandas.get_dummies(new).reindex(columns=columns, fill_value=0)
outputs = nn.predict(model, params, preparation(new_x.to_numpy(np.float32)))
print([classes[label] for label in outputs.argmax(axis=1)])

# %% Imbalanced classes
# With `nn.balanced_weights` all classes weigh the same: targets are then a pair, which
# `nn.weighted` takes apart.

prepared = prepare(train[0])(train[0])
targets = train[1], nn.balanced_weights(train[1])
recipe = nn.Recipe(model, nn.weighted(nn.cross_entropy), optax.adam(0.01))
balanced = nn.train(recipe, (prepared, targets), key=jax.random.key(2), epochs=60)
outputs = nn.predict(model, balanced.params, prepared)
print(f"{nn.balanced_accuracy(outputs, train[1]):.2f}")

# %% Regression
# Numbers as targets have the shape (rows, 1), which double brackets give. They are scaled too;
# `nn.unscale` gives predictions in their own units.

effects = table[["effect"]].to_numpy(np.float32)
scaling = nn.standard_scaling(effects)
inputs = prepare(x)(x)
recipe = nn.Recipe(nn.mlp([5, 16, 1]), nn.squared_error, optax.adam(0.01))
data = inputs, nn.scale(scaling, effects)
fitted = nn.train(recipe, data, key=jax.random.key(3), epochs=100)
predicted = nn.unscale(scaling, nn.predict(recipe.model, fitted.params, inputs))
print(f"r² {nn.r_squared(predicted, effects):.2f}")
