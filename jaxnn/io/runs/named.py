"""A part of a configuration as text that a reader knows from the code."""

from typing import Any


def name_described(value: Any) -> str:
    """Returns what `describe` gave as text: functions without their modules, NamedTuples as calls.

    Example:
        >>> name_described("jaxnn.scores.classes.accuracy"), name_described({"ASHA": {"grace_period": 1, "stop": None}})
        ('accuracy', 'ASHA(grace_period=1)')
    """
    if isinstance(value, dict):
        calls = [f"{name}({_name_arguments(fields)})" for name, fields in value.items()]
        return ", ".join(calls)
    if isinstance(value, list):
        return ", ".join(map(name_described, value))
    text = str(value)
    parts = text.split(".")
    return parts[-1] if len(parts) > 1 and all(part.replace("<locals>", "l").isidentifier() for part in parts) else text


def _name_arguments(fields: Any) -> str:
    if not isinstance(fields, dict):
        return name_described(fields)
    return ", ".join(f"{name}={_name_argument(value)}" for name, value in fields.items() if value is not None)


def _name_argument(value: Any) -> str:
    return f"[{name_described(value)}]" if isinstance(value, list) else name_described(value)
