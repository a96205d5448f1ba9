"""Digits: a small CNN reads 1,797 real handwritten digits of 8×8 pixels.

`python -m experiments.digits` trains on four fifths of them and is judged on the last fifth.
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
    """Train a small CNN on the 1,797 handwritten 8×8 digits."""

    epochs: int = 40
    """Passes over the training part."""
    learning_rate: float = 3e-3
    """Adam's, at the start; it falls to 0 along a cosine."""
    batch_size: int = 32
    """Pictures in a minibatch."""
    channels: tuple[int, ...] = (32, 64)
    """Filters of each convolution."""
    dropout: float = 0.5
    """Probability of dropping a node in front of the last layer in training."""
    seed: int = 0
    """Of the split, the initial weights and the order of the pictures."""
    run_directory: Path | None = None
    """Where the run is kept: after whatever ended it, the same command goes on from there."""
    progress: bool = True
    """Show a progress bar."""


class Result(NamedTuple):
    """The accuracy on the test part, and where the pictures are."""

    accuracy: float
    pictures: list[Path]


def main(config: Config) -> Result:
    """Train, print the accuracy on the test part, and draw the pictures."""
    digits = nn.datasets.digits()
    split_key, train_key = jax.random.split(jax.random.key(config.seed))
    split = nn.train_test_split(split_key, digits.data, test=0.2, stratify=digits.targets)

    model = nn.cnn((8, 8, 1), config.channels, 10, dropout=config.dropout)
    recipe = make_recipe(model, config.learning_rate, config.batch_size)
    outcome = train_and_test(
        recipe, split, key=train_key, epochs=config.epochs, directory=config.run_directory, progress=config.progress
    )

    report("digits", outcome, recipe)
    pictures = draw("digits", outcome, split, digits.classes)
    say_where(pictures)
    return Result(outcome.accuracy, pictures)


if __name__ == "__main__":
    command(Config, main)
