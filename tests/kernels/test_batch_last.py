"""Batch-first interfaces cost nothing: XLA removes every transposition between two layers (DESIGN.md, section 1).

The reference is the same network written batch last throughout, by hand, for the same batch-first data.
"""

import functools
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from jaxnn._kernels.batch_last import batch_last, swap_batch_axis
from jaxnn._kernels.host import COMPILER_OPTIONS
from jaxnn._kernels.matmul import matmul

# All of XLA's own optimizations, but few of LLVM's: they take most of the time, and come after transpositions are gone.
pytestmark = pytest.mark.optimized

TABLE, IMAGES, LABELS = np.zeros((20, 4), "f"), np.zeros((20, 8, 8, 1), "f"), np.zeros(20, "i")

# On other platforms XLA chooses layouts by itself, and adds transpositions of its own.
on_cpu = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="counts the transpositions in programs that XLA compiles for CPUs"
)


def dense(params: nn.Affine, x: jax.Array) -> jax.Array:
    # The products are the library's: this test compares the transpositions between them.
    return matmul(params.weight, x) + params.bias[:, None]


def conv(params: nn.Affine, x: jax.Array) -> jax.Array:
    """Convolves x (channels, height, width, batch) with 3 × 3 windows, padded by one."""
    height, width = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    stack = jnp.concatenate([x[:, i : i + height, j : j + width] for i in range(3) for j in range(3)])
    outputs = params.bias.size
    filtered = matmul(params.weight.reshape(-1, outputs), stack.reshape(len(stack), -1))
    return filtered.reshape(outputs, height, width, -1) + params.bias[:, None, None, None]


def pool(x: jax.Array) -> jax.Array:
    x = jnp.maximum(x[:, :, 0::2], x[:, :, 1::2])
    return jnp.maximum(x[:, 0::2], x[:, 1::2])


def flatten(x: jax.Array) -> jax.Array:
    """Flattens in (height, width, channel) order, which weights from Flax need."""
    return jnp.moveaxis(x, 0, 2).reshape(-1, x.shape[-1])


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    observed = jnp.take_along_axis(logits, labels.astype(jnp.uint32)[None], axis=0, mode="fill")[0]
    return jax.nn.logsumexp(logits, axis=0) - observed


def mlp_batch_last(params: dict[str, nn.Affine], x: jax.Array) -> jax.Array:
    x = jnp.swapaxes(x, 0, -1)
    for name in ("hidden_1", "hidden_2"):
        x = jax.nn.relu(dense(params[name], x))
    return dense(params["output"], x)


def cnn_batch_last(params: dict[str, nn.Affine], x: jax.Array) -> jax.Array:
    x = jnp.swapaxes(x, 0, -1)
    for name in ("conv_1", "conv_2"):
        x = pool(jax.nn.relu(conv(params[name], x)))
    return dense(params["output"], jax.nn.relu(dense(params["hidden_1"], flatten(x))))


def batch_first_relu(x: jax.Array) -> jax.Array:
    """An elementwise function that is not written batch last, unlike all of this library."""
    return jnp.where(x > 0, x, 0)


MLP = nn.mlp([4, 16, 8, 3])
CNN = nn.cnn((8, 8, 1), (4, 8), 10, hidden=[16])
NETWORKS = {"mlp": (MLP, mlp_batch_last, TABLE), "cnn": (CNN, cnn_batch_last, IMAGES)}
every_network = pytest.mark.parametrize("network", NETWORKS)


def training_step(apply: Callable, loss: Callable, params: Any, x: jax.Array, labels: jax.Array) -> Any:
    value, gradient = jax.value_and_grad(lambda params: loss(apply(params, x), labels).mean())(params)
    return value, jax.tree.map(lambda leaf, slope: leaf - 0.1 * slope, params, gradient)


STEPS = {
    "library": lambda network: functools.partial(training_step, NETWORKS[network][0].apply, nn.cross_entropy),
    "by hand": lambda network: functools.partial(training_step, NETWORKS[network][1], cross_entropy),
    "batch-first relu": lambda network: functools.partial(
        training_step, nn.cnn((8, 8, 1), (4, 8), 10, hidden=[16], activation=batch_first_relu).apply, nn.cross_entropy
    ),
}


@functools.cache
def compile_step(version: str, network: str, lanes: int | None) -> jax.stages.Compiled:
    model, _, x = NETWORKS[network]
    params, step = jax.eval_shape(model.init, jax.random.key(0)), STEPS[version](network)
    if lanes:
        params = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((lanes, *leaf.shape), leaf.dtype), params)
        step = jax.vmap(step, in_axes=(0, None, None))
    return jax.jit(step).lower(params, x, LABELS).compile(COMPILER_OPTIONS)


def count_transposes(version: str, network: str, lanes: int | None) -> int:
    """Counts the `transpose` ops in the optimised program of a training step, inside its fusions and outside."""
    return len(re.findall(r" transpose\(", compile_step(version, network, lanes).as_text()))


@every_network
def test_the_network_written_by_hand_is_the_same_network(network: str, rng: np.random.Generator) -> None:
    model, _, x = NETWORKS[network]
    x, labels = rng.normal(size=x.shape).astype("f"), rng.integers(0, 3, len(x)).astype("i")
    params = model.init(jax.random.key(0))
    actual, expected = (compile_step(version, network, None)(params, x, labels) for version in ("library", "by hand"))
    for leaf, expected_leaf in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, expected_leaf, rtol=0, atol=1e-5)


@on_cpu
@every_network
@pytest.mark.parametrize("lanes", [None, 5], ids=["alone", "under vmap"])
def test_a_cpu_program_has_no_more_transposes_than_one_written_batch_last(network: str, lanes: int | None) -> None:
    assert count_transposes("library", network, lanes) <= count_transposes("by hand", network, lanes)


@on_cpu
def test_a_batch_first_activation_adds_transposes_to_a_cpu_program() -> None:
    """Shows that the count of the test above would notice a transposition."""
    assert count_transposes("batch-first relu", "cnn", None) > count_transposes("library", "cnn", None)


@on_cpu
def test_residual_sums_and_batch_norms_transpose_no_activations() -> None:
    """With batch-first sums, 17 activations are transposed."""
    model = nn.resnet((8, 8, 1), (4, 8), 10, blocks=2, preactivation=True)
    assert model.train_apply is not None
    lanes = 3
    params = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((lanes, *leaf.shape), leaf.dtype),
        jax.eval_shape(model.init, jax.random.key(0)),
    )

    def gradient(params: Any, x: jax.Array, labels: jax.Array) -> Any:
        outputs, after = model.train_apply(params, x, key=None)
        return nn.cross_entropy(outputs, labels).mean(), after

    step = jax.vmap(jax.value_and_grad(gradient, has_aux=True), in_axes=(0, None, None))
    program = jax.jit(step).lower(params, IMAGES, LABELS).compile(COMPILER_OPTIONS).as_text()
    shapes = re.findall(r"= \w+\[([\d,]+)\]\S* transpose\(", program)
    assert shapes
    # The activations of the second stage are the smallest; the images themselves have half as many numbers per lane.
    smallest = lanes * 8 * 4 * 4 * len(LABELS)
    assert [shape for shape in shapes if np.prod(list(map(int, shape.split(",")))) >= smallest] == []


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4, 5)])
def test_swap_batch_axis_swaps_the_first_and_the_last_axis_and_is_its_own_inverse(shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape, dtype=int), dtype="f").reshape(shape)
    assert swap_batch_axis(x).shape == (shape if len(shape) < 2 else (shape[-1], *shape[1:-1], shape[0]))
    np.testing.assert_array_equal(swap_batch_axis(x), x if len(shape) < 2 else np.swapaxes(x, 0, -1))
    np.testing.assert_array_equal(swap_batch_axis(swap_batch_axis(x)), x)


def test_the_decorator_swaps_axes_of_positional_arrays_and_passes_options_and_scalars_through() -> None:
    shapes = {}

    @batch_last
    def function(x: jax.Array, y: jax.Array, *, option: np.ndarray) -> jax.Array:
        """Documented."""
        shapes.update(x=x.shape, y=y.shape, option=option.shape)
        return x

    assert function(np.zeros((2, 3)), np.float32(1), option=np.zeros((4, 5))).shape == (2, 3)
    assert shapes == {"x": (3, 2), "y": (), "option": (4, 5)}
    assert (function.__name__, function.__doc__) == ("function", "Documented.")
