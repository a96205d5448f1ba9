"""A sweep on iris whose settings a study of Optuna chooses; some trials fail, diverge or are stopped."""

import jax
import optax

import jaxnn as nn
from helpers.optuna_storages import tpe
from helpers.resumable_runs import TRAIN, VALIDATION

SPACE = {"learning_rate": nn.log_uniform(1e-3, 1e-1)}
# Half of the networks have too few inputs, and the largest learning rates diverge.
HARD = {"learning_rate": nn.log_uniform(1e-2, 1e30), "inputs": nn.choice(4, 5)}


def make_recipe(hypers):
    sizes = [hypers.get("inputs", 4), hypers.get("width", 5), 3]
    return nn.Recipe(nn.mlp(sizes), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))


def sweep(study, space=SPACE, *, sampler=tpe, objectives=("score",), ask_limit=8, **options):
    chosen = nn.integrations.optuna(study, sampler=sampler, objectives=objectives, ask_limit=ask_limit)
    return nn.sweep(
        make_recipe, space, TRAIN, key=jax.random.key(0), sampler=chosen, progress=False,
        **({"validation": VALIDATION, "trials": 24, "epochs": 9, "lanes": 8,
            "scheduler": nn.asha(grace_period=1)} | options),
    )  # fmt: skip
