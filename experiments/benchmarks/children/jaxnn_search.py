"""The search by `nn.sweep`."""

from typing import Any

import jax
import optax

import jaxnn as nn
from experiments.benchmarks.children import searches
from experiments.benchmarks.children.searches import Data, Search


def search_once(search: Search, data: Data) -> float:
    """Runs the sweep and returns the best score."""

    def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
        if search.filters:
            model = nn.cnn(data.x.shape[1:], search.filters, searches.count_classes(data))
        else:
            hidden = [hypers["width"]] * hypers["depth"]
            model = nn.mlp([data.x.shape[1], *hidden, searches.count_classes(data)])
        optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
        return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=search.batch)

    split: Any = {"folds": search.folds}
    x, labels, held_out = data
    if not search.folds:
        split, x, labels = {"validation": (x[held_out], labels[held_out])}, x[~held_out], labels[~held_out]
    result = nn.sweep(
        make_recipe, make_space(search), (x, labels), key=jax.random.key(0), trials=search.trials, epochs=search.epochs,
        score=nn.accuracy, evaluate_at="rungs", progress=False, **split,
    )  # fmt: skip
    return float(result.best.score)


def make_space(search: Search) -> dict[str, Any]:
    """Returns the space; numbers that are not searched are constants."""
    space: dict[str, Any] = {"learning_rate": nn.log_uniform(*searches.LEARNING_RATES), "weight_decay": 0.0}
    if search.decay:
        space["weight_decay"] = nn.log_uniform(*searches.WEIGHT_DECAYS)
    if not search.filters:
        (low, high), (shallow, deep) = search.widths, search.depths
        # All widths have the same probability, as in the other tools.
        space["width"] = low if low == high else nn.sizes(low, high, log=False)
        space["depth"] = shallow if shallow == deep else nn.depth(shallow, deep)
    return space


if __name__ == "__main__":
    nn.use_all_cores()
    searches.run(search_once, nn.use_compilation_cache)
