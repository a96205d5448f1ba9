"""Schedulers: what each would have saved and lost in one search of the digits, which trains every trial to the end.

`python -m experiments.schedulers` searches an MLP without a scheduler, and then replays asha, hyperband and
median_stopping, each with three settings, on the recorded curves. It trains once for nine schedulers. One search may be
a lucky one, so they are replayed on parts of it too: a quarter of the trials, drawn many times in random order.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import make_parent, print_pictures, run_command, save

SPACE = {
    "learning_rate": nn.log_uniform(1e-4, 1e-1),
    "weight_decay": nn.log_uniform(1e-5, 1.0),
    "dropout": nn.uniform(0.0, 0.6),
    "width": nn.sizes(8, 64),
}
SCHEDULERS = (
    nn.asha(grace_period=1),
    nn.asha(grace_period=3),
    nn.asha(grace_period=1, reduction_factor=2),
    nn.hyperband(grace_period=1),
    nn.hyperband(grace_period=3),
    nn.hyperband(grace_period=1, reduction_factor=2),
    nn.median_stopping(grace_period=1),
    nn.median_stopping(grace_period=5),
    nn.median_stopping(grace_period=9),
)


@dataclass(frozen=True)
class Config:
    """Compare schedulers on the curves of one search for an MLP on the 1,797 handwritten 8×8 digits."""

    trials: int = 256
    """Number of settings to try."""
    epochs: int = 27
    """Passes over the training part, for all trials."""
    parts: int = 16
    """Number of quarters of the trials on which the schedulers are replayed."""
    seed: int = 0
    """Seed of all random numbers."""
    run_directory: Path | None = None
    """Directory of checkpoints: if the run is interrupted, the same command resumes it."""
    progress: bool = True
    """Show a progress bar."""


class Row(NamedTuple):
    """What a scheduler would have done: on all trials, and the regret on each part of them."""

    whole: nn.sweeps.Simulation
    regrets: np.ndarray


class Result(NamedTuple):
    """The search without a scheduler, a row for each scheduler, and the paths of the pictures."""

    sweep: nn.SweepResult
    rows: list[Row]
    pictures: list[Path]


def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
    """Returns the recipe of one setting."""
    network = nn.mlp([64, hypers["width"], 10], dropout=hypers["dropout"])
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(nn.chain(nn.flatten, network), nn.cross_entropy, optimizer, batch_size=128)


def main(config: Config) -> Result:
    """Runs the search, replays the schedulers, prints their table and draws the pictures."""
    digits = nn.datasets.digits()
    split_key, sweep_key = jax.random.split(jax.random.key(config.seed))
    split = nn.train_test_split(split_key, digits.data, test=0.25, stratify=digits.targets)

    started = time.perf_counter()
    result = nn.sweep(
        make_recipe, SPACE, split.train, key=sweep_key, trials=config.trials, epochs=config.epochs,
        validation=split.test, directory=make_parent(config.run_directory), progress=config.progress,
    )  # fmt: skip
    trained = time.perf_counter()
    parts = [draw_part(result, seed) for seed in range(config.parts)]
    rows = [replay(scheduler, result, parts) for scheduler in SCHEDULERS]
    replayed = time.perf_counter()

    # The numbers.
    print(f"schedulers: {config.trials} trials, {rows[0].whole.full_epochs} epochs in {trained - started:.1f} s;")
    print(f"            {len(rows)} schedulers replayed in {replayed - trained:.1f} s")
    print(format_table(result, rows))

    pictures = [draw(result, rows)]
    print_pictures(pictures)
    return Result(result, rows, pictures)


def draw_part(result: nn.SweepResult, seed: int) -> nn.SweepResult:
    """Returns the result of a quarter of the trials, in random order."""
    count = len(result.trials)
    drawn = np.random.default_rng(seed).permutation(count)[: max(count // 4, 1)]
    return result._replace(trials=tuple(result.trials[old]._replace(trial=new) for new, old in enumerate(drawn)))


def replay(scheduler: Any, result: nn.SweepResult, parts: list[nn.SweepResult]) -> Row:
    """Replays a scheduler on all trials and on parts of them."""
    regrets = [nn.sweeps.simulate(scheduler, part).regret for part in parts]
    return Row(nn.sweeps.simulate(scheduler, result), np.array(regrets))


def format_table(result: nn.SweepResult, rows: list[Row]) -> str:
    """Returns a line for the search, and one for each scheduler."""
    best, epochs = result.best, rows[0].whole.full_epochs
    header = f"{'epochs':>8}{'share':>7}{'trial':>7}{'score':>9}{'regret':>9}{'of parts':>10}{'worst':>9}"
    lines = [f"{'scheduler':<58}{header}"]
    lines += [f"{'none':<58}{epochs:>8}{1:>7.0%}{best.trial:>7}{best.score:>9.4f}{0:>9.4f}{0:>10.4f}{0:>9.4f}"]
    lines += [
        f"{whole.scheduler!r:<58}{whole.epochs:>8}{whole.share:>7.0%}{whole.trial:>7}{whole.score:>9.4f}"
        f"{whole.regret:>9.4f}{regrets.mean():>10.4f}{regrets.max():>9.4f}"
        for whole, regrets in rows
    ]
    return "\n".join(lines)


def draw(result: nn.SweepResult, rows: list[Row]) -> Path:
    """Draws the curves up to where the first scheduler stops them, and the mean regret of all against their epochs."""
    drawing, [[curves, points]] = nn.plots.figure(1, 2, size=(7.5, 4.5))
    first = rows[0].whole
    nn.plots.sweep_curves(curves, result._replace(trials=first.trials), label="score: -cross entropy (nats)")
    curves.set_ylim(-2.5, 0.05)
    curves.set_title(f"What {name_of(rows[0])} would have trained: {first.share:.0%} of the epochs")
    kinds = list(dict.fromkeys(map(name_of, rows)))
    for kind, colour, marker, above in zip(kinds, nn.plots.COLOURS, "os^", (6, 16, -12), strict=False):
        own = [row for row in rows if name_of(row) == kind]
        shares, regrets = [100 * row.whole.share for row in own], [row.regrets.mean() for row in own]
        points.plot(shares, regrets, marker, color=colour, markersize=8, label=kind)
        for row, share, regret in zip(own, shares, regrets, strict=True):
            options = ", ".join(map(str, row.whole.scheduler))
            points.annotate(options, (share, regret), xytext=(4, above), textcoords="offset points", fontsize=8)
    points.set(xlabel="epochs, in percent of all", ylabel="mean regret of the parts (nats)", xlim=(0, 100))
    points.set_title("What each would have saved and lost")
    points.margins(y=0.12)
    points.grid(alpha=0.3)
    points.legend(frameon=False, title="numbers: the options, in order")
    return save(drawing, "schedulers", "schedulers")


def name_of(row: Row) -> str:
    """Returns the name of a row's scheduler, without its options."""
    return type(row.whole.scheduler).__name__


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main)
