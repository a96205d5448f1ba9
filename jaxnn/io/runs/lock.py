"""A directory that one process has to itself."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def make(where: str, path: Path) -> None:
    """A directory in one that exists; it may be there already."""
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(f"{where}: directory={str(path)!r} is a file") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{where}: directory={str(path)!r} needs its parent, which does not exist") from error
    except OSError as error:
        raise type(error)(f"{where}: directory={str(path)!r} cannot be made: {error.strerror}") from error


@contextlib.contextmanager
def locked(where: str, path: Path) -> Iterator[None]:
    """The directory to ourselves; the system gives it back when this process ends, however it does.

    The lock is on the directory itself, so that no file can be removed that holds it; the file `lock` tells who has it.
    """
    try:
        import fcntl
    except ImportError as error:
        raise OSError(f"{where}: directory= needs the file locks of a POSIX system") from error
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(f"{where}: directory={str(path)!r} is in use by {_owner(path)}") from error
        try:
            (path / "lock").write_text(f"{os.getpid()}\n")
        except OSError as error:
            raise type(error)(f"{where}: directory={str(path)!r} cannot be written to: {error.strerror}") from error
        yield
    finally:
        os.close(handle)


def _owner(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f"process {int((path / 'lock').read_text()[:20])}"
    return "another process"
