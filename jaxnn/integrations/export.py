"""Trained models as programs that run without this library: files of `jax.export`."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from jaxnn._checks.arrays import check_each_whole
from jaxnn._checks.params import check_arrays, check_model, check_params
from jaxnn._kernels.dtypes import as_arrays
from jaxnn._kernels.platform import trace_for
from jaxnn.models.model import Model
from jaxnn.training.tiles import choose_tile

_PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

Evaluate = Callable[[Array], Any]


def export(
    model: Model,
    params: PyTree,
    shape: Sequence[int],
    *,
    dtype: Any = "float32",
    platforms: Sequence[str] = ("cpu", "cuda", "tpu"),
) -> bytes:
    """Returns a trained model as one program with its parameters, which runs with JAX alone on any number of examples.

    It computes what `predict` does, up to rounding. JAX compiles it for each number of examples that it meets, so call
    it with the same number each time. On CPUs it goes through many examples a few at a time, and its memory does not
    grow with their number. On other platforms it takes all at once.

    It has no gradients; to train on, keep the parameters with `save`. Files can be read by the versions of JAX of the
    next six months at least, as the documentation of `jax.export` says.

    Args:
        model: a `Model` whose x is one array; also one of `nn.integrations.flax` or `equinox`.
        params: its parameters, which become part of the program.
        shape: of one example, without the batch axis: `(28, 28, 1)`.
        dtype: of x: "uint8" for images as bytes, "int32" for the labels that `embedding` takes.
        platforms: where the program is to run: "cpu", "cuda", "rocm", "tpu".

    Returns:
        The program as `jax.export.deserialize` reads it. Its `call` takes x of shape (batch, *shape) and this dtype.

    Raises:
        ImportError: flatbuffers is not installed, which loading needs too.
        TypeError: something other than a `Model`, whole numbers, a dtype or a sequence of platforms.
        ValueError: params that do not fit the model, a shape that it does not take, an unknown platform, or a model
            that cannot be exported: it calls Python, asks how many examples there are, or gives outputs without an
            axis of examples.

    Example:
        >>> import jaxnn as nn
        >>> from pathlib import Path
        >>> model = nn.cnn((8, 8, 1), (4,), 10)
        >>> _ = Path("digits.jax").write_bytes(nn.export(model, model.init(jax.random.key(0)), (8, 8, 1)))

        Another process needs this file and `pip install jax flatbuffers`:

        >>> import jax.export
        >>> program = jax.jit(jax.export.deserialize(Path("digits.jax").read_bytes()).call)
        >>> program(np.zeros((7, 8, 8, 1), "float32")).shape
        (7, 10)
    """
    check_model("export", model)
    shape = check_each_whole("export", "shape", shape, least=1)
    dtype = _check_dtype(dtype)
    platforms = _check_platforms(platforms)
    check_arrays("export", params)
    check_params("export", model, params)
    _check_flatbuffers()
    tile = choose_tile(model.apply, params, jax.ShapeDtypeStruct((1, *shape), dtype), kind="cpu")
    if not tile:
        raise ValueError("export: every output of the model must have the examples on its first axis")
    batch, examples = jax.export.symbolic_shape(f"batch, min(batch, {tile})")
    program = _choose_program(lambda x: model.apply(as_arrays(params), x, key=None), examples, platforms)
    rule = "it must be made of operations of JAX, and take the number of examples as x.shape[0], without comparisons"
    try:
        traced = jax.export.export(jax.jit(program), platforms=platforms)(jax.ShapeDtypeStruct((batch, *shape), dtype))
        return bytes(traced.serialize())
    except Exception as error:  # JAX raises many types; with a known number of examples the model was traced above
        raise ValueError(f"export: the model cannot be exported; {rule}: {str(error).splitlines()[0]}") from error


def _choose_program(evaluate: Evaluate, examples: Any, platforms: tuple[str, ...]) -> Evaluate:
    """Returns a function that goes by tiles of `examples` on CPUs, and takes all at once on other platforms."""

    def on_cpu(x: Array) -> Any:
        with trace_for("cpu"):
            return _evaluate_in_tiles(evaluate, examples, x)

    def elsewhere(x: Array) -> Any:
        with trace_for("accelerator"):
            return evaluate(x)

    if "cpu" not in platforms:
        return elsewhere
    if platforms == ("cpu",):
        return on_cpu
    return lambda x: jax.lax.platform_dependent(x, cpu=on_cpu, default=elsewhere)


def _evaluate_in_tiles(evaluate: Evaluate, examples: Any, x: Array) -> Any:
    """Evaluates a symbolic number of examples at a time; the last tile is filled up with the first rows."""
    count = x.shape[0]
    tiles = -(-count // examples)
    rows = (jnp.arange(tiles * examples) % count).reshape(tiles, examples)
    outputs = jax.lax.map(lambda rows: evaluate(x[rows]), rows)
    return jax.tree.map(lambda leaf: leaf.reshape(tiles * examples, *leaf.shape[2:])[:count], outputs)


def _check_flatbuffers() -> None:
    if importlib.util.find_spec("flatbuffers") is None:
        raise ImportError("exported programs are written with flatbuffers: pip install 'jaxnn[export]'")


def _check_dtype(dtype: Any) -> Any:
    try:
        dtype = jnp.dtype(dtype)
    except TypeError:
        raise TypeError(f"export: dtype must be one of NumPy's, such as 'float32' or 'uint8', not {dtype!r}") from None
    if jax.dtypes.canonicalize_dtype(dtype) != dtype:
        raise TypeError(f"export: dtype {dtype} needs jax_enable_x64; take {jax.dtypes.canonicalize_dtype(dtype)}")
    return dtype


def _check_platforms(platforms: Any) -> tuple[str, ...]:
    known = ", ".join(map(repr, _PLATFORMS))
    if isinstance(platforms, str) or not isinstance(platforms, Sequence) or not platforms:
        raise TypeError(f"export: platforms must be a sequence of {known}, not {platforms!r}")
    if unknown := [name for name in platforms if name not in _PLATFORMS]:
        raise ValueError(f"export: platforms must be among {known}, not {unknown[0]!r}")
    return tuple(dict.fromkeys(platforms))
