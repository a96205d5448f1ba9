"""scikit-learn: `MLPClassifier`, one training after the other on every core."""

# pyright: reportMissingImports=false
# Who checks the types need not have every peer installed.

import time
import warnings
from typing import Any

import numpy as np

from experiments.benchmarks import workers
from experiments.benchmarks.harness import Ready, Seconds, Side
from experiments.benchmarks.problems import Problem


def side(problem: Problem, short: Problem, timed_trials: int) -> Side:
    """`MLPClassifier(...).fit` from the problem's weights, full batch, its own Adam without weight decay."""

    def prepare() -> Ready:
        def run() -> Seconds:
            return {"run": workers.on_each_core(train, (problem,), workers.shares(timed_trials)).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.on_each_core(train, (short,), [list(range(len(short.rates)))]).results[0])

        return Ready(run, losses, {}, timed_trials, len(problem.rates), workers.hands(timed_trials))

    return Side("scikit-learn MLPClassifier", ("sklearn",), prepare)


def optuna_side(problem: Problem, timed_trials: int) -> Side:
    """Optuna with scikit-learn as users run it: it draws its own rates, so its losses are its own too."""

    def prepare() -> Ready:
        def run() -> Seconds:
            return {"run": workers.on_all_cores(search, problem, timed_trials, len(workers.cores())).results[0]}

        return Ready(run, None, {}, timed_trials, len(problem.rates), "TPE, n_jobs threads, own rates")

    return Side("Optuna + scikit-learn", ("sklearn", "optuna"), prepare)


def classifier(problem: Problem, trial: int) -> Any:
    """The classifier of one trial, which starts from the problem's weights: a subclass draws none of its own."""
    from sklearn.neural_network import MLPClassifier

    class Given(MLPClassifier):
        """With given weights: `_init_coef` is what draws a layer's, from the input on."""

        def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
            weight, bias = problem.layers[[weight.shape for weight, _ in problem.layers].index((fan_in, fan_out))]
            return weight.astype(dtype), bias.astype(dtype)

    return Given(**settings(problem), learning_rate_init=float(problem.rates[trial]))


def settings(problem: Problem) -> dict[str, Any]:
    """As the other sides do it: no weight decay, all rows at once and in order, and no stop before the last epoch."""
    return {
        "hidden_layer_sizes": tuple(weight.shape[1] for weight, _ in problem.layers[:-1]), "activation": "relu",
        "solver": "adam", "alpha": 0.0, "batch_size": len(problem.data[1]), "shuffle": False,
        "max_iter": problem.epochs, "tol": 0.0, "n_iter_no_change": problem.epochs + 1,
    }  # fmt: skip


def train(problem: Problem, trials: list[int]) -> list[float]:
    """Validation losses of these trials."""
    losses = []
    for trial in trials:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that it did not converge
            fitted = classifier(problem, trial).fit(*problem.data)
        probabilities = fitted.predict_proba(problem.test[0])
        losses.append(float(-np.log(probabilities[np.arange(len(probabilities)), problem.test[1]]).mean()))
    return losses


def search(problem: Problem, trials: int, jobs: int) -> float:
    """Seconds of a study: a rate suggested, a network fitted, its validation accuracy told."""
    import optuna
    from sklearn.neural_network import MLPClassifier

    from experiments.benchmarks.problems import HIGHEST, LOWEST

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: Any) -> float:
        rate = trial.suggest_float("learning_rate", LOWEST, HIGHEST, log=True)
        return MLPClassifier(**settings(problem), learning_rate_init=rate).fit(*problem.data).score(*problem.test)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begun = time.perf_counter()
        optuna.create_study(direction="maximize").optimize(objective, n_trials=trials, n_jobs=jobs)
        return time.perf_counter() - begun
