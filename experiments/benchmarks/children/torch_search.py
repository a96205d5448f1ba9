"""The search in PyTorch: a loop over the settings in one process per core, with one thread and the fused AdamW.

Torch is only imported in function calls, so that the first process, which computes nothing, does not wait for it.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import itertools
from typing import Any

import numpy as np

from experiments.benchmarks import workers
from experiments.benchmarks.children import searches
from experiments.benchmarks.children.searches import Data, Search, Setting


def search_once(search: Search, data: Data) -> float:
    """Trains all settings and returns the best score."""
    return max(max(scores) for scores in workers.run_on_each_core(
        score_settings, (search, data, searches.draw_settings(search)), workers.split_trials(search.trials)
    ).results)  # fmt: skip


def score_settings(search: Search, data: Data, settings: list[Setting], trials: list[int]) -> list[float]:
    """Returns the score of each of these trials."""
    return [score_setting(search, data, settings[trial]) for trial in trials]


def score_setting(search: Search, data: Data, setting: Setting) -> float:
    """Returns the accuracy of a setting, the mean over the folds."""
    import torch

    torch.set_num_threads(1)
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(data.x, -1, 1)))
    labels = torch.from_numpy(data.labels.astype(np.int64))
    splits = [(torch.from_numpy(train), torch.from_numpy(test)) for train, test in searches.split_rows(search, data)]
    scores = []
    for train, test in splits:
        model = make_network(search, data, setting)
        fit(search, setting, model, x[train], labels[train])
        with torch.no_grad():
            scores.append(float((model(x[test]).argmax(1) == labels[test]).float().mean()))
    return float(np.mean(scores))


def make_network(search: Search, data: Data, setting: Setting) -> Any:
    """Returns an MLP or a CNN with PyTorch's own initial weights."""
    from torch import nn

    layers: list[Any] = []
    sizes = searches.list_sizes(search, data, setting)
    if search.filters:
        channels = [data.x.shape[3], *search.filters]
        for inputs, outputs in itertools.pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
        layers.append(nn.Flatten())
        sizes[0] = sizes[0] // 4 ** len(search.filters) // channels[0] * channels[-1]
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def fit(search: Search, setting: Setting, model: Any, x: Any, labels: Any) -> None:
    """Trains a model on shuffled minibatches, or on all rows at once."""
    import torch

    rate, decay = setting.learning_rate, setting.weight_decay
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay, fused=True)
    for _ in range(search.epochs):
        batches = [slice(None)] if search.batch is None else torch.randperm(len(labels)).split(search.batch)
        for rows in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), labels[rows]).backward()
            optimizer.step()


if __name__ == "__main__":
    searches.run(search_once)
    workers.close()
