"""The instruction set for which XLA compiles on this computer: the same program gives other bits with another one."""

import functools
import os
import platform
import re
from pathlib import Path

# The options of XLA that a user sets to limit the instructions.
_LIMIT = re.compile(r"--xla_cpu_max_isa=(\w+)")
# The instruction sets for which XLA makes other code, the newest first, with a flag of the processors that have each.
_SETS = {"AVX512": "avx512f", "AVX2": "avx2", "AVX": "avx", "SSE4_2": "sse4_2"}


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
