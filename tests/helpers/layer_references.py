"""References for the layers of jaxnn: the same functions in NumPy and SciPy, written as simply as possible."""

from collections.abc import Callable

import jax
import numpy as np
import scipy.signal

import jaxnn as nn


def correlate(params: nn.Affine, x: np.ndarray, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> np.ndarray:
    """Computes a cross-correlation by SciPy, for one example and one pair of channels at a time."""
    weight, bias = (np.asarray(leaf) for leaf in params)
    space = range(weight.ndim - 2)
    dilated = np.zeros([dilation * (weight.shape[i] - 1) + 1 for i in space] + list(weight.shape[-2:]))
    dilated[tuple(slice(None, None, dilation) for _ in space)] = weight
    x = np.pad(x, [(0, 0), *[(padding, padding) for _ in space], (0, 0)])
    strided = tuple(slice(None, None, stride) for _ in space)

    def output(example: np.ndarray, o: int) -> np.ndarray:
        channels = range(weight.shape[-2])
        return sum(scipy.signal.correlate(example[..., c], dilated[..., c, o], "valid") for c in channels)[strided]

    outputs = range(weight.shape[-1])
    return np.stack([np.stack([output(example, o) + bias[o] for o in outputs], -1) for example in x])


def correlate_groups(params: nn.Affine, x: np.ndarray, *, groups: int, **options: int) -> np.ndarray:
    weights, biases = (np.split(np.asarray(leaf), groups, axis=-1) for leaf in params)
    parts = zip(weights, biases, np.split(np.asarray(x), groups, axis=-1), strict=True)
    return np.concatenate([correlate(nn.Affine(*part), x, **options) for *part, x in parts], axis=-1)


def spread(params: nn.Affine, x: np.ndarray, *, stride: int, padding: int) -> np.ndarray:
    """Computes a transposed convolution in two dimensions by its definition, position by position."""
    weight, bias = (np.asarray(leaf) for leaf in params)
    window, space = np.array(weight.shape[:2]), np.array(x.shape[1:3])
    full = np.zeros((len(x), *((space - 1) * stride + window), weight.shape[-1]))
    for i, j in np.ndindex(*space):
        patch = np.einsum("bi,hwio->bhwo", x[:, i, j], weight[::-1, ::-1])
        full[:, i * stride : i * stride + window[0], j * stride : j * stride + window[1]] += patch
    cut = slice(padding, -padding)
    return full[:, cut, cut] + bias


def pool(reduce: Callable, x: np.ndarray, window: tuple[int, ...], stride: tuple[int, ...]) -> np.ndarray:
    axes = tuple(range(1, x.ndim - 1))
    windows = np.lib.stride_tricks.sliding_window_view(x, window, axes)
    strided = (slice(None), *(slice(None, None, step) for step in stride))
    return reduce(windows[strided], axis=tuple(range(x.ndim, windows.ndim)))


def drop(params: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Drops entries by one flat draw, in the order of the batch-last array, and scales up the others."""
    kept = jax.random.bernoulli(jax.random.key(3), 1 - params["rate"], (x.size,))
    return np.where(np.asarray(kept).reshape(x.T.shape).T, x / (1 - params["rate"]), 0)


def drop_examples(params: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    kept = np.asarray(jax.random.bernoulli(jax.random.key(3), 1 - params["rate"], (len(x),)))
    return np.where(kept.reshape(-1, *[1] * (x.ndim - 1)), x / (1 - params["rate"]), 0)


def norm(params: nn.NormParams, x: np.ndarray) -> np.ndarray:
    centered = x - x.mean(-1, keepdims=True)
    return params.scale * centered / np.sqrt(x.var(-1, keepdims=True) + 1e-6) + params.bias


def standardize(
    params: nn.BatchNormParams, x: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> np.ndarray:
    return params.scale * (x - mean) / np.sqrt(variance + epsilon) + params.bias
