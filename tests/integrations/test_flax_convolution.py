"""Convolutions of Flax compute the same with this library's function, in all their options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from jaxnn.integrations.flax import conv_general_dilated

IMAGES, SERIES = (2, 7, 6, 4), (2, 9, 4)
# Shape of x and options of the layer.
OPTIONS = {
    "same": (IMAGES, {"kernel_size": (3, 3)}),
    "same with strides": (IMAGES, {"kernel_size": (3, 3), "strides": (2, 2)}),
    "valid with strides": (IMAGES, {"kernel_size": (3, 2), "strides": (2, 1), "padding": "VALID"}),
    "one number of zeros": (IMAGES, {"kernel_size": (3, 3), "strides": 2, "padding": 1}),
    "other zeros before than after": (IMAGES, {"kernel_size": (3, 3), "padding": ((0, 2), (1, 0))}),
    "circular": (IMAGES, {"kernel_size": (3, 3), "padding": "CIRCULAR"}),
    "dilated": (IMAGES, {"kernel_size": (2, 2), "kernel_dilation": (2, 3)}),
    "groups": (IMAGES, {"kernel_size": (3, 3), "feature_group_count": 2}),
    "causal series": (SERIES, {"kernel_size": (3,), "padding": "CAUSAL"}),
    "dilated input": (IMAGES, {"kernel_size": (3, 3), "padding": 1, "input_dilation": (2, 2)}),
    "a precision": (IMAGES, {"kernel_size": (3, 3), "precision": "highest"}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_layer_computes_the_same(name: str, rng: np.random.Generator) -> None:
    shape, options = OPTIONS[name]
    x = rng.standard_normal(shape, np.float32)
    plain = linen.Conv(6, **options)
    ours = linen.Conv(6, **options, conv_general_dilated_cls=lambda: conv_general_dilated)
    variables = plain.init(jax.random.key(0), x)
    np.testing.assert_allclose(ours.apply(variables, x), plain.apply(variables, x), rtol=1e-5, atol=1e-5)


def test_an_nnx_layer_computes_the_same_with_its_gradient(rng: np.random.Generator) -> None:
    x = jnp.asarray(rng.standard_normal(IMAGES, np.float32))
    plain = nnx.Conv(4, 6, (3, 3), rngs=nnx.Rngs(0))
    ours = nnx.Conv(4, 6, (3, 3), conv_general_dilated=conv_general_dilated, rngs=nnx.Rngs(0))
    value, expected = (jax.grad(lambda x, layer=layer: (layer(x) ** 2).sum())(x) for layer in (ours, plain))
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4)


def test_lanes_have_no_convolution_of_xla_but_where_it_is_needed(rng: np.random.Generator) -> None:
    x = jnp.asarray(rng.standard_normal(IMAGES, np.float32))

    def count(**options: object) -> int:
        layer = linen.Conv(6, (3, 3), conv_general_dilated_cls=lambda: conv_general_dilated, **options)
        keys = jax.random.split(jax.random.key(0), 3)
        lanes = jax.vmap(lambda key: layer.init_with_output(key, x)[0])
        return jax.jit(lanes).lower(keys).as_text().count("stablehlo.convolution")

    assert count() == 0
    assert count(padding=1, input_dilation=(2, 2)) == 1
