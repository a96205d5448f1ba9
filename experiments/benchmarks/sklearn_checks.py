"""scikit-learn's own checks of estimators: `python -m experiments.benchmarks.sklearn_checks`.

Each line is an estimator: how many checks ran and passed, what failed, and the seconds. `RandomizedSearchCV` around
scikit-learn's networks is checked beside `SweepSearchCV`: it has failures of its own. The check of array API input runs
only with SCIPY_ARRAY_API=1 in the environment.
"""

import time
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sklearn.model_selection import RandomizedSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from experiments.common import run_command
from jaxnn.integrations.sklearn import NetworkClassifier, NetworkRegressor, SweepSearchCV

OURS = {"classifier": NetworkClassifier, "regressor": NetworkRegressor}
THEIRS = {"classifier": MLPClassifier, "regressor": MLPRegressor}


@dataclass(frozen=True)
class Config:
    """Run the checks of scikit-learn."""

    only: tuple[str, ...] = ()
    """Parts of the names of the lines; all by default."""


def make_estimators() -> dict[str, Any]:
    """Returns the estimators by the names of their lines."""
    lines: dict[str, Any] = {}
    for kind, make in OURS.items():
        for precision in ("float32", "float64"):
            lines[f"{kind} {precision}"] = make(precision=precision)
        network = make(precision="float64", epochs=40, random_state=0)
        space = {"learning_rate": [1e-2, 1e-3]}
        lines[f"SweepSearchCV {kind}"] = SweepSearchCV(network, space, n_iter=2, cv=2)
        pipeline, space = make_pipeline(StandardScaler(), network), {f"network{kind}__learning_rate": [1e-2, 1e-3]}
        lines[f"SweepSearchCV pipeline {kind}"] = SweepSearchCV(pipeline, space, n_iter=2, cv=2)
        theirs, space = THEIRS[kind](max_iter=40, random_state=0), {"learning_rate_init": [1e-2, 1e-3]}
        lines[f"RandomizedSearchCV {kind}"] = RandomizedSearchCV(theirs, space, n_iter=2, cv=2)
        theirs, space = make_pipeline(StandardScaler(), theirs), {f"mlp{kind}__learning_rate_init": [1e-2, 1e-3]}
        lines[f"RandomizedSearchCV pipeline {kind}"] = RandomizedSearchCV(theirs, space, n_iter=2, cv=2)
    return lines


def main(config: Config) -> dict[str, list[dict[str, Any]]]:
    """Runs the checks, and prints a line for each estimator and each check that failed."""
    found = {}
    for name, estimator in make_estimators().items():
        if config.only and not any(part in name for part in config.only):
            continue
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[name] = check_estimator(estimator, on_fail=None, on_skip=None)
        counts = Counter(check["status"] for check in found[name])
        seconds = time.perf_counter() - started
        print(f"{name}: {len(found[name])} checks, {dict(counts)}, {seconds:.0f} s", flush=True)
        for check in found[name]:
            if check["status"] != "passed":
                print(f"  {check['status']}: {check['check_name']}: {_first_line(check['exception'])}", flush=True)
    return found


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    figures = [line for line in lines if line.startswith("Max relative")]
    return "; ".join([*lines[:1], *figures])[:200]


if __name__ == "__main__":
    run_command(Config, main)
