"""A search in scikit-learn: a pipeline, its hyperparameters, and the best network pickled and used in another process.

`python -m experiments.sklearn_search` searches on handwritten digits. All candidates and folds train side by side.
"""

import pickle
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import jaxnn as nn
from experiments.common import RUNS, run_command

PREDICT = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    search = pickle.load(file)
np.save(sys.argv[3], search.predict(np.load(sys.argv[2])))
"""


@dataclass(frozen=True)
class Config:
    """Search the learning rate, weight decay and dropout of a network on handwritten digits."""

    candidates: int = 20
    """Settings to try."""
    epochs: int = 30
    """Epochs of each training."""
    hidden: tuple[int, ...] = (32,)
    """Nodes of each hidden layer."""
    folds: int = 5
    """Folds of the cross-validation."""
    seed: int = 0
    """Seed of the settings, the folds and the weights."""


class Result(NamedTuple):
    """The accuracy in cross-validation and on held-out digits, here and in another process, and the seconds."""

    validation_accuracy: float
    test_accuracy: float
    loaded_accuracy: float
    seconds: float
    path: Path


def main(config: Config) -> Result:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    # data
    x, labels = load_digits(return_X_y=True)
    x, x_test, labels, test_labels = train_test_split(x, labels, stratify=labels, random_state=config.seed)

    # search
    search = make_search(config)
    started = time.perf_counter()
    search.fit(x, labels)
    seconds = time.perf_counter() - started
    validation_accuracy = float(search.cv_results_["mean_test_accuracy"][search.best_index_])
    test_accuracy = float((search.predict(x_test) == test_labels).mean())
    rate = search.best_params_["networkclassifier__learning_rate"]
    print(
        f"{config.candidates} candidates on {config.folds} folds in {seconds:.1f} s, the best learning rate {rate:.2g}"
    )
    print(f"accuracy {validation_accuracy:.3f} in cross-validation, {test_accuracy:.3f} on held-out digits")

    # another process
    path = RUNS / "sklearn_search.pickle"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(search))
    predicted = predict_elsewhere(path, x_test)
    loaded_accuracy = float((predicted == test_labels).mean())
    print(f"{path}, loaded in another process: accuracy {loaded_accuracy:.3f}")
    return Result(validation_accuracy, test_accuracy, loaded_accuracy, seconds, path)


def make_search(config: Config) -> Any:
    """Returns the search: a scaler and a network, whose numbers are drawn, in cross-validation."""
    from scipy.stats import loguniform, uniform
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    tools = nn.integrations.sklearn
    network = tools.NetworkClassifier(config.hidden, epochs=config.epochs, random_state=config.seed)
    space = {
        "networkclassifier__learning_rate": loguniform(1e-4, 1e-1),
        "networkclassifier__weight_decay": loguniform(1e-6, 1e-1),
        "networkclassifier__dropout": uniform(0.0, 0.5),
    }
    return tools.SweepSearchCV(
        make_pipeline(StandardScaler(), network),
        space,
        n_iter=config.candidates,
        cv=StratifiedKFold(config.folds, shuffle=True, random_state=config.seed),
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
        random_state=config.seed,
    )


def predict_elsewhere(path: Path, x: Any) -> np.ndarray:
    """Returns what a pickled search predicts in a new process."""
    inputs, outputs = path.with_name("sklearn_inputs.npy"), path.with_name("sklearn_predictions.npy")
    np.save(inputs, x)
    subprocess.run([sys.executable, "-c", PREDICT, path, inputs, outputs], check=True)
    return np.load(outputs)


if __name__ == "__main__":
    run_command(Config, main)
