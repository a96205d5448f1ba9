"""Cross-validation with groups.

Several rows of one patient, one day or one recording are alike. If some of them train
and others validate, the score is too good. Groups stay in one fold, and the score is
then that of patients whom the network has not seen.
"""

# %% Data
# Forty patients with five rows each. The rows of a patient share a level of their own.

import jax
import numpy as np
import optax
from sklearn.model_selection import StratifiedGroupKFold

import jaxnn as nn

rng = np.random.default_rng(0)
patients = np.repeat(np.arange(40), 5)
labels = np.repeat(rng.integers(0, 2, 40), 5).astype(np.int32)
levels = rng.normal(size=(40, 6))[patients]
x = levels + 0.3 * rng.normal(size=(200, 6))
x[:, 0] += 1.2 * labels
x = (100 + 20 * x).astype(np.float32)

# %% Groups and scaling
# `folds=5` divides the rows, `groups=` keeps those of a patient together; its labels may be
# strings, such as a column of a DataFrame. `prepare=` is fitted on the training rows of each
# fold alone. `refit=True` trains the best setting once more on all rows.


def make_recipe(hypers):
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["decay"])
    return nn.Recipe(nn.mlp([6, 16, 2]), nn.cross_entropy, optimizer)


space = {
    "learning_rate": nn.log_uniform(1e-3, 0.1),
    "decay": nn.log_uniform(1e-3, 10.0),
}
options = {"key": jax.random.key(0), "trials": 16, "epochs": 60}
result = nn.sweep(
    make_recipe,
    space,
    (x, labels),
    folds=5,
    groups=patients,
    prepare=nn.standard_scaling,
    score=nn.accuracy,
    refit=True,
    **options,
)
best = result.trials[result.best.trial]
print(f"{best.score:.3f} ± {best.score_std:.3f} over the folds")
print(result.refit.predict(x[:3]).shape)

# %% What it is without groups
# The same search with rows of a patient on both sides: the score promises too much.

mixed = nn.sweep(
    make_recipe,
    space,
    (x, labels),
    folds=5,
    prepare=nn.standard_scaling,
    score=nn.accuracy,
    **options,
)
print(f"{mixed.best.score:.3f} without groups")

# %% Splitters of scikit-learn
# `folds=` takes any object with `split`. `StratifiedGroupKFold` also gives every fold equal
# shares of the classes; `TimeSeriesSplit` never trains on the future, `GroupKFold` and
# `ShuffleSplit(random_state=0)` serve likewise.

result = nn.sweep(
    make_recipe,
    space,
    (x, labels),
    folds=StratifiedGroupKFold(5),
    groups=patients,
    prepare=nn.standard_scaling,
    score=nn.accuracy,
    **options,
)
print(f"{result.best.score:.3f}")

# %% Folds of your own
# `nn.k_folds` gives row numbers, for a loop of your own or for `folds=`. Nested
# cross-validation is a loop over outer folds with a sweep inside.

folds = nn.k_folds(jax.random.key(1), len(x), 4, groups=patients)
for fold in range(4):
    train = folds.train[fold]
    test = folds.validation[fold][folds.mask[fold]]
    assert not set(patients[train]) & set(patients[test])
