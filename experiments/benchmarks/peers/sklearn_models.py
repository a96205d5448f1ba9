"""scikit-learn: `MLPClassifier`, one training after the other on every core."""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import time
import warnings
from typing import Any

import numpy as np

from experiments.benchmarks import workers
from experiments.benchmarks.harness import Contender, Prepared, Seconds
from experiments.benchmarks.problems import Problem


def classifier_contender(problem: Problem, short: Problem, timed_trials: int) -> Contender:
    """Returns `MLPClassifier(...).fit` from the problem's weights, full batch, by its own Adam without weight decay."""

    def prepare() -> Prepared:
        def run() -> Seconds:
            return {"run": workers.run_on_each_core(train, (problem,), workers.split_trials(timed_trials)).seconds}

        def losses() -> np.ndarray:
            return np.array(workers.run_on_each_core(train, (short,), [list(range(len(short.rates)))]).results[0])

        return Prepared(run, losses, {}, timed_trials, len(problem.rates), workers.describe_processes(timed_trials))

    return Contender("scikit-learn MLPClassifier", ("sklearn",), prepare)


def optuna_contender(problem: Problem, timed_trials: int) -> Contender:
    """Returns an Optuna study of scikit-learn models; it suggests its own rates, so its losses are not compared."""

    def prepare() -> Prepared:
        def run() -> Seconds:
            return {"run": workers.run_on_all_cores(search, problem, timed_trials, len(workers.cores())).results[0]}

        return Prepared(run, None, {}, timed_trials, len(problem.rates), "TPE, n_jobs threads, own rates")

    return Contender("Optuna + scikit-learn", ("sklearn", "optuna"), prepare)


def make_classifier(problem: Problem, trial: int) -> Any:
    """Returns the classifier of one trial, a subclass that starts from the problem's weights."""
    from sklearn.neural_network import MLPClassifier

    class FixedInitClassifier(MLPClassifier):
        """An MLPClassifier with given initial weights."""

        # scikit-learn calls this for each layer to draw its weights.
        def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
            weight, bias = problem.layers[[weight.shape for weight, _ in problem.layers].index((fan_in, fan_out))]
            return weight.astype(dtype), bias.astype(dtype)

    return FixedInitClassifier(**make_options(problem), learning_rate_init=float(problem.rates[trial]))


def make_options(problem: Problem) -> dict[str, Any]:
    """Returns options like the other contenders': no weight decay, full batch, no shuffling, no early stopping."""
    return {
        "hidden_layer_sizes": tuple(weight.shape[1] for weight, _ in problem.layers[:-1]), "activation": "relu",
        "solver": "adam", "alpha": 0.0, "batch_size": len(problem.data[1]), "shuffle": False,
        "max_iter": problem.epochs, "tol": 0.0, "n_iter_no_change": problem.epochs + 1,
    }  # fmt: skip


def train(problem: Problem, trials: list[int]) -> list[float]:
    """Trains these trials and returns their validation losses."""
    losses = []
    for trial in trials:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ConvergenceWarning
            fitted = make_classifier(problem, trial).fit(*problem.data)
        probabilities = fitted.predict_proba(problem.test[0])
        losses.append(float(-np.log(probabilities[np.arange(len(probabilities)), problem.test[1]]).mean()))
    return losses


def search(problem: Problem, trials: int, jobs: int) -> float:
    """Runs a study whose trials fit a network with a suggested rate and return its accuracy; returns the seconds."""
    import optuna
    from sklearn.neural_network import MLPClassifier

    from experiments.benchmarks.problems import HIGHEST, LOWEST

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: Any) -> float:
        rate = trial.suggest_float("learning_rate", LOWEST, HIGHEST, log=True)
        return MLPClassifier(**make_options(problem), learning_rate_init=rate).fit(*problem.data).score(*problem.test)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        optuna.create_study(direction="maximize").optimize(objective, n_trials=trials, n_jobs=jobs)
        return time.perf_counter() - started
