"""Attention: each position of a sequence takes a mean of the values at others, weighted by how well they match."""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Shaped

from jaxnn._checks.arrays import check_bias, check_key, check_shape, check_whole
from jaxnn._kernels.batch_last import batch_last
from jaxnn._kernels.dtypes import as_type, choose_float
from jaxnn.initializers import Initializer, lecun_normal
from jaxnn.layers.dense import Affine, apply_affine, init_affine


def attention(
    queries: Shaped[ArrayLike, "batch length heads features"],
    keys: Shaped[ArrayLike, "batch source heads features"],
    values: Shaped[ArrayLike, "batch source heads features"],
    *,
    causal: bool = False,
    mask: Bool[ArrayLike, "_ _ source"] | None = None,
) -> Float[Array, "batch length heads features"]:
    """softmax(queries · keysᵀ / √features) · values, for each head.

    `jax.nn.dot_product_attention` computes the same, but takes the softmax in float32 even of float64, and gives a
    position that sees none the mean of all values.

    Args:
        queries: shape (batch, length, heads, features).
        keys: shape (batch, source, heads, features), with one key for each position that can be looked at.
        values: the shape of keys.
        causal: whether a position sees only itself and those before it.
        mask: which positions each position may see, shape (batch, length, source), of which the first two may be 1. The
            outputs of a position that may see none are 0.

    Returns:
        The shape of queries.

    Raises:
        TypeError: a mask that is not of bools.
        ValueError: shapes that do not fit together.

    Example:
        >>> x = jnp.ones((5, 20, 2, 8))
        >>> attention(x, x, x, causal=True).shape
        (5, 20, 2, 8)

    References:
        Vaswani et al. (2017), Attention is all you need.
    """
    batch, length, *heads = check_shape("attention", "queries", queries, "batch length heads features")
    source = check_shape("attention", "keys", keys, "batch source heads features")
    if (source[0], *source[2:]) != (batch, *heads):
        raise ValueError(f"attention: keys {source} must have the batch, heads and features of {jnp.shape(queries)}")
    if jnp.shape(values) != source:
        raise ValueError(f"attention: values must have the shape of keys {source}, not {jnp.shape(values)}")
    if mask is not None:
        _check_mask("attention", mask, (batch, length, source[1]))
    dtype = choose_float(queries, keys, values)
    arrays = (as_type(array, dtype) for array in (queries, keys, values))
    return _attend(*arrays, mask=None if mask is None else jnp.asarray(mask), causal=causal)


# Batch first: each example and head has a matrix product of its own, of which the batch cannot be an axis.
@functools.partial(jax.jit, static_argnames="causal")
def _attend(queries: Array, keys: Array, values: Array, *, mask: Array | None, causal: bool) -> Array:
    # In half precision sums of many products would round too much.
    exact = jnp.promote_types(queries.dtype, jnp.float32)
    scores = jnp.einsum("bthf,bshf->bhts", queries, keys, preferred_element_type=exact) / math.sqrt(queries.shape[-1])
    if causal:
        past = jnp.tri(*scores.shape[2:], dtype=bool)[None]
        mask = past if mask is None else mask & past
    seen = None if mask is None else jnp.broadcast_to(mask[:, None], scores.shape)
    if seen is not None:
        scores = jnp.where(seen, scores, jnp.finfo(exact).min)
    weights = jax.nn.softmax(scores, axis=-1)
    if seen is not None:
        # A row without any position to see has equal weights, which would give the mean of all values.
        weights = jnp.where(seen, weights, jnp.zeros((), exact))
    weights = weights.astype(queries.dtype)
    return jnp.einsum("bhts,bshf->bthf", weights, values, preferred_element_type=exact).astype(queries.dtype)


class MultiHeadAttentionParams(NamedTuple):
    """The parameters of `multi_head_attention`.

    `load_safetensors(layout="torch")` reads those of PyTorch's `MultiheadAttention`, with these `names`:
    `in_proj_weight` for `projections.weight`, `in_proj_bias` for `projections.bias`, `out_proj.…` for `outputs.…`.

    Attributes:
        projections: weight (features, 3 · features) and bias, of the queries, the keys and the values.
        outputs: weight (features, features) and bias.
    """

    projections: Affine
    outputs: Affine


def init_multi_head_attention(
    key: Array, features: int, *, initializer: Initializer = lecun_normal
) -> MultiHeadAttentionParams:
    """Makes the parameters of `multi_head_attention`: weights from the initializer, biases 0.

    Args:
        key: a `jax.random.key`.
        features: the number of features of the input and of the output.
        initializer: see `jaxnn.initializers`.

    Raises:
        TypeError: `key` is not a single `jax.random.key`, or `features` is not a whole number.
        ValueError: `features` is below 1.

    Example:
        >>> init_multi_head_attention(jax.random.key(0), 16).projections.weight.shape
        (16, 48)
    """
    check_key(key)
    features = check_whole("init_multi_head_attention", "features", features, least=1)
    keys, shapes = jax.random.split(key), ((features, 3 * features), (features, features))
    return MultiHeadAttentionParams(
        *(init_affine(k, shape, initializer, bias=True) for k, shape in zip(keys, shapes, strict=True))
    )


def multi_head_attention(
    params: MultiHeadAttentionParams,
    x: Shaped[ArrayLike, "batch length features"],
    heads: int,
    *,
    causal: bool = False,
    mask: Bool[ArrayLike, "_ _ length"] | None = None,
) -> Float[Array, "batch length features"]:
    """Self-attention: queries, keys and values are projections of x, divided into heads; a last projection joins them.

    Args:
        params: as `init_multi_head_attention` makes them.
        x: shape (batch, length, features).
        heads: the number of heads, which divides the features.
        causal, mask: as in `attention`.

    Returns:
        The shape of x.

    Raises:
        TypeError: `heads` is not a whole number, or a mask that is not of bools.
        ValueError: x or the mask do not fit, or heads do not divide the features.

    Example:
        >>> params = init_multi_head_attention(jax.random.key(0), 16)
        >>> multi_head_attention(params, jnp.ones((5, 20, 16)), 4).shape
        (5, 20, 16)
    """
    *batch_and_length, features = check_shape("multi_head_attention", "x", x, "batch length features")
    heads = check_whole("multi_head_attention", "heads", heads, least=1)
    _check_params(params, features)
    if features % heads:
        raise ValueError(f"multi_head_attention: heads must divide the {features} features of x, not {heads}")
    if mask is not None:
        _check_mask("multi_head_attention", mask, (*batch_and_length, batch_and_length[1]))
    projected = _project(x, params=params.projections).reshape(*batch_and_length, 3, heads, -1)
    queries, keys, values = (projected[:, :, i] for i in range(3))
    joined = attention(queries, keys, values, causal=causal, mask=mask).reshape(*batch_and_length, features)
    return _project(joined, params=params.outputs)


@batch_last
def _project(x, *, params):
    return apply_affine(params, x.reshape(x.shape[0], -1)).reshape(-1, *x.shape[1:])


def _check_params(params: MultiHeadAttentionParams, features: int) -> None:
    shapes = tuple(jnp.shape(part.weight) for part in params)
    expected = (features, 3 * features), (features, features)
    if shapes != expected:
        rule = f"params for {features} features of x must have the weights {expected[0]} and {expected[1]}"
        raise ValueError(f"multi_head_attention: {rule}, not {shapes[0]} and {shapes[1]}")
    for part in params:
        check_bias("multi_head_attention", part)


def _check_mask(caller: str, mask: Any, shape: tuple[Any, ...]) -> None:
    if jnp.result_type(mask) != jnp.bool_:
        raise TypeError(f"{caller}: mask must hold bools, not {jnp.result_type(mask)}")
    actual = jnp.shape(mask)
    if len(actual) != 3 or actual[2] != shape[2] or any(n not in (1, m) for n, m in zip(actual, shape, strict=True)):
        raise ValueError(f"{caller}: mask must have shape {shape}, of which the first two may be 1, not {actual}")
