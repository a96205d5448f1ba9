"""Warnings that point at the user's line."""

import os
import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1]) + os.sep


def warn_user(message: str) -> None:
    """Warns with the file and line of the user's call of jaxnn, however deep inside jaxnn the warning arises."""
    frame, level, call_level = sys._getframe(0), 1, 1
    while frame is not None:
        # The outermost frame of jaxnn counts: frames of contextlib and jax may come in between.
        if frame.f_code.co_filename.startswith(_PACKAGE):
            call_level = level + 1
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=call_level)
