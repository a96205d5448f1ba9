"""Convolution in groups equals XLA's own, forward and backward, alone and in lanes."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.convolutions import TOLERANCE, Case, assert_equal_to_scale, conv, conv_by_lax, draw, with_gradients
from helpers.errors import error_message
from jaxnn._kernels.windows import Windows
from jaxnn._kernels.winograd import choose_pair_axis
from jaxnn.units import Size

pytestmark = pytest.mark.optimized(older_code=True)

# (case, inputs of a group, outputs of a group); one input a group is depthwise.
CASES = [
    (Case((9,), (3,), 2, "same", 1, 3), 1, 1),
    (Case((8,), (4,), 1, 2, 2, 2), 1, 3),
    (Case((6, 5), (3, 3), 1, "same", 1, 4), 1, 1),
    (Case((7, 8), (2, 3), (3, 2), (2, 0), (3, 2), 2), 1, 2),
    (Case((6, 5), (1, 1), 1, "valid", 1, 3), 2, 1),
    (Case((7, 6), (3, 2), (1, 2), "same", 1, 2), 3, 2),
    (Case((4, 3, 5), (2, 2, 2), (1, 2, 1), 1, 1, 2), 1, 1),
    (Case((4, 3, 5), (2, 1, 2), 1, "same", 1, 2), 2, 2),
]


@pytest.mark.parametrize(("case", "inputs", "outputs"), CASES, ids=str)
def test_groups_and_their_gradients_equal_those_of_lax(
    case: Case, inputs: int, outputs: int, rng: np.random.Generator, x64: None
) -> None:
    @jax.jit
    def both(*arrays: Any) -> list[tuple[Any, Any]]:
        return [with_gradients(functools.partial(function, case=case), *arrays) for function in (conv, conv_by_lax)]

    arrays = draw(rng, case, "float64", inputs=inputs, outputs=outputs)
    assert_equal_to_scale(*both(*arrays), TOLERANCE["float64"])


def test_large_groups_are_computed_two_positions_at_a_time_and_equal_those_of_lax(rng: np.random.Generator) -> None:
    case = Case((16, 16), (3, 3), 1, "same", 1, 2)
    windows = Windows.of("conv", case.size, case.window, stride=1, padding="same")
    assert choose_pair_axis(windows, 8, 64) is not None

    @jax.jit
    def both(*arrays: Any) -> list[tuple[Any, Any]]:
        return [with_gradients(functools.partial(function, case=case), *arrays) for function in (conv, conv_by_lax)]

    assert_equal_to_scale(*both(*draw(rng, case, "float32", inputs=8, outputs=64)), TOLERANCE["float32"])


@pytest.mark.parametrize(("case", "inputs", "outputs"), [CASES[2], CASES[5]], ids=str)
def test_groups_in_lanes_equal_those_alone(
    case: Case, inputs: int, outputs: int, rng: np.random.Generator, x64: None
) -> None:
    lanes = [draw(rng, case, "float64", inputs=inputs, outputs=outputs) for _ in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *lanes)
    layer = functools.partial(with_gradients, functools.partial(conv, case=case))
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(jax.jit(layer)(*lane) for lane in lanes))
    assert_equal_to_scale(jax.jit(jax.vmap(layer))(*stacked), expected, 1e-12)


def test_init_conv_draws_weights_by_the_inputs_of_a_group() -> None:
    params = nn.init_conv(jax.random.key(0), 8, 16, 3, groups=4)
    np.testing.assert_array_equal(params.weight, nn.initializers.he_normal(jax.random.key(0), (3, 3, 2, 16)))


def test_groups_of_a_traced_size_are_refused(as_installed: None) -> None:
    size = Size(jnp.array(3), largest=4)
    message = error_message(ValueError, lambda: nn.init_conv(jax.random.key(0), size, 4, 3, groups=2))
    assert message == "init_conv: groups cannot divide a traced size; make it a choice"
