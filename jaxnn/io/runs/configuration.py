"""With what a run was begun, on the disk: a run goes on with the same, or not at all."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from jaxnn.io.checkpoint import CheckpointError, write

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def check_configuration(where: str, path: Path, configuration: dict[str, Any], *, fresh: bool) -> None:
    """Write down with what a new run is begun; refuse to go on with one that was begun with something else.

    As long as nothing has been saved, a run is fresh: what a first call got wrong may be mended in the second.
    """
    file = path / "configuration.json"
    configuration = json.loads(json.dumps(configuration))
    if not file.exists() and not fresh:
        raise CheckpointError(f"{where}: {file} is missing, and there is more of a run")
    if file.exists():
        begun = _read_configuration(where, file)
        if not fresh:
            _compare(where, path, begun, configuration)
            return
    signed = {"configuration": configuration, "sha256": _digest(configuration)}
    write(file, json.dumps(signed, indent=1, ensure_ascii=False).encode(), where)


def _compare(where: str, path: Path, begun: dict[str, Any], configuration: dict[str, Any]) -> None:
    # The names of a training and those of a sweep have nothing to do with one another.
    names = ["kind"] if begun["kind"] != configuration["kind"] else sorted(begun.keys() | configuration.keys())
    differing = [
        f"{name} was {_short(begun.get(name))} and is {_short(configuration.get(name))}"
        for name in names
        if begun.get(name) != configuration.get(name)
    ]
    if differing:
        raise ValueError(
            f"{where}: directory={str(path)!r} holds a run that was begun otherwise: {'; '.join(differing)}. "
            "Make the same call, or give another directory"
        )


def _read_configuration(where: str, file: Path) -> dict[str, Any]:
    try:
        signed = json.loads(file.read_bytes())
        if signed["sha256"] == _digest(signed["configuration"]):
            return signed["configuration"]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise CheckpointError(f"{where}: {file} is damaged: it is not as it was written")


def _digest(configuration: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def _short(value: Any) -> str:
    """A value for a message; digests are as good by their first digits."""
    return _DIGEST.sub(lambda found: f"{found[0][:8]}…", str(value))
