"""A sweep as CSV files, for people and their programs: a row for each trial, and one for each epoch of each."""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any

from jaxnn.sweeps.engine.trial import Outcome

_OUTCOME = ("status", "epochs", "score", "spread", "seconds")


def flat(hypers: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested hypers with dotted names."""
    found: dict[str, Any] = {}
    for name, value in hypers.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def rows(outcomes: Iterable[Outcome], hypers_of: Callable[[Outcome], dict[str, Any]]) -> list[dict[str, Any]]:
    """One dict for each trial: its number, hypers, status, epochs, score, spread and seconds."""
    return [
        {"trial": outcome.trial, **flat(hypers_of(outcome))} | {name: getattr(outcome, name) for name in _OUTCOME}
        for outcome in outcomes
    ]


def trials_csv(table: list[dict[str, Any]]) -> str:
    """The table; a hyper that a trial does not have is left empty."""
    names = {name: None for row in table for name in row if name not in _OUTCOME}
    text = io.StringIO()
    writer = csv.DictWriter(text, [*names, *_OUTCOME], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def curves_csv(outcomes: Iterable[Outcome]) -> str:
    """All curves, each the mean over a trial's lanes."""
    lines = ["trial,epoch,loss,validation_loss,score"]
    for outcome in outcomes:
        means = (curve.mean(axis=0).tolist() for curve in outcome.curves)
        epochs = range(1, outcome.epochs + 1)
        lines += [f"{outcome.trial},{e},{a:.9g},{b:.9g},{c:.9g}" for e, a, b, c in zip(epochs, *means, strict=True)]
    return "\n".join(lines) + "\n"
