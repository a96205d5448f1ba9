"""CIFAR-10: a residual network with batch norm, trained as published networks for small images are.

`python -m experiments.cifar --directory PATH`, where PATH holds the binary files `data_batch_1.bin` … and
`test_batch.bin`; nothing is downloaded. Without a directory it trains on four fifths of the 1,797 digits of 8×8 pixels.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import print_pictures, run_command
from experiments.images import draw_training, draw_wrongest, print_report, train_and_test


@dataclass(frozen=True)
class Config:
    """Train a residual network on CIFAR-10, or on the 8×8 digits if there is no directory."""

    directory: Path | None = None
    """Directory of the binary files of CIFAR-10; without one, the digits."""
    epochs: int = 40
    """Passes over the training part."""
    learning_rate: float = 0.1
    """Peak of the learning rate of SGD with momentum: it rises for a quarter of the run and then decays to 0."""
    weight_decay: float = 5e-4
    """Decay of weights; norms and biases do not decay."""
    batch_size: int = 64
    """Images in a minibatch."""
    channels: tuple[int, ...] = (16, 32, 64)
    """Channels of each stage."""
    blocks: int = 1
    """Residual blocks of each stage; 3 make the ResNet-20 of He et al."""
    shift: int = 1
    """Pixels by which training images move at most; 4 is usual for CIFAR-10."""
    label_smoothing: float = 0.1
    """Share of each label that is spread over all classes in training."""
    ema: float = 0.99
    """Decay of the moving average of the parameters that is tested."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the images and their changes."""
    run_directory: Path | None = None
    """Directory of checkpoints: if the run is interrupted, the same command resumes it."""
    progress: bool = True
    """Show a progress bar."""


class Result(NamedTuple):
    """The accuracy on the test part, and the paths of the pictures."""

    accuracy: float
    pictures: list[Path]


def load(config: Config, key: Any) -> tuple[nn.Split, tuple[str, ...]]:
    """Returns the data, and the names of the classes."""
    if config.directory is None:
        digits = nn.datasets.digits()
        return nn.train_test_split(key, digits.data, test=0.2, stratify=digits.targets), digits.classes
    train, test = (nn.datasets.cifar10(config.directory, part) for part in ("train", "test"))
    return nn.Split(train.data, test.data), train.classes


def make_model(config: Config, x: np.ndarray, classes: int) -> nn.Model:
    """Returns a residual network of standardized images: mean 0 and variance 1 in each channel of x."""
    mean, std = (np.asarray(statistic(x, axis=(0, 1, 2), dtype=float), np.float32) for statistic in (np.mean, np.std))

    def standardize(x: Any) -> Any:
        return (x - mean[None, None, None]) / std[None, None, None]

    return nn.chain(standardize, network=nn.resnet(x.shape[1:], config.channels, classes, blocks=config.blocks))


def make_recipe(config: Config, model: nn.Model, colour: bool) -> nn.Recipe:
    """Returns the recipe; colour images are also flipped, which would make other digits of digits."""

    def optimizer(total_steps: int) -> optax.GradientTransformation:
        rate = optax.cosine_onecycle_schedule(total_steps, config.learning_rate, pct_start=0.25)
        decay = optax.add_decayed_weights(
            config.weight_decay, mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)
        )
        return optax.chain(decay, optax.sgd(rate, momentum=0.9, nesterov=True))

    move = nn.augment.shift(config.shift)
    return nn.Recipe(
        model,
        functools.partial(nn.cross_entropy, label_smoothing=config.label_smoothing),
        optimizer,
        batch_size=config.batch_size,
        ema=config.ema,
        augment=nn.augment.compose(move, nn.augment.flip()) if colour else move,
    )


def main(config: Config) -> Result:
    """Trains the network, prints its accuracy on the test part, and draws the pictures."""
    split_key, train_key = jax.random.split(jax.random.key(config.seed))
    split, classes = load(config, split_key)
    x, labels = split.test

    recipe = make_recipe(config, make_model(config, split.train[0], len(classes)), colour=x.shape[-1] == 3)
    evaluation = train_and_test(
        recipe, split, key=train_key, epochs=config.epochs, directory=config.run_directory, progress=config.progress
    )

    print_report("cifar", evaluation, recipe)
    pictures = [
        draw_training("cifar", evaluation, labels, classes, "augmented"),
        draw_wrongest("cifar", evaluation.outputs, x, labels, classes),
    ]
    print_pictures(pictures)
    return Result(evaluation.accuracy, pictures)


if __name__ == "__main__":
    run_command(Config, main)
