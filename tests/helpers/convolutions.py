"""Cases of convolutions, and the same convolutions by XLA's own."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn

LAYOUT = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


class Case(NamedTuple):
    size: tuple[int, ...]
    window: tuple[int, ...]
    stride: Any = 1
    padding: Any = "valid"
    dilation: Any = 1
    groups: int = 1

    def __str__(self) -> str:
        groups = f" groups {self.groups}" if self.groups > 1 else ""
        return f"{self.size} window {self.window} stride {self.stride} {self.padding} dilation {self.dilation}{groups}"


def draw(
    rng: np.random.Generator, case: Case, dtype: str, *, images: int = 2, inputs: int = 2, outputs: int = 3
) -> tuple[nn.Affine, np.ndarray]:
    """Draws parameters and images; `inputs` and `outputs` are those of each group."""
    outputs *= case.groups
    weight = rng.normal(size=(*case.window, inputs, outputs)).astype(dtype)
    params = nn.Affine(weight, rng.normal(size=outputs).astype(dtype))
    return params, rng.normal(size=(images, *case.size, case.groups * inputs)).astype(dtype)


def conv(params: nn.Affine, x: jax.Array, *, case: Case) -> jax.Array:
    options = {"stride": case.stride, "padding": case.padding, "dilation": case.dilation, "groups": case.groups}
    return nn.conv(params, x, **options)


def conv_by_lax(params: nn.Affine, x: jax.Array, *, case: Case) -> jax.Array:
    axes = len(case.size)

    def each(value: Any) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else (value,) * axes

    padding = case.padding.upper() if isinstance(case.padding, str) else [(p, p) for p in each(case.padding)]
    outputs = jax.lax.conv_general_dilated(
        x,
        params.weight,
        window_strides=each(case.stride),
        padding=padding,
        rhs_dilation=each(case.dilation),
        dimension_numbers=LAYOUT[axes],
        feature_group_count=case.groups,
    )
    return outputs + params.bias.reshape((1,) * (axes + 1) + (-1,))


def with_gradients(function: Any, *arguments: Any, cotangent: Any = None) -> tuple[Any, Any]:
    """Returns the outputs, and the gradients of their product with a fixed pattern by every argument."""
    outputs, pull_back = jax.vjp(function, *arguments)
    pattern = jnp.cos(jnp.arange(outputs.size, dtype=outputs.dtype)).reshape(outputs.shape)
    return outputs, pull_back(pattern if cotangent is None else cotangent(outputs))


def assert_equal_to_scale(actual: Any, expected: Any, tolerance: float) -> None:
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))
