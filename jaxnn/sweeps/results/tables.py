"""The tables of a sweep: rows and CSV files of trials and epochs, and hypers as columns of numbers."""

import csv
import functools
import html
from collections.abc import Iterable, Iterator, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxnn._checks.names import name_value
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.space.distributions import LogNormal, LogUniform
from jaxnn.sweeps.space.fill import fill_space
from jaxnn.sweeps.space.space import Choice, Setting, dimensions
from jaxnn.sweeps.space.whole import Sizes, Switches
from jaxnn.training.evaluation import Curves

# The trials that a notebook shows.
_HTML_ROWS = 10
RESULT_COLUMNS = ("status", "epochs", "score", "score_std", "score_epoch", "seconds", "reason")


class Column(NamedTuple):
    """One hyper of all trials.

    Attributes:
        path: its names joined by dots.
        values: of each trial; of a choice or a switch, the number of the option; NaN where the trial does not have it.
        options: the names of a choice's options or a switch's functions; empty for a number.
        logarithmic: whether its distribution is logarithmic.
    """

    path: str
    values: Float[np.ndarray, "trials"]
    options: tuple[str, ...]
    logarithmic: bool


def make_columns(space: dict[str, Any], settings: list[Setting]) -> tuple[Column, ...]:
    """Returns a column for each path of a space.

    Example:
        >>> from jaxnn import choice, log_uniform
        >>> space = {"rate": log_uniform(1e-3, 1), "width": choice(8, 16)}
        >>> rate, width = make_columns(space, [Setting((("width", 1),), {"rate": 0.1})])
        >>> rate.values, width.values, width.options
        (array([0.1]), array([1.]), ('8', '16'))
    """
    columns: dict[str, Column] = {}
    for path, node, _ in dimensions(space):
        if path not in columns:
            # A width may have a segment among the choices too.
            values = [setting.values.get(path, dict(setting.choices).get(path, np.nan)) for setting in settings]
            columns[path] = Column(path, np.array(values, float), name_options(node), _is_logarithmic(node))
    return tuple(columns.values())


def _is_logarithmic(node: Any) -> bool:
    return isinstance(node, LogUniform | LogNormal) or (isinstance(node, Sizes) and node.log)


def make_rows(space: dict[str, Any], results: Iterable[TrialResult]) -> Iterator[dict[str, Any]]:
    """Yields one dict for each trial: its number, hypers (functions by name), status, epochs, score, …, metrics."""
    options = {path: name_options(node) for path, node, _ in dimensions(space) if isinstance(node, Choice | Switches)}
    paths = [path for path, _, _ in dimensions(space)]

    def name_setting(result: TrialResult) -> dict[str, Any]:
        named = name_hypers(fill_space(space, *result.setting))
        picked = [(path, int(value)) for path, value in result.setting.values.items() if path in options]
        for path, option in (*result.setting.choices, *picked):
            # Numbers keep their types. A path that several options share has several lists of names.
            if isinstance(named.get(path), str) and paths.count(path) == 1:
                named[path] = options[path][option]
        return named

    return (
        {"trial": result.trial}
        | name_setting(result)
        | {name: getattr(result, name) for name in RESULT_COLUMNS}
        | result.metrics
        | ({"worker": result.worker} if result.worker and "worker" not in space else {})
        for result in results
    )


def make_frame(rows: list[dict[str, Any]], names: Iterable[str] = ()) -> Any:
    """Returns rows as a pandas DataFrame with their columns, or these names without rows.

    Where None is an option, values stay as they are: pandas would make NaN of it, and floats of the whole numbers.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_pandas needs pandas: pip install 'jaxnn[pandas]'") from error
    columns: dict[str, Any] = {name: [] for name in names}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name, np.nan) for row in rows]
        columns[name] = pandas.Series(values, dtype=object) if any(value is None for value in values) else values
    return pandas.DataFrame(columns)


def make_html(title: str, rows: list[dict[str, Any]]) -> str:
    """Returns the first rows of a table as HTML, for notebooks."""
    names = [name for name in (rows[0] if rows else {}) if name not in ("seconds", "score_epoch", "reason")]

    def cells(tag: str, values: Iterable[Any]) -> str:
        texts = [f"{value:.4g}" if isinstance(value, float) else html.escape(str(value)) for value in values]
        return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for text in texts) + "</tr>"

    body = "".join(cells("td", (row.get(name, "") for name in names)) for row in rows[:_HTML_ROWS])
    rest = f"<p>… and {len(rows) - _HTML_ROWS} more</p>" if len(rows) > _HTML_ROWS else ""
    return f"<p>{html.escape(title)}</p><table>{cells('th', names)}{body}</table>{rest}"


def flatten_hypers(hypers: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens nested hypers to one dict with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in hypers.items():
        flat |= flatten_hypers(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def list_numbers(hypers: dict[str, Any], result: TrialResult) -> dict[str, float]:
    """Returns what `log` gets of a trial: its hypers that are numbers, score, epochs and metrics."""
    flat = flatten_hypers(hypers).items()
    numbers = {name: float(value) for name, value in flat if isinstance(value, int | float)}
    return numbers | {"score": result.score, "epochs": float(result.epochs)} | result.metrics


def name_hypers(hypers: dict[str, Any]) -> dict[str, Any]:
    """Returns hypers by path, functions by their names."""
    return {path: name_value(value) for path, value in flatten_hypers(hypers).items()}


def make_files(
    space: dict[str, Any], results: Sequence[TrialResult], metrics: tuple[str, ...]
) -> dict[str, Iterator[str]]:
    """Returns the CSV files by name, trial by trial: a row for each trial, and one for each of its epochs."""
    return {"trials.csv": trials_csv(space, results, metrics), "curves.csv": curves_csv(results, metrics)}


def trials_csv(space: dict[str, Any], results: Sequence[TrialResult], metrics: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields the lines of the table of trials as CSV; a hyper that a trial does not have is left empty."""
    # Trials of the same choices have the same hypers.
    firsts = {result.setting.choices: result for result in reversed(results)}
    rows = list(make_rows(space, sorted(firsts.values(), key=lambda result: result.trial)))
    columns = *RESULT_COLUMNS, *metrics, *(("worker",) if rows and list(rows[0])[-1] == "worker" else ())
    names = {name: None for row in rows for name in row if name not in columns}
    writer = csv.DictWriter(_Echo(), [*names, *columns], lineterminator="\n")
    yield writer.writeheader()
    yield from map(writer.writerow, make_rows(space, results))


class _Echo:
    """A file for `csv` whose `write` returns the line."""

    def write(self, line: str) -> str:
        return line


def curves_csv(results: Iterable[TrialResult], metrics: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields the curves of each trial as CSV, a row for each epoch, each number the mean over the trial's lanes."""
    names = *Curves._fields[:3], *metrics
    yield ",".join(["trial,epoch,loss,validation_loss,score", *metrics]) + "\n"
    for result in results:
        rows = _make_epoch_rows(result.epochs, len(names)).replace("trial", str(result.trial))
        means = np.stack([mean_curve(result, name) for name in names], axis=1)
        yield rows % tuple(means.ravel().tolist())


# Most trials end at a rung: making the rows of each would take as long as filling in the numbers.
@functools.lru_cache(maxsize=64)
def _make_epoch_rows(epochs: int, quantities: int) -> str:
    """Returns the rows of the epochs of a trial, with places for its number and the numbers of each epoch."""
    return "".join(f"trial,{epoch}{',%.9g' * quantities}\n" for epoch in range(1, epochs + 1))


def name_options(node: Any) -> tuple[str, ...]:
    """Names the options of a choice, or the functions of a switch; equal names get the number of the option."""
    values = node.values if isinstance(node, Choice) else node.functions if isinstance(node, Switches) else ()
    names = [_name_option(value) for value in values]
    return tuple(f"{name} {i}" if names.count(name) > 1 else name for i, name in enumerate(names))


def _name_option(value: Any) -> str:
    """Names an option: a function by its name, a nested space by its constants, or else its functions."""
    if isinstance(value, dict):
        constants = [str(part) for part in value.values() if isinstance(part, str | int | float | bool)]
        functions = [name_value(part) for part in value.values() if isinstance(part, FunctionType | functools.partial)]
        return ", ".join(constants or functions) or "{" + ", ".join(value) + "}"
    return str(name_value(value))


def mean_curves(trials: Sequence[TrialResult], quantity: str, metrics: Sequence[str]) -> np.ndarray:
    """Returns a curve for each trial, the mean over its lanes, NaN after its end; see `SweepResult.curves`."""
    if quantity not in (*Curves._fields[:3], *metrics):
        known = ", ".join((*Curves._fields[:3], *metrics))
        raise ValueError(f"sweep: there are curves of {known}, not of {quantity!r}")
    longest = max((trial.epochs for trial in trials), default=0)
    curves = np.full((len(trials), longest), np.nan)
    for row, trial in zip(curves, trials, strict=True):
        row[: trial.epochs] = mean_curve(trial, quantity)
    return curves


def mean_curve(trial: TrialResult, quantity: str) -> np.ndarray:
    """Returns a curve of a trial, the mean over its lanes."""
    curves = trial.curves
    curve = curves.metrics[quantity] if quantity in curves.metrics else getattr(curves, quantity)
    return curve[0] if len(curve) == 1 else curve.mean(axis=0)  # a mean takes ten times as long
