"""The search by scikit-learn: `RandomizedSearchCV` of `MLPClassifier`, with a job on every core.

Its weight decay is L2 in the gradient, since it has no AdamW; a job of joblib has one thread.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import os
import warnings
from typing import Any

import numpy as np

from experiments.benchmarks.children import searches
from experiments.benchmarks.children.searches import Data, Search


def search_once(search: Search, data: Data) -> float:
    """Runs the search and returns the best score."""
    from scipy.stats import loguniform
    from sklearn.model_selection import RandomizedSearchCV

    rows = search.batch or int(np.count_nonzero(~data.held_out))
    space: dict[str, Any] = {
        "learning_rate_init": loguniform(*searches.LEARNING_RATES),
        "hidden_layer_sizes": list_hidden(search),
    }
    if search.decay:  # scikit-learn divides alpha by the rows of a minibatch
        space["alpha"] = loguniform(*(rows * decay for decay in searches.WEIGHT_DECAYS))
    fitted = RandomizedSearchCV(
        make_classifier(search, rows), space, n_iter=search.trials, cv=searches.split_rows(search, data),
        n_jobs=searches.count_cores(), refit=False, random_state=0,
    ).fit(data.x, data.labels)  # fmt: skip
    return float(fitted.best_score_)


def list_hidden(search: Search) -> list[tuple[int, ...]]:
    """Returns the hidden layers of all shapes of the search."""
    (low, high), (shallow, deep) = search.widths, search.depths
    return [(width,) * depth for width in range(low, high + 1) for depth in range(shallow, deep + 1)]


def make_classifier(search: Search, rows: int, **options: Any) -> Any:
    """Returns a classifier that trains for all epochs, without early stopping."""
    from sklearn.neural_network import MLPClassifier

    settings: dict[str, Any] = {
        "batch_size": rows, "max_iter": search.epochs, "alpha": 0.0, "tol": 0.0, "n_iter_no_change": search.epochs + 1
    }  # fmt: skip
    return MLPClassifier(**(settings | options))


def silence() -> None:
    """Ignores the warnings that a training ends after its last epoch, here and in the jobs."""
    os.environ["PYTHONWARNINGS"] = "ignore"
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    silence()
    searches.run(search_once)
