"""What the sweeps of iris and digits share: their result, and the description of the best setting."""

from pathlib import Path
from typing import NamedTuple

import jaxnn as nn


class Result(NamedTuple):
    """The sweep, the accuracy of its best networks together on unseen examples, and the paths of the pictures."""

    sweep: nn.SweepResult
    accuracy: float
    pictures: list[Path]


def describe_best(result: nn.SweepResult) -> str:
    """Returns the hypers and the trial of the best setting as one line."""
    best = result.best
    values = {
        name: f"{value:.3g}" if isinstance(value, float) else getattr(value, "__name__", value)
        for name, value in best.hypers.items()
    }
    return ", ".join(f"{name} {value}" for name, value in values.items()) + f" (trial {best.trial})"
