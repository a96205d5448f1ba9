"""Biases of convolutions before a batch norm, which other tools have by default and the models here do not.

A batch norm subtracts the mean of its inputs, and with it such a bias: in training it changes no output. In evaluation,
a bias b and a running mean m give what no bias and the running mean m - b do.
"""

from typing import Any

import jax
import numpy as np

from jaxnn.buffers import Buffer

Pairs = list[tuple[Any, Any]]


def may_fold(our: Any, their: Any) -> bool:
    """Returns whether their convolution has a bias that ours lacks, before a batch norm."""
    is_bare = our.kind == their.kind == "convolution" and our.params.bias is None
    return is_bare and our.norm is not None and their.params.bias is not None


def fold_biases(pairs: Pairs) -> Pairs:
    """Returns pairs of layers, ours and theirs, with each bias that ours lacks taken off their running mean.

    Example:
        >>> from jaxnn.integrations.weights.matching import Layer, make_batch_norm
        >>> from jaxnn.layers.dense import Affine
        >>> weight, one = np.ones((3, 3, 1, 1)), np.ones(1)
        >>> norm = Layer("norm_1", make_batch_norm(one, one, one, one))
        >>> ours = Layer("conv_1", Affine(weight, None), norm="norm_1")
        >>> _, (_, folded) = fold_biases([(ours, Layer("0", Affine(weight, 3 * one))), (norm, norm)])
        >>> folded.params.mean.value
        array([-2.])
    """
    biases = {our.norm: their.params.bias for our, their in pairs if may_fold(our, their)}

    def fold(our: Any, their: Any) -> Any:
        params = their.params
        if may_fold(our, their):
            return their._replace(params=params._replace(bias=None))
        if our.name not in biases:
            return their
        mean = np.asarray(params.mean.value)
        return their._replace(params=params._replace(mean=Buffer((mean - biases[our.name]).astype(mean.dtype))))

    return [(our, fold(our, their)) for our, their in pairs]


def fill_biases(pairs: Pairs) -> Pairs:
    """Returns pairs of layers, ours and theirs, with zeros for each bias that ours lacks: the outputs are the same."""

    def fill(our: Any, their: Any) -> Any:
        if not may_fold(our, their):
            return our
        bias = their.params.bias
        return our._replace(
            params=our.params._replace(bias=np.zeros(bias.shape, jax.dtypes.canonicalize_dtype(bias.dtype)))
        )

    return [(fill(our, their), their) for our, their in pairs]
