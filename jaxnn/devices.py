"""Processor cores as devices: a sweep spreads its lanes over devices, and JAX by itself sees a processor as one."""

import functools
import os
import warnings

import jax


def use_all_cores() -> int:
    """Make every core a device of JAX, so that sweeps use them all; call it before JAX computes anything.

    Where a GPU or TPU is at hand, JAX goes on computing there.

    Returns:
        The number of cores that this process may use.

    Raises:
        RuntimeError: JAX has started already, with fewer devices.

    Example:
        >>> use_all_cores() >= 1  # doctest: +SKIP
        True
    """
    cores = _cores()
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
def tell_of_idle_cores() -> None:
    """Say, once in a process, that a sweep leaves cores idle."""
    devices = jax.devices()
    if devices[0].platform == "cpu" and len(devices) < _cores():
        warnings.warn(
            f"sweep: {len(devices)} of {_cores()} cores are at work, others lie idle; "
            "call nn.use_all_cores() before JAX starts",
            stacklevel=3,
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
