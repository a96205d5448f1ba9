"""What decides the bits of a block beside the sweep: equal on all workers, or their results do not count.

The numbers of devices and cores do not decide them, and may differ between workers. One device is another matter than
several: XLA then compiles other programs.
"""

from typing import Any

import jax

from jaxnn._checks.warn import warn_user
from jaxnn.io.runs.configuration import find_changes
from jaxnn.io.runs.fingerprint import ENVIRONMENT, PACKAGES, describe_environment

_SIZE_OF_MACHINE = ("device", "cores")
# What decides the bits of a sweep in blocks.
CONDITIONS = (*(name for name in ENVIRONMENT if name not in _SIZE_OF_MACHINE), "kind", "devices")


def describe_conditions() -> dict[str, Any]:
    """Returns what decides bits in this process, by the names of `CONDITIONS`."""
    devices = jax.local_devices()
    environment = describe_environment()
    on_cpu = devices[0].platform == "cpu"
    described = environment | {
        "kind": devices[0].device_kind,
        "devices": ("one" if len(devices) == 1 else "several") if on_cpu else None,
    }
    return {name: described[name] for name in CONDITIONS}


def check_versions(worker: str, conditions: dict[str, Any]) -> None:
    """Checks that a worker has the packages of this process, before its results count.

    Raises:
        ValueError: other versions, which the message names.
    """
    own = describe_environment()
    changes = find_changes({name: own[name] for name in PACKAGES}, {name: conditions[name] for name in PACKAGES})
    if changes:
        raise ValueError(
            f"sweep: the worker {worker} has other versions than this process: {'; '.join(changes.values())}"
        )


def compare_conditions(conditions: dict[str, Any]) -> dict[str, str]:
    """Returns, in words by name, why this process computes other bits than the workers did."""
    return find_changes(conditions, describe_conditions()) if conditions else {}


def warn_of_replay(conditions: dict[str, Any], changes: dict[str, str]) -> None:
    """Warns of a replay in a process that computes other bits than the workers did."""
    lacks_devices = conditions["devices"] == "several" and "devices" in changes and "kind" not in changes
    help_ = "; nn.use_all_cores() after the imports makes several" if lacks_devices else ""
    warn_user(
        f"replay: this process computes other bits than the workers of the sweep: {'; '.join(changes.values())}"
        f"{help_}. The trial agrees with theirs up to rounding; executor=, such as "
        "nn.executors.processes(1), replays it on a worker like theirs"
    )
