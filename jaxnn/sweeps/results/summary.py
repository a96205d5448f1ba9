"""The three lines that tell what a sweep has found."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.best_trial import list_hypers, note_stop, show_score


def count_statuses(trials: Iterable[TrialResult]) -> str:
    """Returns how many trials have each status, as text."""
    count = Counter(trial.status for trial in trials)
    return ", ".join(f"{number} {status}" for status, number in count.most_common())


def summarize(result: Any) -> tuple[str, str, str]:
    """Returns lines about the trials of a `SweepResult`, its best one, and the parameters at hand."""
    statuses = count_statuses(result.trials)
    repeats, folds, epochs, *_ = result.plan.layout
    trials = len(result.trials)
    parts = [f"{trials} trial{'s' * (trials != 1)} of up to {epochs} epochs" + (f" ({statuses})" if statuses else "")]
    parts += [f"{repeats} repeats"] * (repeats > 1)
    parts += [f"{folds} folds" + f" stratified by {result.stratified_by}" * bool(result.stratified_by)] * (folds > 1)
    # A result that was loaded has no code, and no seconds.
    others = "replay(trial)" if result.seconds is not None else "replay(trial) of what the same call of sweep returns"
    best = result.best if any(trial.has_params for trial in result.trials) else None
    return (
        f"SweepResult: {', '.join(parts)}",
        "best: none" if best is None else
        f"best: trial {best.trial}, score {show_score(best)} after epoch {best.epoch}{note_stop(best.status)}, "
        f"{list_hypers(best.hypers)}",
        f"params: of trials {sorted(result.kept)}; {others} computes those of the others",
    )  # fmt: skip
