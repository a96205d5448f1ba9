"""MNIST: the CNN on local IDX files, such as those of MNIST or Fashion-MNIST.

`python -m experiments.mnist --directory PATH`, where PATH holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`
and both `t10k-…` files, raw or `.gz`. Nothing is downloaded.
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
    """Train a CNN on MNIST-style IDX files from a local directory."""

    directory: Path
    """Directory of the four IDX files, raw or .gz."""
    epochs: int = 3
    """Passes over the training part."""
    learning_rate: float = 1e-3
    """Initial learning rate of Adam; it decays to 0 along a cosine."""
    batch_size: int = 64
    """Images in a minibatch."""
    channels: tuple[int, ...] = (32, 64)
    """Filters of each convolution."""
    hidden: tuple[int, ...] = (128,)
    """Nodes of each dense layer before the last."""
    dropout: float = 0.5
    """Probability of dropping an input of a dense layer in training."""
    seed: int = 0
    """Seed of the initial weights, the order of the images and dropout."""
    run_directory: Path | None = None
    """Directory of checkpoints: if the run is interrupted, the same command resumes it."""
    progress: bool = True
    """Show a progress bar."""


class Result(NamedTuple):
    """The accuracy on the t10k files, and the paths of the pictures."""

    accuracy: float
    pictures: list[Path]


def main(config: Config) -> Result:
    """Trains on the train files, prints the accuracy on the t10k files, and draws the pictures."""
    train, test = (nn.datasets.mnist(config.directory, part) for part in ("train", "t10k"))
    split = nn.Split(train.data, test.data)

    sizes = {"hidden": config.hidden, "dropout": config.dropout}
    model = nn.cnn(train.x.shape[1:], config.channels, len(train.classes), **sizes)
    recipe = make_recipe(model, config.learning_rate, config.batch_size)
    key = jax.random.key(config.seed)
    evaluation = train_and_test(
        recipe, split, key=key, epochs=config.epochs, directory=config.run_directory, progress=config.progress
    )

    print_report("mnist", evaluation, recipe)
    pictures = draw("mnist", evaluation, split, train.classes)
    print_pictures(pictures)
    return Result(evaluation.accuracy, pictures)


if __name__ == "__main__":
    run_command(Config, main)
