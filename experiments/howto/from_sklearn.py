"""Coming from scikit-learn.

`nn.integrations.sklearn` has estimators: pipelines, searches, `clone` and pickle work as
ever (extra `sklearn`).
"""

# %% Words
#
# | scikit-learn | jaxnn |
# | --- | --- |
# | `MLPClassifier((16,))`, `MLPRegressor` | `NetworkClassifier((16,))`, `NetworkRegressor`, or `nn.mlp([4, 16, 3])` |
# | `RandomizedSearchCV`, `GridSearchCV` | `SweepSearchCV`, or `nn.sweep` |
# | `HalvingRandomSearchCV` | `scheduler=nn.asha(...)` |
# | `cv_results_`, `best_params_` | the same; `result.table()`, `result.best.hypers` of a sweep |
# | `train_test_split`, `KFold`, `GroupKFold` | `nn.train_test_split`, `nn.k_folds`; a sweep takes splitters as `folds=` |
# | `StandardScaler`, `MinMaxScaler` | `nn.standard_scaling`, `nn.min_max_scaling`, with `nn.scale` |
# | a `Pipeline` in a search | `prepare=nn.standard_scaling` |
# | `accuracy_score`, `f1_score`, `roc_auc_score`, `r2_score` | `nn.accuracy`, `nn.f1`, `nn.auc`, `nn.r_squared` of outputs and targets |
# | `sample_weight=`, `class_weight="balanced"` | `weights=` of a score, `nn.weighted`, `nn.balanced_weights` |
# | `random_state=0` | `key=jax.random.key(0)` |
# | `alpha=` of `MLPClassifier`, an L2 penalty | `weight_decay=`, that of AdamW |

# %% A program
# With scikit-learn:
#
# ```python
# from sklearn.model_selection import RandomizedSearchCV
# from sklearn.neural_network import MLPClassifier
#
# network = make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=20))
# space = {
#     "mlpclassifier__learning_rate_init": loguniform(1e-4, 1e-1),
#     "mlpclassifier__alpha": loguniform(1e-5, 1.0),
# }
# search = RandomizedSearchCV(network, space, n_iter=16, cv=3, random_state=0, n_jobs=-1)
# search.fit(x, labels)
# print(search.best_params_, search.best_score_)
# ```
#
# Here all candidates and folds train side by side, in lanes. Leave `n_jobs` alone: the
# lanes use all cores.

from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxnn.integrations.sklearn import NetworkClassifier, SweepSearchCV

x, labels = load_digits(return_X_y=True)
x, test_x, labels, test_labels = train_test_split(
    x, labels, random_state=0, stratify=labels
)
network = NetworkClassifier((32,), epochs=10, random_state=0)
pipeline = make_pipeline(StandardScaler(), network)
space = {
    "networkclassifier__learning_rate": loguniform(1e-4, 1e-1),
    "networkclassifier__weight_decay": loguniform(1e-5, 1.0),
}
search = SweepSearchCV(pipeline, space, n_iter=16, cv=3, random_state=0)
search.fit(x, labels)
for name, value in search.best_params_.items():
    print(name, f"{value:.2g}")
print(round(search.best_score_, 3), round(search.score(test_x, test_labels), 3))

# %% The same as a sweep
# `nn.sweep` has more: widths and depths in one program, curves of every epoch, schedulers,
# run directories.

import jax
import optax

import jaxnn as nn


def make_recipe(hypers):
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["decay"])
    return nn.Recipe(nn.mlp([64, 32, 10]), nn.cross_entropy, optimizer, batch_size=64)


space = {
    "learning_rate": nn.log_uniform(1e-4, 1e-1),
    "decay": nn.log_uniform(1e-5, 1.0),
}
result = nn.sweep(
    make_recipe,
    space,
    (x, labels),
    key=jax.random.key(0),
    trials=16,
    epochs=10,
    folds=3,
    prepare=nn.standard_scaling,
    score=nn.accuracy,
)
print(result.best.hypers, round(result.best.score, 3))
print(f"{nn.accuracy(result.predict(test_x), test_labels):.3f}")

# %% A network of your own as an estimator
# `model=` takes an `nn.Model`, a module of Flax, or a function of (inputs, outputs).


def make_model(inputs, outputs):
    return nn.mlp([inputs, 32, 32, outputs], activation=nn.gelu)


network = NetworkClassifier(
    model=make_model, learning_rate=0.01, epochs=10, random_state=0
)
print(round(network.fit(x / 16, labels).score(test_x / 16, test_labels), 3))
