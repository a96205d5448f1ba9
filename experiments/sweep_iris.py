"""Sweep, iris: a thousand settings, each cross-validated, trained in the lanes of two compiled programs.

`python -m experiments.sweep_iris` holds out 30 flowers, scores every setting by 5-fold cross-validation on the other
120, and tests the ensemble of the best settings on the 30.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import optax

import jaxnn as nn
from experiments.common import make_parent, print_pictures, run_command, save
from experiments.searches import Result, describe_best, print_report, write_report

SPACE = {
    "learning_rate": nn.log_uniform(1e-4, 1.0),
    "weight_decay": nn.log_uniform(1e-4, 1.0),
    "width": nn.choice(4, 16),
}


@dataclass(frozen=True)
class Config:
    """Sweep learning rate, weight decay and width of a small network on Fisher's irises."""

    trials: int = 1000
    """Number of settings to try."""
    epochs: int = 300
    """Full-batch AdamW steps of each training."""
    folds: int = 5
    """Number of folds of the cross-validation; every setting is trained once for each."""
    ensemble: int = 10
    """Number of best settings whose networks form the ensemble."""
    seed: int = 0
    """Seed of all random numbers."""
    run_directory: Path | None = None
    """Directory of checkpoints: if the run is interrupted, the same command resumes it."""
    progress: bool = True
    """Show a progress bar."""


def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
    """Returns the recipe of one setting."""
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optimizer)


def main(config: Config) -> Result:
    """Runs the sweep, prints its best settings, and draws the pictures."""
    flowers = nn.datasets.iris()
    split_key, sweep_key = jax.random.split(jax.random.key(config.seed))
    split = nn.train_test_split(split_key, flowers.data, test=0.2, stratify=flowers.targets)

    started = time.perf_counter()
    result = nn.sweep(
        make_recipe, SPACE, split.train, key=sweep_key, trials=config.trials, epochs=config.epochs,
        folds=config.folds, keep=config.ensemble,
        directory=make_parent(config.run_directory), progress=config.progress,
    )  # fmt: skip
    seconds = time.perf_counter() - started

    # The numbers.
    x, labels = split.test
    accuracy = float(nn.accuracy(result.predict(x, best=min(config.ensemble, len(result.kept))), labels))
    trainings = config.trials * config.folds
    print(f"sweep_iris: {trainings} trainings × {config.epochs} epochs in {seconds:.1f} s, compilation included")
    print(f"            best: {describe_best(result)}, cross entropy {-result.best.score:.3f}")
    print(f"            ensemble of the best {len(result.kept)}: {accuracy:.3f} on {len(labels)} unseen flowers")

    pictures = [draw(result)]
    print_pictures(pictures)
    report = write_report(result, "sweep_iris")
    print_report(report)
    return Result(result, accuracy, pictures, report)


def draw(result: nn.SweepResult) -> Path:
    """Draws all curves, all settings, the score against the learning rate, and the importance of each hyper."""
    drawing, axes = nn.plots.figure(2, 2, size=(7.0, 4.2))
    nn.plots.sweep_curves(axes[0, 0], result, quantity="validation_losses", label="validation cross entropy (nats)")
    axes[0, 0].set_title(f"{len(result.trials)} settings, mean over the folds")
    nn.plots.parallel_coordinates(axes[0, 1], result)
    axes[0, 1].set_title("Every line a setting")
    nn.plots.score_against(axes[1, 0], result, "learning_rate", label="score: -cross entropy")
    axes[1, 0].set_ylim(-1.5, 0.05)
    axes[1, 0].set_title("Score against learning rate")
    nn.plots.importance(axes[1, 1], result)
    axes[1, 1].set_title("Importance of the hyperparameters")
    return save(drawing, "sweep_iris", "sweep")


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main)
