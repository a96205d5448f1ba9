"""What the sweeps of iris and digits share: what they bring home, and how they name their best setting."""

from pathlib import Path
from typing import NamedTuple

import jaxnn as nn


class Result(NamedTuple):
    """The sweep, the accuracy of the best networks together on unseen examples, and where the pictures are."""

    found: nn.Sweep
    accuracy: float
    pictures: list[Path]


def describe(found: nn.Sweep) -> str:
    """The best setting in one line: its hypers and its trial."""
    best = found.best
    numbers = {name: f"{value:.3g}" if isinstance(value, float) else value for name, value in best.hypers.items()}
    return ", ".join(f"{name} {value}" for name, value in numbers.items()) + f" (trial {best.trial})"
