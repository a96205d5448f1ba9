"""Contract tests: derivatives, jit and vmap of every layer, activation and loss of helpers/layer_table.py.

JAX's transformations act on traced programs. Their values in compiled ones, optimized as those of users, are compared
with NumPy and SciPy in tests/test_contract.py.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from helpers.contract import assert_close, draw, every_row, jitted
from helpers.layer_table import ROWS, Row


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
