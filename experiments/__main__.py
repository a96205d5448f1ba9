"""The quick tour: iris, the CNN on digits, and a thousand iris networks at once. `python -m experiments`."""

import time
from dataclasses import dataclass

from experiments import digits, iris, learning_rates
from experiments.common import command


@dataclass(frozen=True)
class Config:
    """Train the iris classifier, the CNN on digits, and a thousand iris networks by one vmap."""

    seed: int = 0
    """Of everything."""
    progress: bool = True
    """Show a progress bar while the CNN trains."""


def main(config: Config) -> None:
    """Run the three, one after the other."""
    started = time.perf_counter()
    iris.main(iris.Config(seed=config.seed))
    digits.main(digits.Config(seed=config.seed, progress=config.progress))
    learning_rates.main(learning_rates.Config(seed=config.seed))
    print(f"the tour took {time.perf_counter() - started:.0f} s; each stop is a command, see --help:")
    print("  python -m experiments.iris  python -m experiments.digits  python -m experiments.learning_rates")


if __name__ == "__main__":
    command(Config, main)
