"""The configuration of a run on the disk: a run resumes only under the same configuration."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from jaxnn.io.archive import CheckpointError
from jaxnn.io.files import write
from jaxnn.io.runs.named import name_described

# The format of run directories, incremented when directories of an earlier one can no longer be resumed.
_FORMAT = 4
_NAME = "configuration.json"
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
# The most characters of a value in a message.
_SHOWN = 60


def read_configuration(caller: str, path: Path) -> dict[str, Any] | None:
    """Reads the configuration of the run in a directory.

    Returns:
        The configuration; None where the directory has none.

    Raises:
        ValueError: a run in the format of another version of jaxnn.
        CheckpointError: a damaged file.
    """
    file = path / _NAME
    if not file.exists():
        return None
    content = _parse(file.read_bytes())
    if content is None:
        raise CheckpointError(f"{caller}: {file} is damaged: it does not match its digest")
    number = content.get("format", 1)
    if number != _FORMAT:
        raise ValueError(
            f"{caller}: directory={str(path)!r} holds a run in format {number}, of another version of jaxnn; this "
            f"version reads format {_FORMAT}. Finish it with the version that started it, or give another directory"
        )
    return content["configuration"]


def write_configuration(caller: str, path: Path, configuration: dict[str, Any]) -> None:
    """Writes the configuration of a new run."""
    content = {"format": _FORMAT, "configuration": json.loads(json.dumps(configuration))}
    content["sha256"] = _digest(content)
    write(path / _NAME, json.dumps(content, indent=1, ensure_ascii=False).encode(), caller)


def check_configuration(caller: str, path: Path, saved: dict[str, Any] | None, configuration: dict[str, Any]) -> None:
    """Checks that a run with checkpoints is resumed under the configuration with which it was saved.

    Raises:
        ValueError: another configuration; the message names what differs.
        CheckpointError: the saved configuration is missing.
    """
    if saved is None:
        raise CheckpointError(f"{caller}: {path / _NAME} is missing, although the directory has checkpoints")
    changes = find_changes(saved, configuration)
    if changes:
        raise ValueError(
            f"{caller}: directory={str(path)!r} holds a run of another configuration: {'; '.join(changes.values())}. "
            "Make the same call, or give another directory"
        )


def find_changes(saved: dict[str, Any], configuration: dict[str, Any]) -> dict[str, str]:
    """Returns the names in which two configurations differ, each with words for its change."""
    configuration = json.loads(json.dumps(configuration))
    # The names of a training and those of a sweep are unrelated.
    names = ["kind"] if saved.get("kind") != configuration.get("kind") else sorted(saved.keys() | configuration.keys())
    return {
        name: _describe_change(name, saved.get(name), configuration.get(name))
        for name in names
        if saved.get(name) != configuration.get(name)
    }


def _parse(text: bytes) -> dict[str, Any] | None:
    """Parses the content of the file; returns None if it does not match its digest."""
    try:
        content = json.loads(text)
        digest = content.pop("sha256")
        # Format 1 had no "format", and a digest of the configuration alone.
        return content if digest == _digest(content if "format" in content else content["configuration"]) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _describe_change(name: str, was: Any, now: Any) -> str:
    """Describes what has changed; digests differ by more than a message can show."""
    before, after = _abbreviate(was), _abbreviate(now)
    return f"{name} has changed" if before == after else f"{name} was {before} and is {after}"


def _abbreviate(value: Any) -> str:
    """Returns the beginning of a value as text, without digests."""
    text = _DIGEST.sub("", name_described(value) if isinstance(value, dict) else str(value)).strip()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
