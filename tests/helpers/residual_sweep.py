"""A small sweep over residual networks, also for a process of its own."""

from typing import Any

import jax
import optax
import pytest

import jaxnn as nn
from helpers import quick_compiler

SPACE = {
    "first": nn.sizes(2, 4),
    "second": nn.sizes(2, 6),
    "dropout": nn.uniform(0, 0.5),
    "learning_rate": nn.log_uniform(1e-3, 1e-1),
    "shift": nn.integers(0, 1),
}


def make_recipe(hypers: dict) -> nn.Recipe:
    widths = hypers["first"], hypers["second"]
    model = nn.resnet((8, 8, 1), widths, 10, blocks=1, dropout=hypers["dropout"])
    optimizer = optax.sgd(hypers["learning_rate"], momentum=0.9)
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=16, augment=nn.augment.shift(hypers["shift"]))


def run_sweep(directory: Any = None, **options: Any) -> nn.SweepResult:
    """Searches with two folds, two trials at a time, and keeps the parameters of all."""
    data = tuple(leaf[:72] for leaf in nn.datasets.digits().data)
    with pytest.MonkeyPatch.context() as patch:
        # With several trials per lane, all would have a lane at once, and no lane would be refilled.
        patch.setattr("jaxnn.sweeps.engine.lane_count.trials_per_lane", lambda *_: 1)
        return nn.sweep(
            make_recipe, SPACE, data, key=jax.random.key(0), epochs=4, folds=2, lanes=4, keep=6, directory=directory,
            progress=False, save_every=1e-6,
            **({"trials": 6, "scheduler": nn.asha(grace_period=1, reduction_factor=2)} | options),
        )  # fmt: skip


def print_trials(directory: str) -> None:
    """Runs the sweep, compiled as in the tests, and prints each trial that ends."""
    quick_compiler.install()
    quick_compiler.set_compiler(optimize=False, older_code=True)
    run_sweep(directory, log=lambda trial, _: print(trial, flush=True))
