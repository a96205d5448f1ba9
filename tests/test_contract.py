"""Contract tests: every layer, activation and loss of helpers/layer_table.py has every property tested here."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxnn as nn
from helpers.layer_table import ROWS, Row

pytestmark = pytest.mark.optimized

TOLERANCE = {jnp.float32: 1e-5, jnp.float64: 1e-12}

# The scope runs the tests of a row one after another, so that they share compiled programs.
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name, scope="module")


@functools.cache
def jitted(name: str) -> Callable[[Any, Any], jax.Array]:
    return jax.jit(next(row.function for row in ROWS if row.name == name))


def to_arrays(tree: Any, dtype: Any) -> Any:
    """Converts the leaves to NumPy arrays, which compiles nothing; floats get `dtype`, whole numbers keep theirs."""

    def cast(leaf: Any) -> np.ndarray:
        leaf = np.asarray(leaf)
        return leaf.astype(dtype) if np.issubdtype(leaf.dtype, np.floating) else leaf

    return jax.tree.map(cast, tree)


def draw(row: Row, rng: np.random.Generator, dtype: Any = jnp.float32) -> tuple[Any, Any]:
    return to_arrays((row.params(rng), row.x(rng)), dtype)


def assert_close(actual: Any, expected: Any, dtype: Any = jnp.float32) -> None:
    """Asserts equality up to a tolerance relative to the largest number."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * max(1, np.abs(expected).max()))


def take(tree: Any, rows: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], tree)


def test_the_table_has_a_row_for_every_layer_activation_and_loss() -> None:
    public = {
        name
        for name, value in vars(nn).items()
        if inspect.isfunction(value)
        and value.__module__.startswith(("jaxnn.layers.", "jaxnn.activations", "jaxnn.losses"))
        and not name.startswith("init_")
    }
    assert {row.name.split(",")[0] for row in ROWS} == public


@every_row
def test_gives_the_value_worked_out_by_hand(row: Row) -> None:
    params, x, expected = row.case
    params, x = to_arrays((params, x), jnp.float32)
    assert_close(jitted(row.name)(params, x), expected)


@every_row
def test_agrees_with_numpy_and_scipy_in_float64(row: Row, rng: np.random.Generator, x64: None) -> None:
    params, x = draw(row, rng, jnp.float64)
    expected = row.reference(params, x)
    assert_close(jitted(row.name)(params, x), expected, jnp.float64)


@every_row
def test_float32_stays_float32_and_agrees_too(row: Row, rng: np.random.Generator) -> None:
    params, x = draw(row, rng)
    actual = jitted(row.name)(params, x)
    assert actual.dtype == (jnp.int32 if row.name == "argmax" else jnp.float32)
    assert_close(actual, row.reference(params, x))


@pytest.mark.parametrize("row", [row for row in ROWS if row.name != "argmax"], ids=lambda row: row.name, scope="module")
def test_first_and_second_derivatives_agree_with_differences(row: Row, rng: np.random.Generator, x64: None) -> None:
    leaves, structure = jax.tree.flatten(draw(row, rng, jnp.float64))
    floats = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.inexact)]

    @jax.jit
    def function(*values: jax.Array) -> jax.Array:
        filled = list(leaves)
        for i, value in zip(floats, values, strict=True):
            filled[i] = value
        return row.function(*jax.tree.unflatten(structure, filled))

    # Reverse mode tests forward mode too: `vjp` linearises the function before it transposes it.
    check_grads(function, [leaves[i] for i in floats], order=2, modes=["rev"], eps=1e-5, atol=1e-6, rtol=1e-6)


@every_row
def test_jit_changes_nothing_and_a_second_call_does_not_retrace(row: Row, rng: np.random.Generator) -> None:
    traces = []

    @jax.jit
    def counted(params: Any, x: Any) -> jax.Array:
        traces.append(row.name)
        return row.function(params, x)

    for _ in range(2):
        params, x = draw(row, rng)
        assert_close(counted(params, x), row.function(params, x))
    assert len(traces) == 1


@every_row
def test_vmap_over_another_axis_equals_a_loop(row: Row, rng: np.random.Generator) -> None:
    lanes = [draw(row, rng) for _ in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *lanes)
    expected = np.stack([jitted(row.name)(*lane) for lane in lanes])
    assert_close(jax.jit(jax.vmap(row.function))(*stacked), expected)
    # Over x alone, along its last axis.
    params, last = lanes[0][0], jax.tree.map(lambda leaf: np.moveaxis(leaf, 0, -1), stacked[1])
    expected = np.stack([jitted(row.name)(params, x) for _, x in lanes])
    assert_close(jax.jit(jax.vmap(row.function, in_axes=(None, -1)))(params, last), expected)


NARROW_TYPES = ["u1", "i4", "?", "f2", jnp.bfloat16]


@every_row
@pytest.mark.parametrize("dtype", NARROW_TYPES, ids=["uint8", "int32", "bool", "float16", "bfloat16"])
def test_inputs_of_any_type_give_what_the_same_values_give_in_float32(
    row: Row, dtype: Any, rng: np.random.Generator
) -> None:
    """Arithmetic in the type of the input would wrap, overflow or keep three digits."""
    params, x = draw(row, rng)
    arrays, structure = jax.tree.flatten(x)
    is_float = [np.issubdtype(leaf.dtype, np.floating) for leaf in arrays]
    # Large values, which overflow in uint8 and float16 when they are added up or squared.
    narrow = [
        np.abs(90 * leaf).astype(dtype) if floats else leaf for leaf, floats in zip(arrays, is_float, strict=True)
    ]
    wide = [leaf.astype("f") if floats else leaf for leaf, floats in zip(narrow, is_float, strict=True)]
    expected = row.function(params, jax.tree.unflatten(structure, wide))
    actual = row.function(params, jax.tree.unflatten(structure, narrow))
    # Layers without parameters keep half precision.
    assert actual.dtype in (expected.dtype, dtype if jnp.issubdtype(dtype, jnp.floating) else expected.dtype)
    digits = float(jnp.finfo(actual.dtype).eps) if jnp.issubdtype(actual.dtype, jnp.floating) else 0
    np.testing.assert_allclose(
        np.asarray(actual, "f"), expected, rtol=0, atol=4 * digits * max(1, np.abs(expected).max())
    )


@every_row
def test_a_batch_of_one_works(row: Row, rng: np.random.Generator) -> None:
    params, x = draw(row, rng)
    one = take(x, slice(1, 2))
    assert_close(jitted(row.name)(params, one), row.reference(params, one))


# In training a batch norm is about the whole batch.
@pytest.mark.parametrize("row", [r for r in ROWS if r.name != "train_batch_norm"], ids=lambda r: r.name, scope="module")
def test_no_example_affects_another(row: Row, rng: np.random.Generator) -> None:
    params, x = draw(row, rng)
    others = jax.tree.map(lambda leaf: np.concatenate([leaf[:1], np.flip(leaf[1:])]), x)
    before, after = (np.asarray(jitted(row.name)(params, inputs)) for inputs in (x, others))
    assert np.array_equal(after[0], before[0])
    assert not np.array_equal(after[1:], before[1:])


@every_row
def test_bad_input_raises_an_error_with_the_rule_and_the_value(row: Row, as_installed: None) -> None:
    call, kind, message = row.bad_input
    with pytest.raises(kind, match="^" + re.escape(message)):
        call()
