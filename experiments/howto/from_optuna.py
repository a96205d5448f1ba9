"""Coming from Optuna.

An objective becomes a function that makes a recipe, and trials train side by side. A
study of yours may still choose the settings.
"""

# %% Words
#
# | Optuna | jaxnn |
# | --- | --- |
# | `create_study`, `study.optimize(objective, n_trials=100)` | `nn.sweep(make_recipe, space, data, key=..., trials=100, ...)` |
# | `suggest_float(name, low, high)`, with `log=True` | `nn.uniform(low, high)`, `nn.log_uniform(low, high)` |
# | `suggest_float(step=0.1)`, `suggest_int` | `nn.quantized`, `nn.integers`; for widths and depths `nn.sizes`, `nn.depth` |
# | `suggest_categorical` | `nn.choice`; of functions `nn.switch` |
# | a branch in the objective | `nn.choice` of nested spaces |
# | `RandomSampler`, `GridSampler`, `QMCSampler` | `sampler="random"`, `"grid"`, `"sobol"` |
# | `TPESampler` and the others | `sampler=nn.integrations.optuna(study)` |
# | `SuccessiveHalvingPruner`, `HyperbandPruner`, `MedianPruner` | `nn.asha`, `nn.hyperband`, `nn.median_stopping` |
# | `trial.report`, `should_prune` | the sweep's affair, after each epoch |
# | `study.best_trial`, `trials_dataframe()` | `result.best`, `result.to_pandas()` |
# | `TrialState.PRUNED`, `FAIL` | `status` "stopped"; "diverged" or "failed" |
# | `enqueue_trial` | `first=[{...}]` |
# | a storage, `load_if_exists=True` | `directory=`; a study keeps its own storage |
# | `timeout=`, `direction="minimize"` | `seconds=`; a score is always maximized |

# %% A program
# In Optuna:
#
# ```python
# def objective(trial):
#     learning_rate = trial.suggest_float("learning_rate", 1e-4, 0.1, log=True)
#     width = trial.suggest_int("width", 8, 64, log=True)
#     activation = trial.suggest_categorical("activation", ["relu", "tanh"])
#     network = make_network(width, activation)
#     for epoch in range(27):
#         train_one_epoch(network, learning_rate)
#         score = validate(network)
#         trial.report(score, epoch)
#         if trial.should_prune():
#             raise optuna.TrialPruned
#     return score
#
# study = optuna.create_study(
#     direction="maximize", pruner=optuna.pruners.SuccessiveHalvingPruner()
# )
# study.optimize(objective, n_trials=48)
# ```
#
# Here:

import jax
import optax

import jaxnn as nn

digits = nn.datasets.digits()
x, labels = digits.x.reshape(-1, 64) / 16, digits.targets
train, test = nn.train_test_split(
    jax.random.key(0), (x, labels), test=0.5, stratify=labels
)


def make_recipe(hypers):
    model = nn.mlp([64, hypers["width"], 10], activation=hypers["activation"])
    optimizer = optax.adam(hypers["learning_rate"])
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=128)


space = {
    "learning_rate": nn.log_uniform(1e-4, 0.1),
    "width": nn.sizes(8, 64),
    "activation": nn.switch(nn.relu, nn.tanh),
}
options = {"key": jax.random.key(1), "epochs": 9, "validation": test}
options |= {"score": nn.accuracy, "scheduler": nn.asha(grace_period=1)}
result = nn.sweep(make_recipe, space, train, trials=48, **options)
print(result.best)
print(result.to_pandas()["status"].value_counts().to_dict())

# %% With a study
# The study's sampler chooses, whenever a lane becomes free, and is told when a trial ends.
# The study gets the trials, so that its plots, storages and dashboard work (extra
# `optuna`).

import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(direction="maximize")
sampler = nn.integrations.optuna(
    study, sampler=lambda seed: optuna.samplers.TPESampler(seed=seed)
)
result = nn.sweep(make_recipe, space, train, trials=24, sampler=sampler, **options)
print(len(study.trials), study.best_params)
print(sorted({trial.state.name for trial in study.trials}))

# %% A conditional space
# A nested space is an option of `nn.choice`. `make_recipe` gets the one that was chosen.


def make_optimizer(hypers):
    if "momentum" in hypers:
        return optax.sgd(hypers["rate"], momentum=hypers["momentum"])
    return optax.adam(hypers["rate"])


def make_conditional(hypers):
    optimizer = make_optimizer(hypers["optimizer"])
    return nn.Recipe(nn.mlp([64, 16, 10]), nn.cross_entropy, optimizer, batch_size=128)


adam = {"rate": nn.log_uniform(1e-4, 0.1)}
sgd = {"rate": nn.log_uniform(1e-3, 1.0), "momentum": nn.uniform(0.0, 0.95)}
conditional = {"optimizer": nn.choice(adam, sgd)}
recipe = make_conditional({"optimizer": {"rate": 0.01, "momentum": 0.9}})

# %%
# The search is `nn.sweep(make_conditional, conditional, train, trials=12, **options)`. In
# its table, columns such as `optimizer.rate` are those of the nested spaces.
