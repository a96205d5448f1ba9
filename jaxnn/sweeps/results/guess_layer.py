"""The layers of parameters in files that do not record them: those of earlier versions."""

from typing import Any

import numpy as np

from jaxnn.buffers import Buffer
from jaxnn.layers.attention import MultiHeadAttentionParams
from jaxnn.layers.batch_norm import BatchNormParams
from jaxnn.layers.dense import Affine
from jaxnn.layers.norms import NormParams
from jaxnn.layers.recurrent import RecurrentParams

# By the names of their parts; a part that is None has no array.
_OF_ARRAYS: dict[frozenset[str], Any] = {
    frozenset(each._fields): each for each in (Affine, NormParams, BatchNormParams, Buffer)
} | {frozenset({"weight"}): Affine, frozenset({"scale"}): NormParams}
_OF_AFFINES: dict[frozenset[str], Any] = {
    frozenset(each._fields): each for each in (RecurrentParams, MultiHeadAttentionParams)
}


def guess_layer(parts: dict[str, Any]) -> Any:
    """Returns the class of a layer whose parts have these names, or None.

    A dict of a user's own that has such names is taken for a layer: the files do not tell.

    Example:
        >>> guess_layer({"weight": np.zeros((2, 3))}) is Affine
        True
    """
    kinds = {type(part) for part in parts.values()}
    known = _OF_AFFINES if kinds == {Affine} else _OF_ARRAYS if kinds <= {np.ndarray, Buffer} else {}
    return known.get(frozenset(parts))
