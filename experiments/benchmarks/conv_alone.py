"""Convolution alone: forward and both gradients, without and within a compiled loop, for one lane and for sixteen.

XLA has a fast convolution for CPUs, but not inside a loop and not for weights with an axis of lanes. A network that
trains in a compiled loop has both. PyTorch loops in Python in any case. Slow contenders are timed on fewer images.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments.benchmarks.compiling import compile_program, shard_over_devices
from experiments.benchmarks.harness import Case, Contender, Cost, Prepared, Seconds, add_timer, time_second_call
from experiments.benchmarks.peers import networks, torch_conv

STEPS = 2  # of gradient descent, in a loop
RATE = 1e-2  # learning rate of gradient descent

Convolve = Callable[[Any, Any, Any], Any]


class Shape(NamedTuple):
    """The shape of a convolution with 3×3 windows, padded "same", of `images` of size × size × inputs."""

    images: int
    size: int
    inputs: int
    outputs: int


SHAPES = (
    Shape(64, 32, 3, 32), Shape(64, 32, 32, 64), Shape(64, 16, 64, 128), Shape(32, 8, 128, 256), Shape(64, 8, 8, 16),
)  # fmt: skip


def cases(quick: bool) -> list[Case]:
    """Returns a case for every shape, with one lane and with sixteen, without and within a loop."""
    if quick:
        return [make_case(Shape(4, 8, 8, 16), 1, False), make_case(Shape(4, 8, 8, 16), len(jax.devices()), True)]
    return [make_case(shape, lanes, scan) for shape in SHAPES for lanes in (1, 16) for scan in (False, True)]


def make_case(shape: Shape, lanes: int, scan: bool) -> Case:
    """Returns a case; its cost is that of one forward and two backward products for each step."""
    images, size, inputs, outputs = shape
    steps = STEPS if scan else 1
    flop = 3 * 2 * images * size**2 * 9 * inputs * outputs * lanes * steps
    bytes_ = 4 * (3 * images * size**2 * (inputs + outputs) + 4 * 9 * inputs * outputs) * lanes * steps
    name = f"conv_{size}x{size}x{inputs}_{outputs}" + f"_lanes{lanes}" * (lanes > 1) + "_scan" * scan
    title = f"conv alone: {images}×{size}×{size}×{inputs}→{outputs}, {lanes} lane{'s' * (lanes > 1)}, " + (
        f"{STEPS} steps in a loop" if scan else "one step"
    )
    # Slow contenders get fewer images, but enough that arrays larger than the cache remain so.
    divisor = 1 if lanes == 1 else 4
    slow_divisor = divisor * (8 if scan else 4) if scan or lanes > 1 else 1
    contenders = [
        jax_contender("jaxnn conv", jaxnn_conv, shape, lanes, scan, max(1, images // divisor)),
        jax_contender("lax.conv", networks.convolve, shape, lanes, scan, max(1, images // slow_divisor)),
        torch_contender(shape, lanes, scan, max(1, images // divisor)),
    ]
    return Case(name, title, contenders, Cost(float(flop), float(bytes_)))


def jaxnn_conv(x: Any, weight: Any, bias: Any) -> Any:
    """Returns jaxnn's convolution."""
    return nn.conv(nn.Affine(weight, bias), x, padding="same")


def draw_arrays(shape: Shape, lanes: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws images and weights, with the lanes on the first axis."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((lanes, images, shape.size, shape.size, shape.inputs), np.float32)
    weight = rng.standard_normal((lanes, 3, 3, shape.inputs, shape.outputs), np.float32)
    return x, weight / np.float32(3 * np.sqrt(shape.inputs))


def jax_contender(name: str, convolve: Convolve, shape: Shape, lanes: int, scan: bool, images: int) -> Contender:
    """Returns a convolution in JAX, its lanes spread over the devices and there either vectorized or in a loop."""

    def prepare() -> Prepared:
        arrays, small = draw_arrays(shape, lanes, images), draw_arrays(shape, lanes, 2)
        options = (True, False) if lanes > len(jax.devices()) else (True,)
        programs = {vectorized: compile_steps(convolve, arrays, scan, vectorized) for vectorized in options}
        best = min(programs, key=lambda vectorized: time_second_call(programs[vectorized][0]))
        run, startup = programs[best]
        detail = ("vectorized" if best else "one after the other") if len(options) > 1 else ""
        losses = lambda: compile_steps(convolve, small, scan, best)[0]()  # noqa: E731
        return Prepared(add_timer(run), losses, startup, images, shape.images, detail, unit="images")

    return Contender(name, (), prepare)


def compile_steps(
    convolve: Convolve, arrays: tuple[np.ndarray, np.ndarray], scan: bool, vectorized: bool
) -> tuple[Any, Seconds]:
    """Compiles the steps; returns a function that runs them and returns the numbers to compare, and the seconds."""
    steps = functools.partial(descend, convolve) if scan else functools.partial(run_step, convolve)
    if len(arrays[0]) == 1:  # without the axis of lanes, XLA sees an ordinary convolution
        program, startup = compile_program(lambda x, weight: [leaf[None] for leaf in steps(x[0], weight[0])], *arrays)
    else:
        mapped = jax.vmap(steps) if vectorized else lambda *lanes: jax.lax.map(lambda lane: steps(*lane), lanes)
        program, startup = compile_program(shard_over_devices(mapped, shared=0), *arrays, spread=True)
    arrays = jax.tree.map(jax.device_put, arrays, program.input_shardings[0])
    return lambda: np.stack([np.asarray(part) for part in jax.block_until_ready(program(*arrays))[:3]]), startup


def compute_gradients(convolve: Convolve, x: Any, weight: Any) -> tuple[Any, Any]:
    """Returns the mean square of the outputs, and its gradients for images and weights."""
    bias = jnp.zeros(weight.shape[-1])
    return jax.value_and_grad(lambda x, weight: jnp.square(convolve(x, weight, bias)).mean(), (0, 1))(x, weight)


def run_step(convolve: Convolve, x: Any, weight: Any) -> Any:
    """Returns the value, the norms of both gradients, and the gradients, which XLA must not optimize away."""
    value, (for_x, for_weight) = compute_gradients(convolve, x, weight)
    return value, jnp.sqrt(jnp.square(for_x).sum()), jnp.sqrt(jnp.square(for_weight).sum()), for_x, for_weight


def descend(convolve: Convolve, x: Any, weight: Any) -> Any:
    """Takes steps of gradient descent on images and weights in a loop; returns the last value, norms, and both."""

    def step(carry: Any, _: Any) -> tuple[Any, Any]:
        value, slopes = compute_gradients(convolve, *carry)
        return jax.tree.map(lambda leaf, slope: leaf - RATE * slope, carry, slopes), value

    (x, weight), values = jax.lax.scan(step, (x, weight), length=STEPS)
    return values[-1], jnp.sqrt(jnp.square(x).sum()), jnp.sqrt(jnp.square(weight).sum()), x, weight


def torch_contender(shape: Shape, lanes: int, scan: bool, images: int) -> Contender:
    """Returns a convolution in PyTorch: one lane with the fastest options, or the lanes split among the cores."""

    def prepare() -> Prepared:
        arrays, steps = draw_arrays(shape, lanes, images), STEPS if scan else 0
        best = torch_conv.find_fastest(arrays, steps, RATE)
        losses, _ = torch_conv.run_lanes(draw_arrays(shape, lanes, 2), steps, RATE, best)
        detail = f"{best.threads} thread{'s' * (best.threads > 1)}" + ", channels last" * best.channels_last
        run = functools.partial(torch_conv.run_lanes, arrays, steps, RATE, best)
        return Prepared(lambda: {"run": run()[1]}, lambda: losses, {}, images, shape.images, detail, unit="images")

    return Contender("PyTorch", ("torch",), prepare)
