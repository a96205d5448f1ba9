"""Sweep, iris: a thousand settings, each cross-validated, flow through the lanes of two compiled programs.

`python -m experiments.sweep_iris` keeps 30 flowers aside, judges every setting by 5-fold cross-validation on the other
120, and lets the networks of the best settings vote on the 30.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import optax

import jaxnn as nn
from experiments.common import command, kept_in, save, say_where
from experiments.searches import Result, describe

SPACE = {
    "learning_rate": nn.log_uniform(1e-4, 1.0),
    "weight_decay": nn.log_uniform(1e-4, 1.0),
    "width": nn.choice(4, 16),
}


@dataclass(frozen=True)
class Config:
    """Sweep learning rate, weight decay and width of a small network on Fisher's irises."""

    trials: int = 1000
    """Settings to try."""
    epochs: int = 300
    """Full-batch AdamW steps of each training."""
    folds: int = 5
    """Parts of the cross-validation; a setting is trained once for each."""
    ensemble: int = 10
    """Best settings whose networks vote on the flowers kept aside."""
    seed: int = 0
    """Of everything."""
    run_directory: Path | None = None
    """Where the run is kept: after whatever ended it, the same command goes on from there."""
    progress: bool = True
    """Show a progress bar."""


def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
    """What is trained, for one setting."""
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optimizer)


def main(config: Config) -> Result:
    """Run the sweep, print its best settings, and draw the pictures."""
    flowers = nn.datasets.iris()
    split_key, sweep_key = jax.random.split(jax.random.key(config.seed))
    split = nn.train_test_split(split_key, flowers.data, test=0.2, stratify=flowers.targets)

    started = time.perf_counter()
    found = nn.sweep(
        make_recipe, SPACE, split.train, key=sweep_key, trials=config.trials, epochs=config.epochs,
        folds=config.folds, keep=config.ensemble,
        directory=kept_in(config.run_directory), progress=config.progress,
    )  # fmt: skip
    seconds = time.perf_counter() - started

    # The numbers.
    x, labels = split.test
    accuracy = float(nn.accuracy(found.predict(x, best=min(config.ensemble, len(found.kept))), labels))
    trainings = config.trials * config.folds
    print(f"sweep_iris: {trainings} trainings × {config.epochs} epochs in {seconds:.1f} s, compilation included")
    print(f"            best: {describe(found)}, cross entropy {-found.best.score:.3f}")
    print(f"            the best {len(found.kept)} settings together: {accuracy:.3f} on {len(labels)} unseen flowers")

    pictures = [draw(found)]
    say_where(pictures)
    return Result(found, accuracy, pictures)


def draw(found: nn.Sweep) -> Path:
    """All curves, all settings, and the score against the learning rate."""
    drawing, axes = nn.plots.figure(2, 2, size=(7.0, 4.2))
    nn.plots.sweep_curves(axes[0, 0], found, quantity="validation_losses", label="validation cross entropy (nats)")
    axes[0, 0].set_title(f"{len(found.outcomes)} settings, mean over the folds")
    nn.plots.parallel_coordinates(axes[0, 1], found)
    axes[0, 1].set_title("Every line a setting")
    nn.plots.score_against(axes[1, 0], found, "learning_rate", label="score: -cross entropy")
    axes[1, 0].set_ylim(-1.5, 0.05)
    axes[1, 0].set_title("Score against learning rate")
    nn.plots.importance(axes[1, 1], found)
    axes[1, 1].set_title("What decides the score")
    return save(drawing, "sweep_iris", "sweep")


if __name__ == "__main__":
    nn.use_all_cores()
    command(Config, main)
