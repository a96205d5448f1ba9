"""Sweep, digits: settings of a small CNN, of which ASHA trains only the best to the end.

`python -m experiments.sweep_digits` searches learning rate, weight decay, dropout, width and batch size. The trials are
scored on a fifth of the digits; the best networks are tested on another fifth, which selects nothing.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import make_parent, print_pictures, run_command, save
from experiments.searches import Result, describe_best, print_report, share_among_workers, write_report

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
    """Number of settings to try."""
    epochs: int = 27
    """Passes over the training part, for trials that are not stopped."""
    ensemble: int = 5
    """Number of best networks whose mean prediction is tested."""
    seed: int = 0
    """Seed of all random numbers."""
    run_directory: Path | None = None
    """Directory of checkpoints: if the run is interrupted, the same command resumes it."""
    progress: bool = True
    """Show a progress bar."""
    workers: int = 0
    """Processes on this computer that share the sweep; 0 runs it in this process."""
    dask: str | None = None
    """Address of the scheduler of a Dask cluster whose workers share the sweep, such as tcp://10.0.0.1:8786."""


def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
    """Returns the recipe of one setting."""
    model = nn.cnn((8, 8, 1), hypers["channels"], 10, dropout=hypers["dropout"])
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=hypers["batch_size"])


def main(config: Config) -> Result:
    """Runs the sweep, prints its best setting, and draws the pictures."""
    digits = nn.datasets.digits()
    test_key, validation_key, sweep_key = jax.random.split(jax.random.key(config.seed), 3)
    rest, test = nn.train_test_split(test_key, digits.data, test=0.2, stratify=digits.targets)
    split = nn.train_test_split(validation_key, rest, test=0.25, stratify=rest[1])

    started = time.perf_counter()
    with share_among_workers(config.workers, config.dask) as shared:
        result = nn.sweep(
            make_recipe, SPACE, split.train, key=sweep_key, trials=config.trials, epochs=config.epochs,
            validation=split.test, score=nn.accuracy, scheduler=nn.asha(grace_period=1, reduction_factor=3),
            keep=config.ensemble, directory=make_parent(config.run_directory), progress=config.progress, **shared,
        )  # fmt: skip
    seconds = time.perf_counter() - started

    # The numbers.
    accuracy = float(nn.accuracy(result.predict(test[0], best=min(config.ensemble, len(result.kept))), test[1]))
    epochs = sum(trial.epochs for trial in result.trials)
    share = epochs / (config.trials * config.epochs)
    print(f"sweep_digits: {config.trials} trials, {epochs} epochs ({share:.0%} of all) in {seconds:.1f} s")
    print(f"              best: {describe_best(result)}, validation accuracy {result.best.score:.4f}")
    print(f"              ensemble of the best {len(result.kept)}: {accuracy:.4f} on {len(test[1])} unseen images")

    pictures = [draw_search(result), draw_lanes(result)]
    print_pictures(pictures)
    report = write_report(result, "sweep_digits", pictures=True)
    print_report(report)
    return Result(result, accuracy, pictures, report)


def draw_search(result: nn.SweepResult) -> Path:
    """Draws the curves of all trials, which end where ASHA stopped them, and all settings."""
    drawing, [[curves, lines]] = nn.plots.figure(1, 2, size=(7.5, 4.5))
    nn.plots.sweep_curves(curves, result, label="validation accuracy")
    curves.set_ylim(max(0.0, float(np.nanpercentile(result.curves(), 5)) - 0.05), 1.01)
    curves.set_title("Trials that lag behind are stopped")
    nn.plots.parallel_coordinates(lines, result)
    lines.set_title("Every line a setting")
    return save(drawing, "sweep_digits", "search")


def draw_lanes(result: nn.SweepResult) -> Path:
    """Draws the percentage of busy lanes and the importance of each hyper."""
    drawing, [[lanes, bars]] = nn.plots.figure(1, 2)
    nn.plots.occupancy(lanes, result)
    lanes.set_title("Lanes at work, one program after the other")
    nn.plots.importance(bars, result)
    bars.set_title("Importance of the hyperparameters")
    return save(drawing, "sweep_digits", "lanes")


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main)
