"""Attention computes what PyTorch computes with the same weights, and sees what it may see."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.errors import error_message

X = np.cos(np.arange(24.0)).reshape(2, 3, 4).astype("f")
SHAPES = {"in_proj_weight": (12, 4), "in_proj_bias": (12,), "out_proj.weight": (4, 4), "out_proj.bias": (4,)}

# torch 2.13: nn.MultiheadAttention(4, 2, batch_first=True)(x, x, x)[0], whose k-th parameter, in the order of SHAPES,
# is sin(arange(numel) + 10 k); alone, with a causal attn_mask, and with a key_padding_mask.
OF_TORCH = [
    [[-2.4291596, 1.3957055, -0.3602266, 0.3919614], [-2.4576327, 3.5908746, -3.20147, 1.9111136],
     [-2.3182602, 1.6354681, -0.7845647, 0.7069305]],
    [[-1.5298617, 1.180925, -0.9787447, 1.4153227], [-1.4758712, 1.3324631, -1.230839, 1.5933444],
     [-2.1365578, 0.5303905, 0.4783868, 0.1609677]],
]  # fmt: skip
CAUSAL_OF_TORCH = [
    [[-3.1032958, 2.3016627, -0.8704368, 0.1529954], [-1.4222707, 2.7342797, -3.1170165, 2.6573034],
     [-2.3182602, 1.6354681, -0.7845647, 0.7069305]],
    [[-3.1153245, 1.9658635, -0.419422, -0.1008112], [-2.8590486, 2.3368321, -1.1606604, 0.4972317],
     [-2.1365578, 0.5303905, 0.4783868, 0.1609677]],
]  # fmt: skip
PADDED_OF_TORCH = [
    [[-1.9205669, 1.0412802, -0.4054836, 0.8055506], [-1.4222707, 2.7342797, -3.1170165, 2.6573034],
     [-2.5890514, 1.8912327, -0.8481311, 0.5342656]],
    [[-3.1153245, 1.9658635, -0.419422, -0.1008112]] * 3,
]  # fmt: skip


@pytest.fixture
def params() -> nn.MultiHeadAttentionParams:
    drawn = [np.sin(np.arange(np.prod(s)) + 10 * k).reshape(s).astype("f") for k, s in enumerate(SHAPES.values())]
    projection, bias, output, output_bias = drawn
    return nn.MultiHeadAttentionParams(nn.Affine(projection.T, bias), nn.Affine(output.T, output_bias))


def test_multi_head_attention_equals_that_of_torch(params: nn.MultiHeadAttentionParams) -> None:
    np.testing.assert_allclose(nn.multi_head_attention(params, X, 2), OF_TORCH, atol=2e-6)
    np.testing.assert_allclose(nn.multi_head_attention(params, X, 2, causal=True), CAUSAL_OF_TORCH, atol=2e-6)
    real = np.array([[True, True, False], [True, False, False]])
    padded = nn.multi_head_attention(params, X, 2, mask=real[:, None])
    np.testing.assert_allclose(padded, PADDED_OF_TORCH, atol=2e-6)


def test_a_mask_for_each_position_equals_causal(params: nn.MultiHeadAttentionParams) -> None:
    mask = np.tri(3, dtype=bool)[None]
    masked = nn.multi_head_attention(params, X, 2, mask=mask)
    np.testing.assert_allclose(masked, nn.multi_head_attention(params, X, 2, causal=True), rtol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_that_of_jax(causal: bool, rng: np.random.Generator) -> None:
    q, k, v = (rng.normal(size=(3, n, 2, 4)).astype("f") for n in (5, 6, 6))
    mask = rng.random((3, 5, 6)) < 0.7
    mask[:, :, 0] = True
    outputs = nn.attention(q, k, v, causal=causal, mask=mask)
    with jax.numpy_rank_promotion("allow"):
        expected = jax.nn.dot_product_attention(q, k, v, mask=mask[:, None], is_causal=causal)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_outputs_of_a_position_that_sees_none_are_0() -> None:
    x = jnp.asarray(X.reshape(2, 3, 2, 2))
    np.testing.assert_array_equal(nn.attention(x, x, x, mask=np.zeros((1, 1, 3), bool)), np.zeros(x.shape))
    # With `causal` the first position would see only itself, which the mask hides.
    mask = np.array([[[False, True, True]]])
    outputs, pull_back = jax.vjp(lambda x: nn.attention(x, x, x, causal=True, mask=mask), x)
    np.testing.assert_array_equal(outputs[:, 0], np.zeros((2, 2, 2)))
    np.testing.assert_allclose(outputs[:, 1], x[:, 1], rtol=1e-6)
    np.testing.assert_array_equal(pull_back(jnp.ones_like(x))[0][:, 0], np.zeros((2, 2, 2)))


@pytest.mark.parametrize(
    ("mask", "kind", "message"),
    [
        (np.ones((1, 3, 3)), TypeError, "multi_head_attention: mask must hold bools, not float32"),
        (
            np.ones((2, 3), bool),
            ValueError,
            "multi_head_attention: mask must have shape (2, 3, 3), of which the first two may be 1, not (2, 3)",
        ),
    ],
)
def test_a_wrong_mask_is_refused(mask: Any, kind: type[Exception], message: str, as_installed: None) -> None:
    params = nn.init_multi_head_attention(jax.random.key(0), 4)
    assert error_message(kind, lambda: nn.multi_head_attention(params, X, 2, mask=mask)) == message


def test_parameters_of_other_shapes_are_refused(as_installed: None) -> None:
    params = nn.init_multi_head_attention(jax.random.key(0), 6)
    message = error_message(ValueError, lambda: nn.multi_head_attention(params, X, 2))
    rule = "params for 4 features of x must have the weights (4, 12) and (4, 4), not (6, 18) and (6, 6)"
    assert message == f"multi_head_attention: {rule}"
