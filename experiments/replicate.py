"""Replicate: the distribution of the accuracy of one setting over many seeds.

`python -m experiments.replicate` trains the same small CNN on the digits 256 times. Only the initial weights and the
order of the images differ.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import print_pictures, run_command, save


@dataclass(frozen=True)
class Config:
    """Train one small CNN on the digits from many seeds."""

    seeds: int = 256
    """Number of trainings."""
    epochs: int = 10
    """Passes over the training part."""
    learning_rate: float = 0.01
    """Learning rate of Adam."""
    seed: int = 0
    """Seed of the split, and of the keys of all trainings."""
    progress: bool = True
    """Show a progress bar."""


class Result(NamedTuple):
    """Test accuracies of shape (seeds,), and the paths of the pictures."""

    accuracies: np.ndarray
    pictures: list[Path]


def main(config: Config) -> Result:
    """Trains all networks, prints the mean and the range of their accuracies, and draws the distribution."""
    digits = nn.datasets.digits()
    split_key, sweep_key = jax.random.split(jax.random.key(config.seed))
    split = nn.train_test_split(split_key, digits.data, test=0.2, stratify=digits.targets)

    def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
        model = nn.cnn((8, 8, 1), (8, 16), 10)
        return nn.Recipe(model, nn.cross_entropy, optax.adam(hypers["learning_rate"]), batch_size=64)

    # A choice of one value makes every trial the same setting with another key. The test part selects nothing.
    started = time.perf_counter()
    result = nn.sweep(
        make_recipe, {"learning_rate": nn.choice(config.learning_rate)}, split.train, key=sweep_key,
        trials=config.seeds, epochs=config.epochs, validation=split.test, score=nn.accuracy, progress=config.progress,
    )  # fmt: skip
    seconds = time.perf_counter() - started

    accuracies = result.scores
    low, high = np.percentile(accuracies, [2.5, 97.5])
    print(f"replicate: {config.seeds} trainings of one setting in {seconds:.1f} s, compilation included")
    print(f"           accuracy {accuracies.mean():.4f} ± {accuracies.std():.4f} (mean ± standard deviation)")
    print(f"           worst {accuracies.min():.4f}, best {accuracies.max():.4f}; 95 % lie in {low:.4f} … {high:.4f}")
    pictures = [draw(result, len(split.test[1]))]
    print_pictures(pictures)
    return Result(accuracies, pictures)


def draw(result: nn.SweepResult, images: int) -> Path:
    """Draws the distribution of the number of wrong images, of `images`, beside the learning curves."""
    drawing, [[bars, curves]] = nn.plots.figure(1, 2)
    wrong = np.round((1 - result.scores) * images).astype(int)
    counts = np.bincount(wrong)
    bars.bar(np.arange(len(counts)), counts, color=nn.plots.COLOURS[0])
    median = np.median(wrong)
    bars.axvline(median, color=nn.plots.COLOURS[4], label=f"median {median:g}")
    bars.set(xlabel=f"wrong images of {images}", ylabel="number of runs")
    bars.set_xlim(wrong.min() - 1, wrong.max() + 1)
    bars.locator_params(axis="x", integer=True)
    bars.set_title(f"{len(wrong)} runs that differ only in their seed")
    bars.legend(frameon=False)
    series = {"test": 1 - result.curves()}
    nn.plots.learning_curves(curves, series, quantity="error rate (0 to 1)", logarithmic=True)
    curves.set_title("Median and range of all runs")
    return save(drawing, "replicate", "distribution")


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main)
