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
    """The directory to ourselves; the system gives it back when this process ends, however it does."""
    try:
        import fcntl
    except ImportError as error:
        raise OSError(f"{where}: directory= needs the file locks of a POSIX system") from error
    try:
        file = open(path / "lock", "a+")  # noqa: SIM115 - closed below
    except OSError as error:
        raise type(error)(f"{where}: directory={str(path)!r} cannot be written to: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = f"process {file.read()[:20].strip()}"
            raise BlockingIOError(f"{where}: directory={str(path)!r} is in use by {owner}") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
