"""Searches: what all scripts search, the settings that they draw, and the seconds that they report.

Only NumPy is imported here: the processes are timed with their imports, and a script must not import another's tool.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

LEARNING_RATES = (1e-4, 1e-1)
WEIGHT_DECAYS = (1e-6, 1e-2)


class Search(NamedTuple):
    """A random search of log-uniform learning rates, and of more where the ranges below leave a choice.

    Attributes:
        trials: number of settings.
        epochs: passes over the training rows of every training.
        batch: number of rows in a minibatch; None trains on all rows at once.
        folds: number of folds of a cross-validation; 0 trains once for each setting and scores the held-out rows.
        filters: filters of the 3×3 convolutions; without any, the network is an MLP.
        widths: lowest and highest number of units of a hidden layer; all hidden layers of a network have the same.
        depths: lowest and highest number of hidden layers.
        decay: whether the weight decay is searched too, log-uniform; otherwise it is 0.
    """

    trials: int
    epochs: int
    batch: int | None
    folds: int = 0
    filters: tuple[int, ...] = ()
    widths: tuple[int, int] = (16, 16)
    depths: tuple[int, int] = (1, 1)
    decay: bool = True

    @property
    def one_shape(self) -> bool:
        """Whether all settings have networks of the same shape."""
        return self.widths[0] == self.widths[1] and self.depths[0] == self.depths[1]


class Setting(NamedTuple):
    """The hyperparameters of one trial."""

    learning_rate: float
    weight_decay: float
    width: int
    depth: int


class Data(NamedTuple):
    """Examples, their labels, and which of them are held out; images are (count, height, width, channels)."""

    x: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray


def draw_settings(search: Search) -> list[Setting]:
    """Draws the settings of all trials, for tools that have no sampler of their own."""
    rng = np.random.default_rng(0)
    return [
        Setting(
            _draw_log_uniform(rng, LEARNING_RATES),
            _draw_log_uniform(rng, WEIGHT_DECAYS) if search.decay else 0.0,
            int(rng.integers(search.widths[0], search.widths[1] + 1)),
            int(rng.integers(search.depths[0], search.depths[1] + 1)),
        )
        for _ in range(search.trials)
    ]


def _draw_log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))


def split_rows(search: Search, data: Data) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns (training rows, validation rows) of every fold, of the same sizes in all, or of the held-out part."""
    rows = np.arange(len(data.labels))
    if not search.folds:
        return [(rows[~data.held_out], rows[data.held_out])]
    parts = [rows[rows % search.folds == fold] for fold in range(search.folds)]
    count, smallest = len(rows) - len(parts[0]), len(parts[-1])
    return [(np.setdiff1d(rows, part)[:count], part[:smallest]) for part in parts]


def list_sizes(search: Search, data: Data, setting: Setting) -> list[int]:
    """Returns the numbers of units of a setting's MLP, inputs first and classes last."""
    hidden = [] if search.filters else [setting.width] * setting.depth
    return [int(np.prod(data.x.shape[1:])), *hidden, count_classes(data)]


def count_classes(data: Data) -> int:
    """Returns the number of classes."""
    return int(data.labels.max()) + 1


def make_job(search: Search, data: str, calls: int, cache: str = "") -> str:
    """Returns the argument of a script: what it searches, the file of the data, calls, and the directory of a cache."""
    return json.dumps([search, data, calls, cache])


def run(search_once: Callable[[Search, Data], float], use_cache: Callable[[str], Any] | None = None) -> None:
    """Calls `search_once`, as often as the job in the command line says, and prints seconds and best score as JSON."""
    options, path, calls, cache = json.loads(sys.argv[1])
    values: list[Any] = [tuple(option) if isinstance(option, list) else option for option in options]
    search = Search(*values)
    if cache and use_cache is not None:
        use_cache(cache)
    with np.load(path) as arrays:
        data = Data(**arrays)
    seconds, score = [], 0.0
    for _ in range(calls):
        started = time.perf_counter()
        score = search_once(search, data)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"score": score, "calls": seconds}))


def count_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
