"""Networks in plain JAX, with batch-first layers written the usual way, and in Flax.

Nothing of jaxnn is imported here: the processes that use these networks are timed with their imports.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import functools
from typing import Any

import jax
import jax.numpy as jnp


def network(params: Any, x: Any) -> Any:
    """Applies convolutions with relu and max-pooling, then dense layers: `lax.conv`, `lax.reduce_window` and `@`."""
    for index, (weight, bias) in enumerate(params):
        if weight.ndim == 4:
            x = jax.nn.relu(convolve(x, weight, bias))
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            continue
        x = x.reshape(len(x), -1) @ weight + bias[None]
        x = x if index == len(params) - 1 else jax.nn.relu(x)
    return x


def convolve(x: Any, weight: Any, bias: Any) -> Any:
    """Applies a 3×3 convolution with "same" padding, by XLA's convolution."""
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=layout) + bias[None, None, None]


@functools.cache
def make_module(
    filters: tuple[int, ...], nodes: tuple[int, ...], norm: bool = False, convolution: Any = None, pool: Any = None
) -> Any:
    """Returns a compact module: convolutions with relu and max-pooling, then dense layers.

    With `norm` there is a batch norm after each convolution, which then has no biases. `convolution` returns a function
    that stands in for `lax.conv_general_dilated`, and `pool` is one of x for `linen.max_pool`. It is the same object
    for the same arguments, so that JAX compiles it once.
    """
    from flax import linen

    pool = pool or (lambda x: linen.max_pool(x, (2, 2), strides=(2, 2)))

    class Network(linen.Module):
        """A network with these numbers of filters and nodes."""

        @linen.compact
        def __call__(self, x: Any, train: bool = False) -> Any:
            for index, count in enumerate(filters):
                options = {"use_bias": not norm, "conv_general_dilated_cls": convolution}
                x = linen.Conv(count, (3, 3), name=f"layer_{index}", **options)(x)
                x = linen.relu(linen.BatchNorm(not train, momentum=0.9, name=f"norm_{index}")(x) if norm else x)
                x = pool(x)
            x = x.reshape((len(x), -1))
            for index, count in enumerate(nodes, len(filters)):
                x = linen.Dense(count, name=f"layer_{index}")(x)
                x = x if index == len(filters) + len(nodes) - 1 else linen.relu(x)
            return x

    return Network()
