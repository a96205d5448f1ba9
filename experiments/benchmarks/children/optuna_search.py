"""The search by Optuna, with a thread on every core: `optuna_search.py JOB sklearn` or `JOB torch`.

Its sampler is random, as in the other tools: its default one takes longer with every trial.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import sys
from typing import Any

import numpy as np
import optuna

from experiments.benchmarks.children import searches, sklearn_search, torch_search
from experiments.benchmarks.children.searches import Data, Search, Setting


def search_once(search: Search, data: Data) -> float:
    """Runs the study and returns the best score."""
    score = {"sklearn": score_classifier, "torch": torch_search.score_setting}[sys.argv[2]]
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: Any) -> float:
        return score(search, data, suggest_setting(search, trial))

    study.optimize(objective, n_trials=search.trials, n_jobs=searches.count_cores())
    return float(study.best_value)


def suggest_setting(search: Search, trial: Any) -> Setting:
    """Returns the setting of a trial."""
    return Setting(
        trial.suggest_float("learning_rate", *searches.LEARNING_RATES, log=True),
        trial.suggest_float("weight_decay", *searches.WEIGHT_DECAYS, log=True) if search.decay else 0.0,
        trial.suggest_int("width", *search.widths),
        trial.suggest_int("depth", *search.depths),
    )


def score_classifier(search: Search, data: Data, setting: Setting) -> float:
    """Returns the accuracy of scikit-learn's `MLPClassifier`, the mean over the folds."""
    scores = []
    for train, test in searches.split_rows(search, data):
        rows = search.batch or len(train)
        classifier = sklearn_search.make_classifier(
            search, rows, alpha=rows * setting.weight_decay, learning_rate_init=setting.learning_rate,
            hidden_layer_sizes=(setting.width,) * setting.depth,
        )  # fmt: skip
        scores.append(classifier.fit(data.x[train], data.labels[train]).score(data.x[test], data.labels[test]))
    return float(np.mean(scores))


if __name__ == "__main__":
    sklearn_search.silence()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    searches.run(search_once)
