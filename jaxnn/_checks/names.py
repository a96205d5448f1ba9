"""Names of functions and other values, for tables and messages."""

import functools
import re
from typing import Any


def name_value(value: Any) -> Any:
    """Returns a value as a table shows it: functions by their names, plain values unchanged.

    Example:
        >>> name_value(len), name_value(functools.partial(round, ndigits=2)), name_value((8, 16))
        ('len', 'round(ndigits=2)', (8, 16))
    """
    if isinstance(value, functools.partial):
        arguments = [str(name_value(part)) for part in value.args]
        arguments += [f"{name}={name_value(part)}" for name, part in value.keywords.items()]
        return f"{name_value(value.func)}({', '.join(arguments)})"
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        return name
    # The default repr shows an address, which differs from run to run.
    shown = repr(value)
    if not re.search(" at 0x[0-9a-f]+", shown):
        is_model = hasattr(type(value), "_fields") and any(map(callable, value))
        return shown if is_model else value
    if type(value) in (tuple, list):
        return f"({', '.join(str(name_value(part)) for part in value)})"
    return type(value).__name__
