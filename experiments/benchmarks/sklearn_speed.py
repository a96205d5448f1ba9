"""`SweepSearchCV` beside `RandomizedSearchCV(MLPClassifier)`: `python -m experiments.benchmarks.sklearn_speed`.

scikit-learn's search has `n_jobs=2`. Both search the same ranges of learning rate and weight decay with as many
candidates, on the same folds of scaled data, with the same epochs, hidden sizes and two scorers. Both fit the best to
all rows, and neither stops early. Each round starts both in new processes, without a compilation cache. A time is that
of `fit` alone, compilation and the start of worker processes included. It takes about ten minutes on two cores.
"""

import json
import statistics
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from experiments.common import run_command

HIDDEN = {"iris": 16, "digits": 32}
# The default of both libraries, and fewer where a step takes long.
EPOCHS = {"iris": 200, "digits": 50}
SCORING = ["accuracy", "neg_log_loss"]


@dataclass(frozen=True)
class Config:
    """Time searches of jaxnn and scikit-learn."""

    data: tuple[str, ...] = ("iris", "digits")
    """Of iris and digits."""
    candidates: int = 200
    """Settings to try."""
    folds: int = 5
    """Folds of the cross-validation."""
    epochs: int | None = None
    """Epochs of each training; by default 200 for iris and 50 for digits."""
    rounds: int = 3
    """Rounds in which both are timed."""
    part: Literal["", "ours", "theirs"] = ""
    """One search in this process, whose seconds and scores are printed as JSON; used by the rounds."""


class Round(NamedTuple):
    """The two times of a round."""

    ours: float
    theirs: float


def main(config: Config) -> dict[str, list[Round]]:
    """Times both in rounds, and prints the medians of each data set."""
    if config.part:
        print(json.dumps(search(config.data[0], config)))
        return {}
    found = {}
    for name in config.data:
        rounds = []
        for _ in range(config.rounds):
            ours, theirs = (run_alone(name, part, config) for part in ("ours", "theirs"))
            assert ours["columns"] == theirs["columns"], "the searches have other splits"
            rounds.append(Round(ours["seconds"], theirs["seconds"]))
            print(
                f"{name}: {ours['seconds']:.1f} s, scikit-learn {theirs['seconds']:.1f} s; "
                f"best accuracies {ours['best']:.4f} and {theirs['best']:.4f}",
                flush=True,
            )
        ratios = [each.theirs / each.ours for each in rounds]
        print(f"{name}: {statistics.median(ratios):.1f} times as fast ({min(ratios):.1f} to {max(ratios):.1f})")
        found[name] = rounds
    return found


def run_alone(name: str, part: str, config: Config) -> dict[str, Any]:
    """Returns the result of one search in a process of its own."""
    epochs = config.epochs or EPOCHS[name]
    options = {"candidates": config.candidates, "folds": config.folds, "epochs": epochs, "part": part}
    arguments = [word for option, value in options.items() for word in (f"--{option}", str(value))]
    command = [sys.executable, "-W", "ignore", "-m", "experiments.benchmarks.sklearn_speed", "--data", name, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def search(name: str, config: Config) -> dict[str, Any]:
    """Runs one search."""
    from sklearn import datasets
    from sklearn.model_selection import StratifiedKFold

    x, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    folds = StratifiedKFold(config.folds, shuffle=True, random_state=0)
    options = {
        "n_iter": config.candidates, "cv": folds, "random_state": 0, "scoring": SCORING, "refit": "accuracy",
    }  # fmt: skip
    make = make_ours if config.part == "ours" else make_theirs
    found = make(HIDDEN[name], config.epochs or EPOCHS[name], options)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.fit(x, labels)
    seconds = time.perf_counter() - started
    assert np.isfinite(found.cv_results_["mean_test_neg_log_loss"]).all()
    columns = sorted(column for column in found.cv_results_ if column.startswith("split"))
    return {"seconds": seconds, "best": float(found.best_score_), "columns": columns}


def make_ours(hidden: int, epochs: int, options: dict[str, Any]) -> Any:
    from jaxnn.integrations.sklearn import NetworkClassifier, SweepSearchCV

    network = NetworkClassifier((hidden,), epochs=epochs, patience=epochs + 1, random_state=0)
    return _search_around(SweepSearchCV, network, "learning_rate", "weight_decay", options)


def make_theirs(hidden: int, epochs: int, options: dict[str, Any]) -> Any:
    from sklearn.model_selection import RandomizedSearchCV
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier((hidden,), max_iter=epochs, n_iter_no_change=epochs + 1, random_state=0)
    return _search_around(RandomizedSearchCV, network, "learning_rate_init", "alpha", options | {"n_jobs": 2})


def _search_around(search: Any, network: Any, rate: str, decay: str, options: dict[str, Any]) -> Any:
    from scipy.stats import loguniform
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    prefix = type(network).__name__.lower()
    space = {f"{prefix}__{rate}": loguniform(1e-4, 1e-1), f"{prefix}__{decay}": loguniform(1e-6, 1e-2)}
    return search(make_pipeline(StandardScaler(), network), space, **options)


if __name__ == "__main__":
    run_command(Config, main, keep_programs=False)
