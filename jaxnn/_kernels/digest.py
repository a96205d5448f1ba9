"""The digest of a traced program: what it computes, as text that is equal for equal programs.

The digest covers the operations, their parameters and shapes, and the arrays that the program closes over. Names of
functions do not count. Inner functions enter operation by operation, so that it does not depend on which of them JAX
has cached from earlier traces.

Python functions that remain in a program, such as those of `jax.pure_callback`, cannot be digested. They are listed
beside the text, so that a process can compare them by identity; the text holds their names, which other processes know.
"""

import dataclasses
import enum
import hashlib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
# Operations that are compiled as the function they hold. Their derivative and batching rules have been applied already,
# or are not needed; tracing makes them anew each time.
_WITH_UNUSED_RULES = {"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_vmap_call"}
_RULES = {"jvp_jaxpr_fun", "fwd_jaxpr_thunk", "bwd", "rule", "out_trees"}
# Operations whose parameter `name` is that of a function.
_WITH_NAMES = {"jit", "pjit", "closed_call", "core_call"}
# Most parameters of operations are of these types.
_PLAIN = {bool, int, str, type(None)}


class ProgramDigest(NamedTuple):
    """What a traced program computes.

    Attributes:
        text: equal for equal programs, in every process, except for what the Python functions in them do.
        functions: the Python functions in the program, in the order in which they appear.
    """

    text: str
    functions: tuple[Any, ...]


def digest_program(traced: Any) -> ProgramDigest:
    """Returns the digest of a traced function, a `jax.extend.core.ClosedJaxpr`.

    Example:
        >>> twice, double = (jax.make_jaxpr(function)(1.0) for function in (lambda x: x + x, lambda y: y + y))
        >>> digest_program(twice) == digest_program(double)
        True
    """
    writer = _Writer()
    text = writer.digest_jaxpr(traced.jaxpr, traced.consts)
    return ProgramDigest(text, tuple(writer.functions))


def digest_shard(traced: Any) -> str:
    """Returns the digest of what each device computes in a `shard_map`: the same for any number of devices."""
    shards = [equation.params["jaxpr"] for equation in traced.eqns if equation.primitive.name == "shard_map"]
    if len(shards) != len(traced.eqns):
        raise ValueError("digest_shard: the program is more than a shard_map")
    digests = [_Writer(names_devices=False).digest_jaxpr(shard, []) for shard in shards]
    return _hash([*digests, *map(digest_array, traced.consts)])


def digest_array(leaf: Any) -> str:
    """Returns type, shape and a digest of the numbers of an array or key."""
    is_key = jnp.issubdtype(getattr(leaf, "dtype", np.bool_), jax.dtypes.prng_key)
    array = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
    return f"{leaf.dtype if is_key else array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"


def name_function(function: Any) -> str:
    """Returns the module and the qualified name of a function; other objects as text, without addresses."""
    if callable(function) and hasattr(function, "__qualname__"):
        return f"{function.__module__}.{function.__qualname__}"
    return _ADDRESS.sub("", repr(function))


class _Writer:
    """Writes programs as text, and collects the Python functions in them.

    Texts of types and objects are kept, since a program holds thousands of the same. A program keeps its objects alive,
    so that they are known by their addresses.
    """

    def __init__(self, *, names_devices: bool = True) -> None:
        from jax.extend import core  # takes 50 ms, which an import of jaxnn does not need

        self._core, self._names_devices = core, names_devices
        self.functions: list[Any] = []
        # Layers repeat functions that JAX has traced once, as the same object.
        self._written: dict[int, str] = {}
        self._types: dict[Any, str] = {}
        self._objects: dict[int, tuple[str, bool]] = {}

    def digest_jaxpr(self, jaxpr: Any, constants: Iterable[Any]) -> str:
        return _hash([self._digest_jaxpr(jaxpr), *map(digest_array, constants)])

    def _digest_jaxpr(self, jaxpr: Any) -> str:
        if id(jaxpr) not in self._written:
            self._written[id(jaxpr)] = _hash(self._write_jaxpr(jaxpr))
        return self._written[id(jaxpr)]

    def _write_jaxpr(self, jaxpr: Any) -> list[str]:
        """Writes a line for each operation; variables are numbered in order of appearance."""
        names: dict[Any, str] = {}
        lines = [self._name(names, [*jaxpr.constvars, *jaxpr.invars])]
        for equation in jaxpr.eqns:
            inputs, outputs = self._name(names, equation.invars), self._name(names, equation.outvars)
            parameters = self._write_parameters(equation.primitive.name, equation.params)
            lines.append(f"{equation.primitive} {inputs} -> {outputs} {parameters}")
        return [*lines, self._name(names, jaxpr.outvars)]

    def _name(self, names: dict[Any, str], variables: Iterable[Any]) -> str:
        """Writes variables as numbers, and literals as values, both with their types; new ones get the next number."""
        written = []
        for variable in variables:
            if isinstance(variable, self._core.Literal):
                written.append(f"{variable.aval} {digest_array(variable.val)}")
                continue
            if variable not in names:
                kind = self._types.get(variable.aval) or self._types.setdefault(variable.aval, str(variable.aval))
                names[variable] = f"{len(names)}:{kind}"
            written.append(names[variable])
        return " ".join(written)

    def _write_parameters(self, operation: str, parameters: dict[str, Any]) -> str:
        unused = _RULES if operation in _WITH_UNUSED_RULES else {"name"} if operation in _WITH_NAMES else ()
        names = [name for name in sorted(parameters) if name not in unused]
        return " ".join(map("{}={}".format, names, self._write_all([parameters[name] for name in names])))

    def _write_all(self, values: Iterable[Any]) -> list[str]:
        return [repr(value) if type(value) in _PLAIN else self._write(value) for value in values]

    def _write(self, value: Any) -> str:
        if value is None or isinstance(value, bool | int | float | complex | str | enum.Enum):
            return repr(value)
        if isinstance(value, self._core.ClosedJaxpr):
            return self.digest_jaxpr(value.jaxpr, value.consts)
        if isinstance(value, self._core.Jaxpr):
            return self._digest_jaxpr(value)
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            return digest_array(value)
        if not self._names_devices and isinstance(value, jax.sharding.Sharding | jax.sharding.AbstractMesh):
            return type(value).__qualname__
        return self._write_object(value)

    def _write_object(self, value: Any) -> str:
        kind = type(value).__qualname__
        if isinstance(value, tuple | list):
            return f"{kind}({', '.join(self._write_all(value))})"
        if isinstance(value, set | frozenset):
            return f"{kind}({', '.join(sorted(self._write_all(value)))})"
        if isinstance(value, dict):
            return f"{kind}({', '.join(f'{self._write(name)}: {self._write(each)}' for name, each in value.items())})"
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return (
                f"{kind}({self._write({each.name: getattr(value, each.name) for each in dataclasses.fields(value)})})"
            )
        if id(value) not in self._objects:
            self._objects[id(value)] = _describe(value)
        text, has_code = self._objects[id(value)]
        if has_code:
            self.functions.append(value)
        return text


def _describe(value: Any) -> tuple[str, bool]:
    """Returns an object as text, and whether it may do what the text does not say, as a function does."""
    text = repr(value)
    has_code = (callable(value) and not isinstance(value, type)) or bool(_ADDRESS.search(text))
    return name_function(value) if callable(value) else _ADDRESS.sub("", text), has_code


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
