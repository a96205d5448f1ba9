"""Convolution alone: forward and both gradients, by itself and in a loop, for one lane and for sixteen.

XLA has a fast convolution for a processor, but not inside a loop and not for weights with an axis of lanes; a network
that trains in a compiled loop meets both. PyTorch loops in Python either way. Slow sides are timed on fewer images.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments.benchmarks.compiling import compiled, over_devices
from experiments.benchmarks.harness import Case, Ready, Seconds, Side, Work, seconds, timed
from experiments.benchmarks.peers import plain_jax, torch_conv

STEPS, RATE = 2, 1e-2

Convolve = Callable[[Any, Any, Any], Any]


class Shape(NamedTuple):
    """3×3 windows, padded "same", on `images` of size × size × inputs."""

    images: int
    size: int
    inputs: int
    outputs: int


SHAPES = (
    Shape(64, 32, 3, 32), Shape(64, 32, 32, 64), Shape(64, 16, 64, 128), Shape(32, 8, 128, 256), Shape(64, 8, 8, 16),
)  # fmt: skip


def cases(quick: bool) -> list[Case]:
    """Every shape with one lane and with sixteen, outside of a loop and inside."""
    if quick:
        return [case(Shape(4, 8, 8, 16), 1, False), case(Shape(4, 8, 8, 16), len(jax.devices()), True)]
    return [case(shape, lanes, scan) for shape in SHAPES for lanes in (1, 16) for scan in (False, True)]


def case(shape: Shape, lanes: int, scan: bool) -> Case:
    """The work of one forward and two backward products, and twice that for the two steps of the loop."""
    images, size, inputs, outputs = shape
    steps = STEPS if scan else 1
    flop = 3 * 2 * images * size**2 * 9 * inputs * outputs * lanes * steps
    moved = 4 * (3 * images * size**2 * (inputs + outputs) + 4 * 9 * inputs * outputs) * lanes * steps
    name = f"conv_{size}x{size}x{inputs}_{outputs}" + f"_lanes{lanes}" * (lanes > 1) + "_scan" * scan
    title = f"conv alone: {images}×{size}×{size}×{inputs}→{outputs}, {lanes} lane{'s' * (lanes > 1)}, " + (
        f"{STEPS} steps in a loop" if scan else "one step"
    )
    # What a side takes long for, it does on fewer images: on so many that windows too large for the cache stay so.
    fewer = 1 if lanes == 1 else 4
    slower = fewer * (8 if scan else 4) if scan or lanes > 1 else 1
    sides = [
        jax_side("jaxnn conv", ours, shape, lanes, scan, max(1, images // fewer)),
        jax_side("lax.conv", plain_jax.convolve, shape, lanes, scan, max(1, images // slower)),
        torch_side(shape, lanes, scan, max(1, images // fewer)),
    ]
    return Case(name, title, sides, Work(float(flop), float(moved)))


def ours(x: Any, weight: Any, bias: Any) -> Any:
    """jaxnn's."""
    return nn.conv(nn.Affine(weight, bias), x, padding="same")


def arrays(shape: Shape, lanes: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and weights with the lanes on the first axis."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((lanes, images, shape.size, shape.size, shape.inputs), np.float32)
    weight = rng.standard_normal((lanes, 3, 3, shape.inputs, shape.outputs), np.float32)
    return x, weight / np.float32(3 * np.sqrt(shape.inputs))


def jax_side(name: str, convolve: Convolve, shape: Shape, lanes: int, scan: bool, images: int) -> Side:
    """The program of a convolution in JAX; the lanes are spread over the cores, and side by side there or in turn."""

    def prepare() -> Ready:
        given, few = arrays(shape, lanes, images), arrays(shape, lanes, 2)
        ways = (True, False) if lanes > len(jax.devices()) else (True,)
        made = {together: program(convolve, given, scan, together) for together in ways}
        best = min(made, key=lambda together: seconds(made[together][0]))
        run, start = made[best]
        detail = ("side by side" if best else "one after the other") if len(ways) > 1 else ""
        losses = lambda: program(convolve, few, scan, best)[0]()  # noqa: E731
        return Ready(timed(run), losses, start, images, shape.images, detail, unit="images")

    return Side(name, (), prepare)


def program(
    convolve: Convolve, given: tuple[np.ndarray, np.ndarray], scan: bool, together: bool
) -> tuple[Any, Seconds]:
    """A function that computes everything and returns the figures that are compared."""
    steps = functools.partial(descend, convolve) if scan else functools.partial(once, convolve)
    if len(given[0]) == 1:  # no axis of lanes: XLA sees a plain convolution
        ready, start = compiled(lambda x, weight: [leaf[None] for leaf in steps(x[0], weight[0])], *given)
    else:
        some = jax.vmap(steps) if together else lambda *lanes: jax.lax.map(lambda lane: steps(*lane), lanes)
        ready, start = compiled(over_devices(some, shared=0), *given, spread=True)
    given = jax.tree.map(jax.device_put, given, ready.input_shardings[0])
    return lambda: np.stack([np.asarray(part) for part in jax.block_until_ready(ready(*given))[:3]]), start


def gradients(convolve: Convolve, x: Any, weight: Any) -> tuple[Any, Any]:
    """The mean square of the outputs, and its gradients for images and weights."""
    bias = jnp.zeros(weight.shape[-1])
    return jax.value_and_grad(lambda x, weight: jnp.square(convolve(x, weight, bias)).mean(), (0, 1))(x, weight)


def once(convolve: Convolve, x: Any, weight: Any) -> Any:
    """One step: the value, the sizes of both gradients, and the gradients themselves, which must be made."""
    value, (for_x, for_weight) = gradients(convolve, x, weight)
    return value, jnp.sqrt(jnp.square(for_x).sum()), jnp.sqrt(jnp.square(for_weight).sum()), for_x, for_weight


def descend(convolve: Convolve, x: Any, weight: Any) -> Any:
    """Steps of gradient descent in a loop, on images and weights; then what is left of both."""

    def step(carry: Any, _: Any) -> tuple[Any, Any]:
        value, slopes = gradients(convolve, *carry)
        return jax.tree.map(lambda leaf, slope: leaf - RATE * slope, carry, slopes), value

    (x, weight), values = jax.lax.scan(step, (x, weight), length=STEPS)
    return values[-1], jnp.sqrt(jnp.square(x).sum()), jnp.sqrt(jnp.square(weight).sum()), x, weight


def torch_side(shape: Shape, lanes: int, scan: bool, images: int) -> Side:
    """PyTorch: one lane with its best settings, or the lanes dealt out to the cores, one after the other there."""

    def prepare() -> Ready:
        given, steps = arrays(shape, lanes, images), STEPS if scan else 0
        best = torch_conv.fastest(given, steps, RATE)
        losses, _ = torch_conv.everywhere(arrays(shape, lanes, 2), steps, RATE, best)
        detail = f"{best[0]} thread{'s' * (best[0] > 1)}" + ", channels last" * best[1]
        run = functools.partial(torch_conv.everywhere, given, steps, RATE, best)
        return Ready(lambda: {"run": run()[1]}, lambda: losses, {}, images, shape.images, detail, unit="images")

    return Side("PyTorch", ("torch",), prepare)
