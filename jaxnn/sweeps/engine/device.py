"""What the number of lanes depends on beside shapes: the kind of a device, its memory, and how fast it reads it."""

import os
from typing import NamedTuple

import jax

# Bytes/s of memory in the data sheets, by a part of `device_kind` in lower case; the first that matches counts.
_BANDWIDTHS = {
    "h200": 4.8e12,
    "h100 pcie": 2.0e12,
    "h100 nvl": 3.9e12,
    "h100": 3.35e12,
    "gh200": 4.0e12,
    "b200": 8.0e12,
    "a100-sxm4-80gb": 2.04e12,
    "a100 80gb": 1.94e12,
    "a100": 1.56e12,
    "v100": 9.0e11,
    "l40s": 8.64e11,
    "l40": 8.64e11,
    "l4": 3.0e11,
    "a10": 6.0e11,
    "t4": 3.2e11,
    "mi300x": 5.3e12,
    "tpu v6": 1.64e12,
    "tpu v5 lite": 8.2e11,
    "tpu v5e": 8.2e11,
    "tpu v5": 2.77e12,
    "tpu v4": 1.23e12,
    "tpu v3": 4.5e11,
}
# How often other devices read their whole memory in a second: an L4 does so 12 times, an H100 42 times.
_READS_PER_SECOND = 25
# Part of the kind of a slice of a card, which has a share of its bandwidth and of its memory.
_SLICE = " mig "


class Device(NamedTuple):
    """Describes a device. All devices of a sweep are of one kind.

    Attributes:
        platform: "cpu", "gpu" or "tpu".
        kind: the name that its maker gives it.
        memory: the most bytes that this process may use, whatever is in use now; of a CPU, each device's share.
        bandwidth: bytes of its memory that it reads or writes in a second. Unknown kinds have one by their memory.
    """

    platform: str
    kind: str
    memory: int
    bandwidth: float


def describe_device() -> Device:
    """Describes the first device of JAX.

    Example:
        >>> describe_device().memory > 2**20
        True
    """
    device = jax.local_devices()[0]
    memory = (device.memory_stats() or {}).get("bytes_limit") or _read_host_memory() // len(jax.local_devices())
    return Device(device.platform, device.device_kind, memory, find_bandwidth(device.device_kind, memory))


def find_bandwidth(kind: str, memory: int) -> float:
    """Returns the bandwidth of a kind of device.

    Example:
        >>> find_bandwidth("NVIDIA L4", 24 * 10**9)
        300000000000.0
        >>> find_bandwidth("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 10**10)
        250000000000.0
    """
    name = f"{kind.lower()} "
    known = (bandwidth for part, bandwidth in _BANDWIDTHS.items() if part in name and _SLICE not in name)
    return float(next(known, memory * _READS_PER_SECOND))


def _read_host_memory() -> int:
    """Returns the bytes of the computer's memory; 16 GiB where the system does not tell."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return 2**34
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
