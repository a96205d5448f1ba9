"""Options of the compiler for programs that train: short compilations on CPUs, where they outlast trainings."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

# The newer generator of machine code takes twice as long: 1.9 instead of 0.9 s for a sweep of iris networks, 5 instead
# of 2.6 s for one of CNNs of 8 and 16 filters. Iris networks then train 4 % faster, and CNNs equally fast.
_FAST_CODEGEN = "xla_cpu_use_fusion_emitters"


def choose_compiler_options(devices: Sequence[Any], *, runs_once: bool = False) -> dict[str, Any]:
    """Returns the options for a program on these devices.

    Args:
        devices: one, or several that each run the program on their own.
        runs_once: whether the program runs so rarely that its speed does not count.
    """
    if devices[0].platform != "cpu":
        return {}
    options: dict[str, Any] = {_FAST_CODEGEN: False} if _is_option(_FAST_CODEGEN) else {}
    if len(devices) > 1:
        # Where every core is a device, XLA must not spread one device's loops over all cores, or devices wait for one
        # another. Measured on two cores: iris networks train 1.3 times faster, and CNNs equally fast.
        options["xla_cpu_multi_thread_eigen"] = False
    if runs_once:
        options["xla_backend_optimization_level"] = 1
    return options


@functools.cache
def _is_option(name: str) -> bool:
    """Returns whether this version of XLA knows an option; versions come and go with some of them."""
    try:
        jax.jit(jnp.zeros_like).lower(0.0).compile({name: False})
    except jax.errors.JaxRuntimeError:
        return False
    return True
