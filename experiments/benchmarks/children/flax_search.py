"""The search in Flax: a loop over the settings with a jitted training, in one process per core.

Networks of other shapes are other programs. Flax is only imported in function calls, so that the first process, which
computes nothing, does not wait for it.
"""

import functools
from typing import Any

from experiments.benchmarks import workers
from experiments.benchmarks.children import searches
from experiments.benchmarks.children.searches import Data, Search, Setting


def search_once(search: Search, data: Data) -> float:
    """Trains all settings and returns the best score."""
    return max(max(scores) for scores in workers.run_on_each_core(
        score_settings, (search, data, searches.draw_settings(search)), workers.split_trials(search.trials)
    ).results)  # fmt: skip


def score_settings(search: Search, data: Data, settings: list[Setting], trials: list[int]) -> list[float]:
    """Returns the accuracy of each of these trials, the mean over the folds."""
    import jax
    import numpy as np

    examples, splits = jax.device_put((data.x, data.labels)), searches.split_rows(search, data)
    scores = []
    for trial in trials:
        setting = settings[trial]
        fit = make_fit(search, data.x.shape[1:], tuple(searches.list_sizes(search, data, setting)[1:]))
        keys = jax.random.split(jax.random.key(trial), len(splits))
        folds = zip(splits, keys, strict=True)
        scores.append([fit(examples, rows, setting.learning_rate, setting.weight_decay, key) for rows, key in folds])
    return [float(np.mean(score)) for score in scores]


@functools.cache
def make_fit(search: Search, shape: tuple[int, ...], nodes: tuple[int, ...]) -> Any:
    """Returns the jitted training of a network with these numbers of units."""
    import jax
    import jax.numpy as jnp

    from experiments.benchmarks.children import jax_training
    from experiments.benchmarks.peers import networks

    module = networks.make_module(search.filters, nodes)
    example = jnp.zeros((1, *shape))
    return jax.jit(functools.partial(jax_training.fit, lambda key: module.init(key, example), module.apply, search))


if __name__ == "__main__":
    searches.run(search_once)
    workers.close()
