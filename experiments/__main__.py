"""A short tour: iris, the CNN on digits, and a sweep of a hundred settings. `python -m experiments`."""

import time
from dataclasses import dataclass

import jaxnn as nn
from experiments import digits, iris, sweep_iris
from experiments.common import run_command
from experiments.searches import print_report


@dataclass(frozen=True)
class Config:
    """Train the iris classifier, the CNN on digits, and 500 iris networks in a sweep of 100 settings."""

    seed: int = 0
    """Seed of all random numbers."""
    progress: bool = True
    """Show progress bars."""


def main(config: Config) -> None:
    """Runs the three experiments one after the other."""
    started = time.perf_counter()
    iris.main(iris.Config(seed=config.seed))
    digits.main(digits.Config(seed=config.seed, progress=config.progress))
    swept = sweep_iris.main(sweep_iris.Config(trials=100, seed=config.seed, progress=config.progress))
    print(f"the tour took {time.perf_counter() - started:.0f} s; each part is a separate command, see --help:")
    print("  python -m experiments.iris  python -m experiments.digits  python -m experiments.sweep_iris")
    print_report(swept.report)


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main)
