"""Checks of file paths."""

import os
from pathlib import Path
from typing import Any


def check_path(caller: str, path: Any, *, name: str = "path") -> Path:
    """Returns `path` as a `Path`.

    The message of pathlib itself names no argument and differs between Python versions.

    Raises:
        TypeError: `path` is not a string or a path.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"{caller}: {name} must be a string or a path, not {path!r}")
    return Path(path)
