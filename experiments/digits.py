"""Digits: a small CNN classifies 1,797 handwritten digits of 8×8 pixels.

`python -m experiments.digits` trains on four fifths of them and tests on the last fifth.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax

import jaxnn as nn
from experiments.common import print_pictures, run_command
from experiments.images import draw, make_recipe, print_report, train_and_test


@dataclass(frozen=True)
class Config:
    """Train a small CNN on the 1,797 handwritten 8×8 digits."""

    epochs: int = 40
    """Passes over the training part."""
    learning_rate: float = 3e-3
    """Initial learning rate of Adam; it decays to 0 along a cosine."""
    batch_size: int = 32
    """Images in a minibatch."""
    channels: tuple[int, ...] = (32, 64)
    """Filters of each convolution."""
    dropout: float = 0.5
    """Probability of dropping an input of the last layer in training."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the images and dropout."""
    run_directory: Path | None = None
    """Directory of checkpoints: if the run is interrupted, the same command resumes it."""
    progress: bool = True
    """Show a progress bar."""


class Result(NamedTuple):
    """The accuracy on the test part, and the paths of the pictures."""

    accuracy: float
    pictures: list[Path]


def main(config: Config) -> Result:
    """Trains the CNN, prints its accuracy on the test part, and draws the pictures."""
    digits = nn.datasets.digits()
    split_key, train_key = jax.random.split(jax.random.key(config.seed))
    split = nn.train_test_split(split_key, digits.data, test=0.2, stratify=digits.targets)

    model = nn.cnn((8, 8, 1), config.channels, 10, dropout=config.dropout)
    recipe = make_recipe(model, config.learning_rate, config.batch_size)
    evaluation = train_and_test(
        recipe, split, key=train_key, epochs=config.epochs, directory=config.run_directory, progress=config.progress
    )

    print_report("digits", evaluation, recipe)
    pictures = draw("digits", evaluation, split, digits.classes)
    print_pictures(pictures)
    return Result(evaluation.accuracy, pictures)


if __name__ == "__main__":
    run_command(Config, main)
