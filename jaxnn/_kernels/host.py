"""Small programs that only check something: compiled for the processor, quickly, whatever the default device is."""

from typing import Any

import jax

# Most of the time of a small program would be spent on optimizations.
COMPILER_OPTIONS: Any = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def get_host() -> Any:
    """Returns the processor, or the default device where JAX was started without it."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return jax.local_devices()[0]
