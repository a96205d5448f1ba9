"""The content of a block: results and kept parameters as the bytes of a checkpoint, the same ones whoever ran it.

Times are not part of it. The results of trials are columns: a line for each trial would take the driver longer to read
than a worker to train small networks.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxnn.io.archive import parse_leaves
from jaxnn.io.checkpoint import name_arrays, pack
from jaxnn.sweeps.describe import as_choices
from jaxnn.sweeps.engine.trial import TrialResult, name_curves
from jaxnn.sweeps.results.stored_trials import Node, as_nodes
from jaxnn.sweeps.space.space import Choices, Setting

_NUMBERS = {"epochs": np.int32, "score": np.float64, "score_std": np.float64, "score_epoch": np.int32}


class BlockContent(NamedTuple):
    """The results of a block in the order of trials, and the kept parameters by trial, as nodes by name."""

    results: list[TrialResult]
    kept: dict[int, Any]


def pack_block(results: list[TrialResult], kept: Mapping[int, Any]) -> bytes:
    """Returns the content of a block.

    Args:
        results: of its trials, in their order.
        kept: the parameters of its best trials.
    """
    choices = _Index(tuple((path, int(option)) for path, option in result.setting.choices) for result in results)
    names = [list(next(r for r in results if r.setting.choices == each).setting.values) for each in choices.values]
    statuses, reasons = (_Index(getattr(result, name) for result in results) for name in ("status", "reason"))
    values = np.full((len(results), max(map(len, names))), np.nan)
    for row, result, choice in zip(values, results, choices.numbers, strict=True):
        # A sampler of the user's may give them in any order.
        row[: len(names[choice])] = [result.setting.values[name] for name in names[choice]]
    text = {
        "start": results[0].trial,
        "choices": choices.values, "names": names, "statuses": statuses.values, "reasons": reasons.values,
        "copies": {result.trial: result.copies for result in results if result.copies},
        "metrics": list(results[0].curves.metrics), "kept": sorted(kept),
    }  # fmt: skip
    columns = {name: np.array([getattr(r, name) for r in results], dtype) for name, dtype in _NUMBERS.items()}
    columns |= {"choice": choices.numbers, "status": statuses.numbers, "reason": reasons.numbers, "values": values}
    columns["curves"] = np.concatenate([result.table for result in results], axis=2)
    columns["text"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    return pack({"results": columns, "kept": {str(trial): kept[trial] for trial in sorted(kept)}})


def unpack_block(content: bytes, seconds: np.ndarray, worker: str = "") -> BlockContent:
    """Returns what a block holds.

    Args:
        content: see `pack_block`.
        seconds: of each trial.
        worker: which ran it.

    Raises:
        CheckpointError: damaged bytes.
    """
    tree = as_nodes(name_arrays(parse_leaves(content, Path("block"))))
    columns, text = tree["results"], json.loads(tree["results"]["text"].tobytes())
    choices, copies = [as_choices(each) for each in text["choices"]], text["copies"]
    ends = np.cumsum(columns["epochs"]).tolist()
    curves = np.split(columns["curves"], ends[:-1], axis=2)
    lists = {name: columns[name].tolist() for name in (*_NUMBERS, "choice", "status", "reason", "values")}
    results = []
    for row, curve in enumerate(curves):
        trial, choice = text["start"] + row, lists["choice"][row]
        names = text["names"][choice]
        numbers = {name: lists[name][row] for name in _NUMBERS}
        setting = Setting(choices[choice], dict(zip(names, lists["values"][row][: len(names)], strict=True)))
        results.append(TrialResult(
            trial=trial, setting=setting, status=text["statuses"][lists["status"][row]],
            reason=text["reasons"][lists["reason"][row]], seconds=float(seconds[row]),
            curves=name_curves(curve, tuple(text["metrics"])),
            copies=tuple((epoch, parent, values) for epoch, parent, values in copies.get(str(trial), ())),
            worker=worker, **numbers,
        ))  # fmt: skip
    kept = tree.get("kept", Node())
    return BlockContent(results, {trial: kept.get(str(trial), Node()) for trial in text["kept"]})


def read_trials(content: bytes) -> range:
    """Returns the numbers of the trials of a block.

    Raises:
        CheckpointError: damaged bytes.
    """
    columns = as_nodes(name_arrays(parse_leaves(content, Path("block"))))["results"]
    start = json.loads(columns["text"].tobytes())["start"]
    return range(start, start + len(columns["epochs"]))


class _Index:
    """The different values of a column, and the number of each row's value among them."""

    def __init__(self, column: Iterable[Any]) -> None:
        found: dict[Choices | str, int] = {}
        numbers = [found.setdefault(value, len(found)) for value in column]
        self.values: list[Any] = list(found)
        self.numbers = np.array(numbers, np.int32)
