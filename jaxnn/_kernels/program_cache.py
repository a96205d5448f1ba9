"""Compiled programs, each compiled once in a process.

A program is found by the digest of what was traced, never by the identity or the name of the function that was traced.
A notebook cell that runs again, a new lambda or a new recipe finds the program that an equal one compiled; a function
that reads a changed variable does not. Tracing takes a tenth of the time of a compilation, and is done every time.
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.stages import Compiled, Lowered, Traced

from jaxnn._kernels.digest import ProgramDigest, digest_program

# The most programs that are kept. The least recently used one goes first.
_MAX_PROGRAMS = 128
# Options of JAX that change the compiled program, but not what is traced.
_JAX_OPTIONS = (
    "jax_compiler_enable_remat_pass", "jax_debug_infs", "jax_debug_nans", "jax_default_device",
    "jax_default_matmul_precision", "jax_disable_most_optimizations", "jax_enable_x64", "jax_optimization_level",
    "jax_threefry_partitionable",
)  # fmt: skip


class _Identity(NamedTuple):
    """A Python function in a program, compared by identity."""

    function: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.function is other.function

    def __hash__(self) -> int:
        return id(self.function)


class _Programs(OrderedDict[Hashable, Future[Compiled]]):
    """Compiled programs, the most recently used last. It compares by identity, as an argument of `_hold`."""

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


# The programs are held by the cache of this jitted function alone, which has them as a static argument. So
# `jax.clear_caches()` frees them too.
_hold: Callable[[_Programs], Any] = jax.jit(lambda programs: None, static_argnums=0)
_programs: weakref.ref[_Programs] | None = None
_lock = threading.Lock()


def request_program(
    traced: Traced,
    *,
    digest: ProgramDigest | None = None,
    conditions: Hashable = (),
    options: dict[str, Any] | None = None,
    executor: Executor | None = None,
) -> Future[Compiled]:
    """Returns the compiled program of a traced function; compiles it if no equal program is at hand.

    Args:
        traced: of a jitted function.
        digest: that of `traced`, where it is known; None computes it.
        conditions: what decides the program beside the operations, such as devices, shardings and donated arguments.
        options: of the compiler.
        executor: compiles in one of its threads; None compiles here.
    """
    digest = digest or digest_program(traced.jaxpr)
    # Options that a context manager may have set are attributes; the others are values alone.
    context = tuple(getattr(jax.config, name, jax.config.values.get(name)) for name in _JAX_OPTIONS)
    functions = tuple(map(_Identity, digest.functions))
    # Equal operations may take and return their arrays in other structures.
    structures = tuple(map(jax.tree.structure, (traced.args_info, traced.out_info)))
    key = (digest.text, functions, structures, context, conditions, tuple(sorted((options or {}).items())))
    future, is_new = _look_up(key)
    if is_new:
        lowered = traced.lower()
        if executor is None:
            _compile(lowered, options, key, future)
        else:
            executor.submit(_compile, lowered, options, key, future)
    return future


def compile_function(
    function: Callable[..., Any],
    *arguments: Any,
    trace: Callable[[], Traced] | None = None,
    options: dict[str, Any] | None = None,
    donated: tuple[int, ...] = (),
) -> Callable[..., Any]:
    """Returns a function compiled for the types, shapes and places of some arguments.

    Args:
        function: of these arguments.
        arguments: those of a call.
        trace: returns what `trace_function` does for them, where that is needed elsewhere too.
        options: of the compiler.
        donated: the numbers of the arguments whose memory a call may overwrite.
    """
    if _must_use_jit():
        return jax.jit(lambda *arguments: function(*arguments))
    traced = trace_function(function, *arguments, donated=donated) if trace is None else trace()
    conditions = _describe_placement(arguments), donated
    return request_program(traced, conditions=conditions, options=options).result()


def trace_function(function: Callable[..., Any], *arguments: Any, donated: tuple[int, ...] = ()) -> Traced:
    """Traces a function anew, also one that JAX has traced: a variable that it reads may have changed."""
    unused = jax.tree.map(lambda leaf: jax.random.clone(leaf) if _is_key(leaf) else leaf, arguments)
    return jax.jit(lambda *arguments: function(*arguments), donate_argnums=donated).trace(*unused)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _must_use_jit() -> bool:
    """Returns whether an option of JAX needs jitted functions, which it runs again operation by operation."""
    options = "jax_disable_jit", "jax_debug_nans", "jax_debug_infs"
    return any(getattr(jax.config, name) for name in options)


def _describe_placement(tree: Any) -> Hashable:
    """Returns where the arrays of a pytree lie."""
    leaves, structure = jax.tree.flatten(tree)
    placed = tuple((leaf.sharding, leaf.committed) if isinstance(leaf, jax.Array) else None for leaf in leaves)
    return structure, placed


def _compile(lowered: Lowered, options: Any, key: Hashable, future: Future[Compiled]) -> None:
    try:
        future.set_result(lowered.compile(options))
    except BaseException as error:
        _forget(key)
        future.set_exception(error)


def _look_up(key: Hashable) -> tuple[Future[Compiled], bool]:
    """Returns the future program, and whether the caller must compile it."""
    with _lock:
        programs = _get_programs()
        is_new = key not in programs
        if is_new:
            programs[key] = Future()
        programs.move_to_end(key)
        while len(programs) > _MAX_PROGRAMS:
            programs.popitem(last=False)
        return programs[key], is_new


def _forget(key: Hashable) -> None:
    with _lock:
        _get_programs().pop(key, None)


def _get_programs() -> _Programs:
    """Returns the table of programs; a new one at first, and after `jax.clear_caches()`."""
    global _programs
    programs = None if _programs is None else _programs()
    if programs is None:
        programs = _Programs()
        _hold(programs)
        _programs = weakref.ref(programs)
    return programs
