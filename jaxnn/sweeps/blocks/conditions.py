"""What decides the bits of a block beside the sweep: equal on all workers, or their results do not count.

The numbers of devices and cores do not decide them, and may differ between workers. One device is another matter than
several: XLA then compiles other programs.
"""

import functools
import os
import platform
import re
from pathlib import Path
from typing import Any

import jax

from jaxnn.io.runs.fingerprint import ENVIRONMENT, describe_environment

_SIZE_OF_MACHINE = ("device", "cores")
# The options of XLA that a user sets to limit the instructions.
_LIMIT = re.compile(r"--xla_cpu_max_isa=(\w+)")
# The instruction sets for which XLA makes other code, the newest first, with a flag of the processors that have each.
_SETS = {"AVX512": "avx512f", "AVX2": "avx2", "AVX": "avx", "SSE4_2": "sse4_2"}
# What decides the bits of a sweep in blocks.
CONDITIONS = (*(name for name in ENVIRONMENT if name not in _SIZE_OF_MACHINE), "kind", "devices", "instructions")


def describe_conditions() -> dict[str, Any]:
    """Returns what decides bits in this process, by the names of `CONDITIONS`."""
    devices = jax.local_devices()
    environment = describe_environment()
    on_cpu = devices[0].platform == "cpu"
    described = environment | {
        "kind": devices[0].device_kind,
        "devices": ("one" if len(devices) == 1 else "several") if on_cpu else None,
        "instructions": name_instructions() if on_cpu else None,
    }
    return {name: described[name] for name in CONDITIONS}


def name_instructions() -> str:
    """Names the instruction set for which XLA compiles on this computer.

    Example:
        >>> name_instructions() != ""
        True
    """
    flags, limit = _read_flags(), _LIMIT.search(os.environ.get("XLA_FLAGS", ""))
    known = [name for name, flag in _SETS.items() if flag in flags]
    allowed = known[known.index(limit[1]) :] if limit and limit[1] in known else known
    return allowed[0] if allowed else platform.machine()


@functools.cache
def _read_flags() -> frozenset[str]:
    """Returns the flags of the first processor, where the system tells them."""
    file = Path("/proc/cpuinfo")
    text = file.read_text() if file.exists() else ""
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split() if found else ())
