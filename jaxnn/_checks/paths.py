"""Checks of file paths."""

import os
from pathlib import Path
from typing import Any


def check_path(caller: str, path: Any, *, name: str = "path") -> Path:
    """Returns `path` as a `Path`; pathlib's own message names no argument and differs between Python versions."""
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"{caller}: {name} must be a string or a path, not {path!r}")
    return Path(path)
