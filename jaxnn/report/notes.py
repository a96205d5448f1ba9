"""What the data of a sweep say, in words: only what a reader can check in the table."""

from typing import TYPE_CHECKING

import numpy as np

from jaxnn.report.ranges import find_range
from jaxnn.sweeps.results.tables import Column

if TYPE_CHECKING:
    from jaxnn.sweeps.results.result import SweepResult

# A hyper is at an end of its range in the outer tenth, with most of the best trials in the outer quarter.
_END, _OUTER = 0.1, 0.25
# The trials that count as the best: a twentieth, and at least these.
_LEAST_BEST = 5
# A value bounds diverged trials if at most this share of the trials beyond it did not diverge.
_EXCEPTIONS = 0.25


def list_notes(result: "SweepResult") -> list[str]:
    """Returns sentences about the result, the most important first."""
    if not any(trial.has_params for trial in result.trials):
        return [*_note_diverged(result), *_note_failed(result)]
    return [
        *_note_ends(result),
        *_note_diverged(result),
        *_note_failed(result),
        *_note_neighbours(result),
        *_note_rising(result),
        *_note_spread(result),
        *_note_not_finite(result),
    ]


def _note_ends(result: "SweepResult") -> list[str]:
    """Says which hypers of the best trials lie at an end of their range."""
    ranked = np.argsort([-trial.rank for trial in result.trials], kind="stable")
    ranked = [number for number in ranked if result.trials[number].has_params]
    count = max(_LEAST_BEST, len(ranked) // 20)
    if len(ranked) < 2 * count:
        return []
    best, notes = ranked[:count], []
    for column, low, high in _list_ranges(result):
        places = _scale(column, low, high)
        for end, name in ((1.0, "upper"), (0.0, "lower")):
            off = np.abs(places[best] - end)
            near = int((off <= _OUTER).sum())
            if off[0] <= _END and near > count / 2:
                notes.append(
                    f"The best {column.path}, {column.values[best[0]]:.3g}, lies at the {name} end of its range, "
                    f"{low:.3g} to {high:.3g}; {near} of the {count} best trials lie in the {name} quarter."
                )
    return notes


def _list_ranges(result: "SweepResult") -> list[tuple[Column, float, float]]:
    """Returns the hypers that have a range, with its ends."""
    ranges = [(column, find_range(result.space, column.path)) for column in result.columns()]
    return [(column, *ends) for column, ends in ranges if ends is not None]


def _scale(column: Column, low: float, high: float) -> np.ndarray:
    """Returns the places of values in their range, from 0 to 1; NaN where a trial does not have the hyper."""
    values, ends = column.values, np.array([low, high])
    if column.logarithmic:
        values, ends = np.log(values), np.log(ends)
    return (values - ends[0]) / (ends[1] - ends[0])


def _note_diverged(result: "SweepResult") -> list[str]:
    """Says how many trials diverged, and the value beyond which they lie, if one tells them from the others."""
    diverged = np.array([trial.status == "diverged" for trial in result.trials])
    ended = np.array([trial.status not in ("unfinished", "failed") for trial in result.trials])
    if not diverged.any():
        return []
    count = diverged.sum()
    start = f"{count} of {len(diverged)} trials diverged"
    bounds = [bound for column in result.columns() for bound in _find_bounds(column, diverged, ended)]
    if count < 3 or not bounds:
        return [f"{start}."]
    exceptions, words = min(bounds)
    beyond = count + exceptions
    if not exceptions:
        return [f"{start}: all those {words}, and no others."]
    return [f"{start}, all {words}; {exceptions} of the {beyond} trials there did not."]


def _find_bounds(column: Column, diverged: np.ndarray, ended: np.ndarray) -> list[tuple[int, str]]:
    """Returns the values of a hyper beyond which all diverged trials lie, with the number of others beyond."""
    values, count = column.values, int(diverged.sum())
    if column.options or np.isnan(values[diverged]).any():
        return []
    low, high = values[diverged].min(), values[diverged].max()
    found = [
        (int((ended & ~diverged & (values >= low)).sum()), f"with {column.path} of {low:.3g} or more"),
        (int((ended & ~diverged & (values <= high)).sum()), f"with {column.path} of {high:.3g} or less"),
    ]
    others = int((ended & ~diverged).sum())
    return [(number, words) for number, words in found if number <= _EXCEPTIONS * count and number < others]


def _note_failed(result: "SweepResult") -> list[str]:
    failed = [trial for trial in result.trials if trial.status == "failed"]
    if not failed:
        return []
    return [f"{len(failed)} of {len(result.trials)} trials failed; trial {failed[0].trial}: {failed[0].reason}"]


def _note_neighbours(result: "SweepResult") -> list[str]:
    """Says whether most trials near the best were stopped, those with the most similar hypers."""
    stopped = np.array([trial.status == "stopped" for trial in result.trials])
    ended = np.array([trial.has_params for trial in result.trials])
    ranges = _list_ranges(result)
    if ended.sum() < 20 or not stopped.any() or stopped.all() or not ranges:
        return []
    best = result.best.trial
    places = np.stack([_scale(column, low, high) for column, low, high in ranges], axis=1)
    distances = np.sqrt(((places - places[best]) ** 2).mean(axis=1))
    for column in result.columns():
        if column.options:
            distances = np.where(column.values == column.values[best], distances, np.inf)
    distances[~ended] = np.inf
    distances[best] = np.inf
    nearest = [number for number in np.argsort(distances, kind="stable")[:5] if np.isfinite(distances[number])]
    early = [number for number in nearest if stopped[number]]
    if len(nearest) < 5 or len(early) < 4 or result.trials[best].status != "finished":
        return []
    epochs = np.median([result.trials[number].epochs for number in early])
    which = "All" if len(early) == 5 else "4 of the"
    return [
        f"{which} 5 trials with hypers nearest to the best were stopped, after {epochs:.0f} epochs in the median: the "
        "scheduler may have stopped trials that were as good."
    ]


def _note_rising(result: "SweepResult") -> list[str]:
    """Says whether the best trial was still improving at its end."""
    best = result.trials[result.best.trial]
    curve = best.curves.scores.mean(axis=0)
    curve = curve[np.isfinite(curve)]
    tail = max(3, len(curve) // 10)
    if len(curve) < 10 or best.status != "finished":
        return []
    before, last = curve[-2 * tail : -tail].mean(), curve[-tail:].mean()
    gained = last - before
    if gained <= 0.02 * (curve.max() - curve.min()) or curve[-tail:].max() < curve.max():
        return []
    return [
        f"The score of the best trial was still rising: {last:.4g} in the mean of its last {tail} epochs, {before:.4g} "
        f"in the {tail} before. More epochs may help."
    ]


def _note_spread(result: "SweepResult") -> list[str]:
    """Says how many trials differ from the best by less than its spread over repeats and folds."""
    best = result.trials[result.best.trial]
    if not best.score_std > 0:
        return []
    near = sum(trial.has_params and trial.score >= best.score - best.score_std for trial in result.trials) - 1
    if not near:
        return []
    return [
        f"{near} other trial{'s differ' if near > 1 else ' differs'} from the best by less than its spread over "
        f"repeats and folds, {best.score_std:.2g}."
    ]


def _note_not_finite(result: "SweepResult") -> list[str]:
    count = sum(trial.has_params and not np.isfinite(trial.score) for trial in result.trials)
    return [f"The score of {count} trial{'s' * (count != 1)} that ended was not finite."] if count else []
