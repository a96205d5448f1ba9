"""Files that are written atomically and wait until they are on the disk."""

import contextlib
import os
from pathlib import Path


def write(path: Path, content: bytes, caller: str) -> None:
    """Writes a file atomically and waits until it is on the disk; after an error the previous file is unchanged."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OSError(error.errno, f"{caller}: {path} could not be written: {error.strerror}", str(path)) from error


def _sync_folder(folder: Path) -> None:
    """Waits until a rename in the folder is on the disk, on systems that can open folders."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
