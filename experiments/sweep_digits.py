"""Sweep, digits: settings of a small CNN, of which ASHA lets only the best train on.

`python -m experiments.sweep_digits` searches learning rate, weight decay, dropout, width and batch size. A validation
fifth judges the trials; the best networks are tested on another fifth that nothing was chosen by.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import command, kept_in, save, say_where
from experiments.searches import Result, describe

SPACE = {
    "learning_rate": nn.log_uniform(1e-4, 1e-1),
    "weight_decay": nn.log_uniform(1e-5, 1.0),
    "dropout": nn.uniform(0.0, 0.6),
    "channels": nn.choice((4, 8), (8, 16)),
    "batch_size": nn.choice(32, 64),
}


@dataclass(frozen=True)
class Config:
    """Sweep a small CNN on the 1,797 handwritten 8×8 digits, with early stopping of poor trials."""

    trials: int = 160
    """Settings to try."""
    epochs: int = 27
    """Passes over the training part, for those that are not stopped."""
    ensemble: int = 5
    """Best networks whose mean is tested."""
    seed: int = 0
    """Of everything."""
    run_directory: Path | None = None
    """Where the run is kept: after whatever ended it, the same command goes on from there."""
    progress: bool = True
    """Show a progress bar."""


def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
    """What is trained, for one setting."""
    model = nn.cnn((8, 8, 1), hypers["channels"], 10, dropout=hypers["dropout"])
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=hypers["batch_size"])


def main(config: Config) -> Result:
    """Run the sweep, print its best setting, and draw the pictures."""
    digits = nn.datasets.digits()
    test_key, validation_key, sweep_key = jax.random.split(jax.random.key(config.seed), 3)
    rest, test = nn.train_test_split(test_key, digits.data, test=0.2, stratify=digits.targets)
    split = nn.train_test_split(validation_key, rest, test=0.25, stratify=rest[1])

    started = time.perf_counter()
    found = nn.sweep(
        make_recipe, SPACE, split.train, key=sweep_key, trials=config.trials, epochs=config.epochs,
        validation=split.test, score=nn.accuracy, scheduler=nn.asha(first=1, reduction=3), keep=config.ensemble,
        directory=kept_in(config.run_directory), progress=config.progress,
    )  # fmt: skip
    seconds = time.perf_counter() - started

    # The numbers.
    accuracy = float(nn.accuracy(found.predict(test[0], best=min(config.ensemble, len(found.kept))), test[1]))
    epochs = sum(outcome.epochs for outcome in found.outcomes)
    share = epochs / (config.trials * config.epochs)
    print(f"sweep_digits: {config.trials} trials, {epochs} epochs ({share:.0%} of all) in {seconds:.1f} s")
    print(f"              best: {describe(found)}, validation accuracy {found.best.score:.4f}")
    print(f"              the best {len(found.kept)} together: {accuracy:.4f} on {len(test[1])} unseen pictures")

    pictures = [draw_search(found), draw_lanes(found)]
    say_where(pictures)
    return Result(found, accuracy, pictures)


def draw_search(found: nn.Sweep) -> Path:
    """All curves, where ASHA cut them, and all settings."""
    drawing, [[curves, lines]] = nn.plots.figure(1, 2, size=(7.5, 4.5))
    nn.plots.sweep_curves(curves, found, label="validation accuracy")
    curves.set_ylim(max(0.0, float(np.nanpercentile(found.curves(), 5)) - 0.05), 1.01)
    curves.set_title("Trials that lag behind are stopped")
    nn.plots.parallel_coordinates(lines, found)
    lines.set_title("Every line a setting")
    return save(drawing, "sweep_digits", "search")


def draw_lanes(found: nn.Sweep) -> Path:
    """Lanes at work, and what decides the score."""
    drawing, [[lanes, shares]] = nn.plots.figure(1, 2)
    nn.plots.occupancy(lanes, found)
    lanes.set_title("Lanes at work, program after program")
    nn.plots.importance(shares, found)
    shares.set_title("What decides the score")
    return save(drawing, "sweep_digits", "lanes")


if __name__ == "__main__":
    nn.use_all_cores()
    command(Config, main)
