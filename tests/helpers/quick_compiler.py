"""Compiles in a quarter of the time, for tests that run a program a few times."""

import functools
from typing import Any

import jax
from jax._src import compiler

from jaxnn._kernels import program_cache

# Older code for fused loops, which jaxnn chooses for its own programs too, in one piece instead of one a thread.
_OLDER_CODE = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
_LEVEL = "xla_backend_optimization_level"

_get_compile_options = compiler.get_compile_options
_added: dict[str, Any] = {}
# The programs that jaxnn has compiled with these options: it keeps them by what it knows, which these are not part of.
_programs: dict[tuple[Any, ...], Any] = {}


def install() -> None:
    """Lets `set_compiler` add options to every program. JAX takes them for one function, or for a whole process."""
    compiler.get_compile_options = _add_options


def set_compiler(*, optimize: bool, older_code: bool) -> None:
    """Compiles with or without most of XLA's optimizations, and with older code for loops or as users do."""
    _programs[tuple(_added.items())] = program_cache._programs
    _added.clear()
    _added.update(_find_older_code() if older_code else {})
    if not optimize:
        _added[_LEVEL] = 0  # also of programs for which jaxnn asks for another level
    elif older_code:
        _added[_LEVEL] = 2  # vectorizes loops as 3 does, in three quarters of the time
    program_cache._programs = _programs.get(tuple(_added.items()))
    jax.config.update("jax_disable_most_optimizations", not optimize)


def _add_options(*arguments: Any, **options: Any) -> Any:
    made = _get_compile_options(*arguments, **options)
    made.env_option_overrides = [*made.env_option_overrides, *_added.items()]
    return made


@functools.cache
def _find_older_code() -> dict[str, Any]:
    """Returns the options that this version of XLA knows."""
    return {name: value for name, value in _OLDER_CODE.items() if _is_option(name, value)}


def _is_option(name: str, value: Any) -> bool:
    try:
        jax.jit(lambda x: x).lower(0.0).compile({name: value})
    except jax.errors.JaxRuntimeError:
        return False
    return True
