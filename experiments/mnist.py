"""MNIST: the CNN on the IDX files that you have: MNIST itself, Fashion-MNIST, or any other in that format.

`python -m experiments.mnist --directory PATH`, where PATH holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`
and both `t10k-…` files, raw or `.gz`. Nothing is downloaded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax

import jaxnn as nn
from experiments.common import command, say_where
from experiments.images import draw, make_recipe, report, train_and_test


@dataclass(frozen=True)
class Config:
    """Train a CNN on MNIST-style IDX files from a local directory."""

    directory: Path
    """Holds the four IDX files, raw or .gz."""
    epochs: int = 3
    """Passes over the training files."""
    learning_rate: float = 1e-3
    """Adam's, at the start; it falls to 0 along a cosine."""
    batch_size: int = 64
    """Pictures in a minibatch."""
    channels: tuple[int, ...] = (32, 64)
    """Filters of each convolution."""
    hidden: tuple[int, ...] = (128,)
    """Nodes of each dense layer before the last."""
    dropout: float = 0.5
    """Probability of dropping a node in front of each dense layer in training."""
    seed: int = 0
    """Of the initial weights and the order of the pictures."""
    run_directory: Path | None = None
    """Where the run is kept: after whatever ended it, the same command goes on from there."""
    progress: bool = True
    """Show a progress bar."""


class Result(NamedTuple):
    """The accuracy on the t10k files, and where the pictures are."""

    accuracy: float
    pictures: list[Path]


def main(config: Config) -> Result:
    """Train on the train files, print the accuracy on the t10k files, and draw the pictures."""
    train, test = (nn.datasets.mnist(config.directory, part) for part in ("train", "t10k"))
    split = nn.Split(train.data, test.data)

    sizes = {"hidden": config.hidden, "dropout": config.dropout}
    model = nn.cnn(train.x.shape[1:], config.channels, len(train.classes), **sizes)
    recipe = make_recipe(model, config.learning_rate, config.batch_size)
    key = jax.random.key(config.seed)
    outcome = train_and_test(
        recipe, split, key=key, epochs=config.epochs, directory=config.run_directory, progress=config.progress
    )

    report("mnist", outcome, recipe)
    pictures = draw("mnist", outcome, split, train.classes)
    say_where(pictures)
    return Result(outcome.accuracy, pictures)


if __name__ == "__main__":
    command(Config, main)
