"""Processor cores as devices: a sweep distributes its lanes over devices, and by default JAX sees a CPU as one.

On a GPU, JAX reserves three quarters of the memory for each process. Two processes on one card therefore need
`XLA_PYTHON_CLIENT_PREALLOCATE=false`, or a share for each by `XLA_PYTHON_CLIENT_MEM_FRACTION`, in the environment.
"""

import functools
import os

import jax

from jaxnn._checks.warn import warn_user


def use_all_cores() -> int:
    """Makes every core a device of JAX, so that sweeps use them all; call it before JAX computes anything.

    If there is a GPU or TPU, JAX still computes on it by default.

    Returns:
        The number of cores that this process may use.

    Raises:
        RuntimeError: JAX has already started, with fewer devices.

    Example:
        >>> use_all_cores() >= 1  # doctest: +SKIP
        True
    """
    cores = count_cores()
    try:
        jax.config.update("jax_num_cpu_devices", cores)
    except RuntimeError as error:
        if len(jax.devices("cpu")) < cores:
            raise RuntimeError(
                f"use_all_cores: JAX has already started with {len(jax.devices('cpu'))} of {cores} cores; "
                "call it right after the imports"
            ) from error
    return cores


@functools.cache
def warn_idle_cores() -> None:
    """Warns, once in a process, that a sweep leaves cores idle."""
    devices = jax.local_devices()
    if devices[0].platform == "cpu" and len(devices) < count_cores():
        warn_user(
            f"sweep: {len(devices)} of {count_cores()} cores are at work, the others are idle; "
            "call nn.use_all_cores() before JAX starts"
        )


def count_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
