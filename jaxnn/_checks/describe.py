"""How a message shows a value that a function refuses."""

import types
from typing import Any

import jax
import numpy as np

# A longer repr, such as that of a recipe or a table, hides the rule.
_LONGEST = 80


def describe(value: Any) -> str:
    """Returns the repr of a value, or where that is long what kind of value it is.

    Example:
        >>> describe(0.5), describe(np.zeros((150, 4))), describe(describe)
        ('0.5', 'an array of shape (150, 4)', 'the function describe')
    """
    if isinstance(value, np.ndarray | jax.Array) and value.ndim:
        return f"an array of shape {value.shape}"
    if isinstance(value, types.FunctionType):
        return f"the function {value.__name__}"
    text = repr(value)
    return text if len(text) <= _LONGEST and "\n" not in text else f"an object of type {type(value).__name__}"
