"""Files that are written atomically and wait until they are on the disk."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

# What a file will hold: the whole, or texts one after the other, of which only one is in memory.
Content = str | bytes | Iterator[str]


def write(path: Path, content: Content, caller: str) -> None:
    """Writes a file atomically and waits until it is on the disk; after an error the previous file is unchanged."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(temporary, "wb") as file:
            for part in [content] if isinstance(content, str | bytes) else content:
                file.write(part.encode() if isinstance(part, str) else part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if not isinstance(error, OSError):
            raise  # of what makes the parts, or Ctrl-C while they are written
        raise OSError(error.errno, f"{caller}: {path} could not be written: {error.strerror}", str(path)) from error


def _sync_folder(folder: Path) -> None:
    """Waits until a rename in the folder is on the disk, on systems that can open folders."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
