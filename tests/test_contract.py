"""Contract tests: every layer, activation and loss of helpers/layer_table.py has every property tested here.

tests/test_transformations.py has those that hold for its derivatives, and under jit and vmap.
"""

import inspect
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.contract import assert_close, draw, every_row, jitted, to_arrays
from helpers.layer_table import ROWS, Row

pytestmark = pytest.mark.optimized


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


NARROW_TYPES = ["u1", "i4", "?", "f2", jnp.bfloat16]


# Promotion of types is in the traced program; of the quick code there are two hundred programs.
@pytest.mark.optimized(older_code=True)
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
