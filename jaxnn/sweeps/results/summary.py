"""The three lines that tell what a sweep has found."""

from collections import Counter
from typing import Any

from jaxnn.sweeps.results.best_trial import list_hypers, note_stop


def summarize(result: Any) -> tuple[str, str, str]:
    """Returns lines about the trials of a `SweepResult`, its best one, and the parameters at hand."""
    count = Counter(trial.status for trial in result.trials)
    statuses = ", ".join(f"{number} {status}" for status, number in count.most_common())
    repeats, folds, epochs, *_ = result.plan.layout
    trials = len(result.trials)
    parts = [f"{trials} trial{'s' * (trials != 1)} of up to {epochs} epochs" + (f" ({statuses})" if statuses else "")]
    parts += [f"{repeats} repeats"] * (repeats > 1)
    parts += [f"{folds} folds" + f" stratified by {result.stratified_by}" * bool(result.stratified_by)] * (folds > 1)
    best = result.best if any(trial.has_params for trial in result.trials) else None
    return (
        f"SweepResult: {', '.join(parts)}",
        "best: none" if best is None else
        f"best: trial {best.trial}, score {best.score:.4g} after epoch {best.epoch}{note_stop(best.status)}, "
        f"{list_hypers(best.hypers)}",
        f"params: of trials {sorted(result.kept)}; replay(trial) computes those of the others",
    )  # fmt: skip
