"""Learning rates: a thousand iris networks with different learning rates, trained by one compiled program.

`python -m experiments.learning_rates` is the README's first example: training is a function, so a sweep is `jax.vmap`
of it.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.common import print_pictures, run_command, save


@dataclass(frozen=True)
class Config:
    """Train many iris networks in parallel, each with a different learning rate."""

    networks: int = 1000
    """Number of networks."""
    epochs: int = 300
    """Full-batch Adam steps of each network."""
    lowest: float = 1e-5
    """Smallest learning rate; the rates are spaced evenly on a logarithmic scale."""
    highest: float = 10.0
    """Largest learning rate."""
    seed: int = 0
    """Seed of the split and of all initial weights."""


class Result(NamedTuple):
    """Learning rates and test accuracies of shape (networks,), and the paths of the pictures."""

    learning_rates: np.ndarray
    accuracies: np.ndarray
    pictures: list[Path]


def main(config: Config) -> Result:
    """Trains all networks at once, prints which rates work, and draws accuracy against rate."""
    flowers = nn.datasets.iris()
    split_key, train_key = jax.random.split(jax.random.key(config.seed))
    train, (test_x, test_labels) = nn.train_test_split(split_key, flowers.data, test=1 / 3, stratify=flowers.targets)
    scaling = nn.min_max_scaling(train[0])
    train, test_x = (nn.scale(scaling, train[0]), train[1]), nn.scale(scaling, test_x)

    def final_accuracy(learning_rate: Any, key: Any) -> Any:
        recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(learning_rate))
        fitted = nn.fit(recipe, train, key=key, epochs=config.epochs)
        return nn.accuracy(nn.predict(recipe.model, fitted.params, test_x), test_labels)

    learning_rates = jnp.geomspace(config.lowest, config.highest, config.networks)
    keys = jax.random.split(train_key, config.networks)
    program = jax.jit(jax.vmap(final_accuracy)).lower(learning_rates, keys).compile()
    started = time.perf_counter()
    accuracies = np.asarray(program(learning_rates, keys))
    seconds = time.perf_counter() - started

    rates = np.asarray(learning_rates)
    good = rates[accuracies >= 0.95]
    print(f"learning rates: {config.networks} networks × {config.epochs} epochs in {seconds:.1f} s, one program")
    print(f"                {len(good)} reach 95 % of {len(test_labels)} unseen flowers, at rates {format_range(good)}")
    pictures = [draw(rates, accuracies)]
    print_pictures(pictures)
    return Result(rates, accuracies, pictures)


def format_range(rates: np.ndarray) -> str:
    """Returns the smallest and the largest rate as text."""
    return f"{rates.min():.2g} … {rates.max():.2g}" if len(rates) else "(none)"


def draw(rates: np.ndarray, accuracies: np.ndarray) -> Path:
    """Draws every network as a dot, and the median of groups of about forty as a line."""
    drawing, [[axes]] = nn.plots.figure(size=(8.0, 4.5))
    # Many accuracies are equal, since they count whole flowers: a little noise separates their dots.
    noise = np.random.default_rng(0).uniform(-0.004, 0.004, len(rates))
    axes.plot(rates, accuracies + noise, ".", color=nn.plots.COLOURS[0], alpha=0.35, label="one network")
    bins = [np.array_split(values, max(1, len(rates) // 40)) for values in (rates, accuracies)]
    medians = [[float(np.median(part)) for part in values] for values in bins]
    axes.plot(*medians, color=nn.plots.COLOURS[4], linewidth=2, label="median of 40 neighbours")
    axes.set(xscale="log", xlabel="learning rate of Adam", ylabel="accuracy on unseen flowers", ylim=(0, 1.03))
    axes.set_title(f"{len(rates)} networks, trained side by side")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower center", frameon=False)
    return save(drawing, "learning_rates", "accuracy")


if __name__ == "__main__":
    run_command(Config, main)
