"""The search in plain JAX: `jax.vmap` of the training over the settings, sharded over the cores by `shard_map`.

Settings of other shapes cannot share a program: each shape has one, mapped over the folds, and a thread on every core
trains one setting after the other.
"""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.children import jax_training, searches
from experiments.benchmarks.children.searches import Data, Search, Setting
from experiments.benchmarks.compiling import ONE_CORE, shard_over_devices
from experiments.benchmarks.peers import networks


def search_once(search: Search, data: Data) -> float:
    """Trains all settings and returns the best score."""
    settings = searches.draw_settings(search)
    examples, splits = (data.x, data.labels), searches.split_rows(search, data)
    rows = tuple(np.stack(part) for part in zip(*splits, strict=True))
    if search.one_shape:
        sizes = tuple(searches.list_sizes(search, data, settings[0]))
        return float(np.max(make_program(search, sizes, shard=True)(examples, rows, *make_arguments(settings, 0))))

    def score_setting(trial: int) -> Any:
        sizes = tuple(searches.list_sizes(search, data, settings[trial]))
        with jax.default_device(jax.devices()[trial % len(jax.devices())]):
            program = make_program(search, sizes, shard=False)
            [score] = program(examples, rows, *make_arguments([settings[trial]], trial))
            return score

    with ThreadPoolExecutor(len(jax.devices())) as threads:
        return float(max(threads.map(score_setting, range(search.trials))))


def make_arguments(settings: list[Setting], first: int) -> tuple[Any, Any, Any]:
    """Returns the learning rates, the weight decays and the keys, one for each setting."""
    rates, decays = (np.array(values, np.float32) for values in list(zip(*settings, strict=True))[:2])
    return rates, decays, jax.random.split(jax.random.key(first), len(settings))


@functools.cache
def make_program(search: Search, sizes: tuple[int, ...], *, shard: bool) -> Any:
    """Returns the jitted training of many settings; it returns the mean accuracy over the folds of each."""
    fit = functools.partial(jax_training.fit, functools.partial(init, search.filters, sizes), networks.network, search)

    def score(examples: Any, rows: Any, rates: Any, decays: Any, keys: Any) -> Any:
        def score_one(rate: Any, decay: Any, key: Any) -> Any:
            if not search.folds:
                return fit(examples, jax.tree.map(lambda part: part[0], rows), rate, decay, key)
            keys = jax.random.split(key, search.folds)
            return jax.vmap(lambda rows, key: fit(examples, rows, rate, decay, key))(rows, keys).mean()

        return jax.vmap(score_one)(rates, decays, keys)

    options: Any = ONE_CORE if len(jax.devices()) > 1 else None
    return jax.jit(shard_over_devices(score, shared=2) if shard else score, compiler_options=options)


def init(filters: tuple[int, ...], sizes: tuple[int, ...], key: Any) -> Any:
    """Draws He-normal weights, with biases of 0: 3×3 convolutions of one-channel images, then dense layers."""
    channels = [1, *filters]
    shapes = [(3, 3, *pair) for pair in itertools.pairwise(channels)]
    nodes = [sizes[0] // 4 ** len(filters) * channels[-1], *sizes[1:]]
    shapes += list(itertools.pairwise(nodes))
    draw = jax.nn.initializers.he_normal()
    keys = jax.random.split(key, len(shapes))
    return [(draw(key, shape), jnp.zeros(shape[-1])) for key, shape in zip(keys, shapes, strict=True)]


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", searches.count_cores())
    searches.run(search_once)
