"""What the directory of a sweep says of it: the configuration, the settings and results, and what differs."""

from collections.abc import Sequence
from typing import Any

from jaxnn._checks.arrays import by_name
from jaxnn.io.runs.fingerprint import describe, describe_arrays, describe_environment
from jaxnn.io.runs.journal import as_json
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.space.space import Choices, Setting

# Fields that are not compared when events are repeated: times, fields of the journal itself, and results read from it.
# More trials may wait in a sweep that goes on from one with fewer.
_NOT_COMPARED = {
    "seconds", "compile_seconds", "line", "sha256", "diverged", "curves", "stopped", "starts", "continued", "limits",
    "waiting",
}  # fmt: skip


def describe_sweep(plan: Plan, options: dict[str, Any]) -> dict[str, Any]:
    """Describes what decides the bits of a sweep, except what recipes compute, which is recorded for each program."""
    parts = {
        "make_recipe": plan.make_recipe,
        "score": plan.score,
        "evaluate_at": plan.evaluate_at,
        **plan.layout._asdict(),
        "metrics": plan.metrics or None,
        # The journal holds curves in this order.
        "metric_names": list(plan.metrics),
        "stop": plan.stop,
        **options,
    }
    described = {"kind": "sweep"} | {name: describe(part) for name, part in parts.items()}
    space = {f"space.{name}": describe(part) for name, part in plan.space.items()}
    stratify = None if plan.labels is None else plan.labels.values
    described |= {"stratified_by": plan.stratified_by} if plan.stratified_by else {}
    arrays = describe_arrays("", {"key": plan.key, "stratify": stratify})
    return described | space | arrays | describe_data(plan) | describe_environment()


def describe_data(plan: Plan) -> dict[str, str]:
    """Returns the digest of each array of the data, prepared, by its name."""
    validation = None if plan.validation is None else by_name(plan.validation)
    return describe_arrays("", {"data": by_name(plan.data), "validation": validation})


def describe_given(first: Sequence[dict[str, Any]], prepare: Any, folds: Any) -> dict[str, Any]:
    """Returns the options that a directory names only where they are given: those of earlier versions lack them.

    Args:
        first: the settings to try first.
        prepare: a function, or None.
        folds: row numbers that were not drawn from the key, which the directory describes anyway; or None.
    """
    options: dict[str, Any] = {"first": list(first)} if first else {}
    options |= {} if folds is None else describe_arrays("folds", folds)
    return options | ({"prepare": prepare} if prepare is not None else {})


def as_choices(recorded: Sequence[Sequence[Any]]) -> Choices:
    """Returns choices that JSON holds as lists."""
    return tuple((path, option) for path, option in recorded)


def describe_setting(trial: int, setting: Setting) -> dict[str, Any]:
    """Returns the number and the setting of a trial as JSON."""
    choices = [(path, int(option)) for path, option in setting.choices]
    values = {name: float(value) for name, value in setting.values.items()}
    return {"trial": trial, "choices": choices, "values": values}


def read_setting(described: dict[str, Any]) -> Setting:
    """Returns the setting that `describe_setting` was given."""
    return Setting(as_choices(described["choices"]), described["values"])


def describe_result(result: TrialResult) -> dict[str, Any]:
    """Returns the result of a trial as JSON, without its curves, which the chunks have."""
    numbers = {name: as_json(getattr(result, name)) for name in ("score", "score_std", "seconds")}
    described = describe_setting(result.trial, result.setting)
    fields = {name: getattr(result, name) for name in ("status", "epochs", "score_epoch", "copies", "reason")}
    return described | fields | numbers


def check_repeated(recorded: dict[str, Any], now: dict[str, Any]) -> None:
    """Checks that a sweep that resumes repeats an event of its journal.

    Raises:
        ValueError: an event that differs, or a program that computes something else.
    """
    if now["event"] == "program" == recorded["event"] and now["traced"] != recorded["traced"]:
        raise recipe_error(as_choices(now["choices"]))
    for name in [name for name in now if name not in _NOT_COMPARED]:
        if recorded.get(name) != now[name]:
            was, is_now = _first_difference(recorded.get(name), now[name])
            raise mismatch_error(f"{name} of a {now['event']}: {was} before, {is_now} now")


def _first_difference(recorded: Any, now: Any) -> tuple[Any, Any]:
    """Returns the first entries in which two lists of equal length differ; other values unchanged."""
    if isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        return next(pair for pair in zip(recorded, now, strict=True) if pair[0] != pair[1])
    return recorded, now


def mismatch_error(difference: str) -> ValueError:
    """Returns the error of a sweep that does not repeat what its journal has recorded."""
    return ValueError(
        f"sweep: cannot resume from the journal: {difference}. A sampler and a scheduler must give the same answers "
        "to the same calls: pass new objects with the same arguments, not objects that a sweep has used"
    )


def recipe_error(choices: Choices) -> ValueError:
    """Returns the error of a directory whose programs computed something else."""
    return ValueError(
        "sweep: the directory holds a run with another recipe: what make_recipe returns for "
        f"{dict(choices) or 'this space'} has changed. Use the same recipe, or another directory"
    )
