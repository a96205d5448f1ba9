"""Normalization of each example within groups of its channels."""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.arrays import check_whole
from jaxnn._kernels.batch_last import wide_batch_last
from jaxnn._kernels.dtypes import choose_float
from jaxnn.layers.norms import NormParams, check_features, expand, init_norm, scale_and_shift
from jaxnn.units import Size


def init_group_norm(features: int | Size) -> NormParams:
    """Makes the parameters of `group_norm`: scales 1, biases 0.

    Args and Raises are those of `init_layer_norm`.

    Example:
        >>> init_group_norm(3).scale
        Array([1., 1., 1.], dtype=float32)
    """
    return init_norm("init_group_norm", features, bias=True)


def group_norm(
    params: NormParams,
    x: Shaped[ArrayLike, "batch *space features"],
    groups: int,
    *,
    epsilon: float = 1e-6,
    size: int | Size | None = None,
) -> Float[Array, "batch *space features"]:
    """scale · (x - mean) / √(variance + epsilon) + bias, over the positions and neighbouring features of a group.

    With one group all numbers of an example are normalized together, and with as many groups as features each channel
    alone (instance norm). No example depends on another, so that training and evaluation are the same.

    Args:
        params: scale and bias, each (features,); the bias may be None.
        x: shape (batch, ..., features).
        groups: the number of groups, which divides the features.
        epsilon: keeps the result finite where a group is constant, in squared units of x; PyTorch has 1e-5.
        size: the number of features, if it is what `make_recipe` gets for `sizes(...)`: mean and variance are then over
            the real units, and the others are 0. `sizes(8, 64, step=8)` has sizes that 8 groups divide; others give
            NaN.

    Returns:
        The shape of x.

    Raises:
        TypeError: `groups` is not a whole number.
        ValueError: x has no batch axis or another number of features than the parameters, or groups do not divide them.

    Example:
        >>> group_norm(init_group_norm(4), jnp.array([[1.0, 3.0, 10.0, 30.0]]), 2).round(3)
        Array([[-1.,  1., -1.,  1.]], dtype=float32)

        With it, convolutions often standardize their weights (Qiao et al., 2019):

        >>> from jaxnn import conv, init_conv
        >>> params = init_conv(jax.random.key(0), 4, 8, 3)
        >>> standard = params._replace(weight=jax.nn.standardize(params.weight, axis=(0, 1, 2), epsilon=1e-5))
        >>> group_norm(init_group_norm(8), conv(standard, jnp.ones((2, 5, 5, 4))), 4).shape
        (2, 3, 3, 8)

    References:
        Wu and He (2018), Group normalization.
    """
    check_features("group_norm", params, x)
    groups, features = check_whole("group_norm", "groups", groups, least=1), jnp.shape(x)[-1]
    if features % groups:
        raise ValueError(f"group_norm: groups must divide the {features} features of x, not {groups}")
    normalize = functools.partial(_masked_group_norm, size=size) if isinstance(size, Size) else _group_norm
    return normalize(x, params=params, groups=groups, epsilon=epsilon).astype(choose_float(x, params=params))


# In half precision squares of large numbers overflow.
@wide_batch_last
def _group_norm(x, *, params, groups, epsilon):
    grouped = x.reshape(groups, -1, x.shape[-1])
    centered = grouped - grouped.mean(axis=1, keepdims=True)
    variance = jnp.square(centered).mean(axis=1, keepdims=True)
    return scale_and_shift(params, (centered * jax.lax.rsqrt(variance + epsilon)).reshape(x.shape))


@wide_batch_last
def _masked_group_norm(x, *, params, groups, epsilon, size):
    mask, zero = expand(size.mask(), x), jnp.zeros((), x.dtype)
    # Which units are in which group; the rank is that of the unit in the narrow network.
    members = size.mask()[None] & (size.ranks()[None] * groups // size.count == jnp.arange(groups)[:, None])
    members = members.astype(x.dtype)
    units = (size.count // groups).astype(x.dtype) * math.prod(x.shape[1:-1])

    # The default precision of GPUs would round the means to three digits.
    in_full = functools.partial(jnp.matmul, precision="highest")

    def average(x: Array) -> Array:
        """Returns, for each feature and example, the mean over the feature's group."""
        means = in_full(members, x.sum(axis=tuple(range(1, x.ndim - 1)))) / units
        return jnp.expand_dims(in_full(members.T, means), tuple(range(1, x.ndim - 1)))

    centered = jnp.where(mask, x - average(jnp.where(mask, x, zero)), zero)
    normalized = centered * jax.lax.rsqrt(average(jnp.square(centered)) + epsilon)
    is_even = jnp.where(size.count % groups == 0, 1, jnp.nan).astype(x.dtype)
    return jnp.where(mask, scale_and_shift(params, normalized * is_even), zero)
