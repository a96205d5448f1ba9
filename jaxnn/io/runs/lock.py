"""Exclusive use of a directory by one process."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def make_directory(caller: str, path: Path) -> None:
    """Creates a directory unless it exists; its parent must exist.

    Raises:
        OSError: the directory cannot be created, or is a file.
    """
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(f"{caller}: directory={str(path)!r} is a file") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{caller}: directory={str(path)!r} needs its parent, which does not exist") from error
    except OSError as error:
        raise type(error)(f"{caller}: directory={str(path)!r} cannot be created: {error.strerror}") from error


@contextlib.contextmanager
def lock_directory(caller: str, path: Path) -> Iterator[None]:
    """Locks a directory for this process; the system releases the lock when the process ends, even by SIGKILL.

    The directory itself is locked, since a lock file could be deleted. The file `lock` only names the process.

    Raises:
        OSError: another process holds the lock, the directory is not writable, or the system has no POSIX locks.
    """
    try:
        import fcntl
    except ImportError as error:
        raise OSError(f"{caller}: directory= needs the file locks of a POSIX system") from error
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(f"{caller}: directory={str(path)!r} is in use by {_describe_owner(path)}") from error
        try:
            (path / "lock").write_text(f"{os.getpid()}\n")
        except OSError as error:
            raise type(error)(f"{caller}: directory={str(path)!r} cannot be written to: {error.strerror}") from error
        yield
    finally:
        os.close(handle)


def _describe_owner(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f"process {int((path / 'lock').read_text()[:20])}"
    return "another process"
