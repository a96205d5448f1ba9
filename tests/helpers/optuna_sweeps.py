"""A sweep on iris whose settings a study of Optuna chooses; some trials fail, diverge or are stopped."""

import jax
import optax
import optuna

import jaxnn as nn

optuna.logging.set_verbosity(optuna.logging.WARNING)

FLOWERS = nn.datasets.iris()
TRAIN, VALIDATION = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
SPACE = {"learning_rate": nn.log_uniform(1e-3, 1e-1)}
# Half of the networks have too few inputs, and the largest learning rates diverge.
HARD = {"learning_rate": nn.log_uniform(1e-2, 1e30), "inputs": nn.choice(4, 5)}


def make_recipe(hypers):
    sizes = [hypers.get("inputs", 4), hypers.get("width", 5), 3]
    return nn.Recipe(nn.mlp(sizes), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))


def make_study(sampler=None, **options):
    return optuna.create_study(**{"direction": "maximize", "sampler": sampler} | options)


def tpe(seed):
    """Makes the sampler of a question anew."""
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=6)


def sweep(study, space=SPACE, *, sampler=tpe, objectives=("score",), ask_limit=8, **options):
    chosen = nn.integrations.optuna(study, sampler=sampler, objectives=objectives, ask_limit=ask_limit)
    return nn.sweep(
        make_recipe, space, TRAIN, key=jax.random.key(0), sampler=chosen, progress=False,
        **({"validation": VALIDATION, "trials": 24, "epochs": 9, "lanes": 8,
            "scheduler": nn.asha(grace_period=1)} | options),
    )  # fmt: skip
