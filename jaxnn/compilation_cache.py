"""Compiled programs on disk, so that the next process does not compile them again."""

import hashlib
import os
import platform
import stat
from pathlib import Path

import jax
import jaxlib.version

from jaxnn._checks.arrays import check_whole

_OPTIONS = {
    # JAX leaves programs out that compile in less than a second; a training consists of many small ones.
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}
_OTHERS_CAN_WRITE = stat.S_IWGRP | stat.S_IWOTH


def use_compilation_cache(directory: str | Path | None = None, *, max_bytes: int = 2**30) -> Path:
    """Keeps compiled programs in a directory, from which later processes load them.

    It sets JAX's persistent compilation cache, for all programs of this process. Call it before the first computation;
    programs that were compiled before are not kept. A program is found again by what it computes, the versions of JAX
    and XLA, its options and the devices. The programs of each version and each kind of processor are in a directory
    of their own, since machine code for one processor may fail on another. A directory that several computers of a
    cluster share is therefore safe. It holds code that this process runs, so no other user may write to it.

    Args:
        directory: where to keep them; by default `jaxnn` in `$XDG_CACHE_HOME`, or in `~/.cache`. It is created, with
            access for its owner alone.
        max_bytes: the size of the directory, checked by this call: the programs that were used longest ago are deleted
            down to it.

    Returns:
        The directory of the programs for this version and processor.

    Raises:
        PermissionError: others own the directory, or can write to it.
        OSError: a directory that cannot be created.
        ValueError: a negative size.

    Example:
        >>> use_compilation_cache("runs/programs")  # doctest: +SKIP
        PosixPath('runs/programs/jax-0.10.2-1f0c5a7e')
    """
    from jax.experimental.compilation_cache import compilation_cache  # takes 10 ms

    max_bytes = check_whole("use_compilation_cache", "max_bytes", max_bytes, least=0)
    root = _find_default() if directory is None else Path(directory)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(root)
    programs = root / f"jax-{jax.__version__}-{_describe_processor()}"
    programs.mkdir(mode=0o700, exist_ok=True)
    _check_private(programs)
    _delete_oldest(root, max_bytes)
    for name, value in _OPTIONS.items():
        jax.config.update(name, value)
    jax.config.update("jax_compilation_cache_dir", str(programs))
    # JAX decides at the first compilation whether there is a cache.
    compilation_cache.reset_cache()
    return programs


def _find_default() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxnn"


def _check_private(directory: Path) -> None:
    """Checks that only this user can put programs into a directory."""
    status = directory.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise PermissionError(f"use_compilation_cache: {directory} belongs to another user, who could change programs")
    if os.name == "posix" and status.st_mode & _OTHERS_CAN_WRITE:
        raise PermissionError(
            f"use_compilation_cache: others can write to {directory} (mode {stat.S_IMODE(status.st_mode):o}), and so "
            "could change programs; make it private: chmod 700"
        )


def _describe_processor() -> str:
    """Returns a digest of the version of XLA, and of what the processor can do."""
    features = platform.machine() + platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        features += "".join(sorted({line for line in lines if line.startswith(("flags", "model name", "Features"))}))
    return hashlib.sha256(f"{jaxlib.version.__version__} {features}".encode()).hexdigest()[:8]


def _delete_oldest(root: Path, max_bytes: int) -> None:
    """Deletes the files that were used longest ago, until the others take at most `max_bytes`."""
    files = [(path, path.stat()) for path in root.glob("jax-*/*") if path.is_file()]
    files.sort(key=lambda pair: max(pair[1].st_atime, pair[1].st_mtime))
    total = sum(status.st_size for _, status in files)
    for path, status in files:
        if total <= max_bytes:
            return
        # Another process may have deleted it.
        path.unlink(missing_ok=True)
        total -= status.st_size
