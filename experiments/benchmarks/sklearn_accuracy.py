"""Accuracies of `NetworkClassifier` and `MLPClassifier`, paired: `python -m experiments.benchmarks.sklearn_accuracy`.

Both have the same hidden sizes and otherwise their own defaults, on the same folds of scaled data. A difference is that
of the mean accuracies over the folds of one seed; its 95 % interval is Student's over the seeds. It takes about five
minutes on two cores.
"""

import time
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from sklearn import datasets
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.common import run_command
from jaxnn.integrations.sklearn import NetworkClassifier


@dataclass(frozen=True)
class Config:
    """Compare networks of jaxnn and scikit-learn in cross-validation."""

    data: tuple[str, ...] = ("iris", "wine", "breast_cancer", "digits")
    """Data sets of scikit-learn."""
    folds: int = 5
    """Folds of the cross-validation."""
    seeds: int = 5
    """Repetitions with other folds and weights."""
    hidden: tuple[int, ...] = (100,)
    """Nodes of each hidden layer."""


class Comparison(NamedTuple):
    """Mean accuracies by seed, and seconds, of jaxnn and of scikit-learn."""

    ours: np.ndarray
    theirs: np.ndarray
    seconds: tuple[float, float]


def main(config: Config) -> dict[str, Comparison]:
    """Compares on all data sets, and prints a line for each."""
    return {name: compare(name, config) for name in config.data}


def compare(name: str, config: Config) -> Comparison:
    """Compares the two on one data set."""
    x, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    makers: tuple[Any, Any] = NetworkClassifier, MLPClassifier
    scores, seconds = np.zeros((2, config.seeds)), [0.0, 0.0]
    for seed in range(config.seeds):
        folds = StratifiedKFold(config.folds, shuffle=True, random_state=seed)
        for i, make in enumerate(makers):
            started = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pipeline = make_pipeline(StandardScaler(), make(config.hidden, random_state=seed))
                scores[i, seed] = cross_val_score(pipeline, x, labels, cv=folds).mean()
            seconds[i] += time.perf_counter() - started
    found = Comparison(scores[0], scores[1], (seconds[0], seconds[1]))
    print(describe(name, found), flush=True)
    return found


def describe(name: str, found: Comparison) -> str:
    """Returns the line of a data set."""
    differences = found.ours - found.theirs
    half = stats.t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
    verdict = "no worse" if differences.mean() + half >= 0 else "worse"
    return (
        f"{name}: {found.ours.mean():.4f}, scikit-learn {found.theirs.mean():.4f}, difference "
        f"{differences.mean():+.4f} ± {half:.4f}: {verdict}; {found.seconds[0]:.0f} and {found.seconds[1]:.0f} s"
    )


if __name__ == "__main__":
    run_command(Config, main)
