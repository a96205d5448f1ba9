"""Bad input to layers, models and `predict`: the call, the type of its error and the whole message."""

import jax
import numpy as np

import jaxnn as nn
from helpers.bad_input.parts import IMAGES, X, make_params, replace_at

AFFINE = nn.Affine(np.ones((3, 3, 1, 2), "f"), np.ones(2, "f"))
LAYER_CALLS = {
    "wrong channels": (
        lambda: nn.conv(AFFINE, np.zeros((15, 8, 8, 3), "f")),
        ValueError,
        "conv: x (15, 8, 8, 3) has 3 channels, but weight (3, 3, 1, 2) takes 1",
    ),
    "unknown padding": (
        lambda: nn.conv(AFFINE, IMAGES, padding="reflect"),
        ValueError,
        'conv: padding must be "valid", "same" or a whole number, not \'reflect\'',
    ),
    "unknown padding of a cnn": (
        lambda: nn.cnn((8, 8, 1), (4,), 10, padding="reflect"),
        ValueError,
        'cnn: padding must be "valid", "same" or a whole number, not \'reflect\'',
    ),
    "groups that do not divide the channels": (
        lambda: nn.init_conv(jax.random.key(0), 4, 6, 3, groups=3),
        ValueError,
        "init_conv: groups must divide inputs 4 and outputs 6, not 3",
    ),
    "no groups": (lambda: nn.conv(AFFINE, IMAGES, groups=0), ValueError, "conv: groups must be at least 1, not 0"),
    "transposed with an unknown padding": (
        lambda: nn.conv_transpose(AFFINE, IMAGES, padding="full"),
        ValueError,
        'conv_transpose: padding must be "valid", "same" or a whole number, not \'full\'',
    ),
    "transposed without an output": (
        lambda: nn.conv_transpose(AFFINE, IMAGES, padding=(1, 5)),
        ValueError,
        "conv_transpose: padding (1, 5) cuts off all of the (10, 10) positions",
    ),
    "rate of one": (
        lambda: nn.dropout(jax.random.key(0), X, 1.0),
        ValueError,
        "dropout: rate, the probability of dropping, must lie in [0, 1), not 1.0",
    ),
    "negative rate": (
        lambda: nn.dropout(jax.random.key(0), X, -0.1),
        ValueError,
        "dropout: rate, the probability of dropping, must lie in [0, 1), not -0.1",
    ),
    "rate of NaN": (
        lambda: nn.dropout(jax.random.key(0), X, np.nan),
        ValueError,
        "dropout: rate, the probability of dropping, must lie in [0, 1), not nan",
    ),
    "rate of an mlp": (
        lambda: nn.mlp([4, 16, 3], dropout=1.5),
        ValueError,
        "mlp: dropout, the probability of dropping, must lie in [0, 1), not 1.5",
    ),
    "rate of a cnn": (
        lambda: nn.cnn((8, 8, 1), (4,), 10, dropout=-1.0),
        ValueError,
        "cnn: dropout, the probability of dropping, must lie in [0, 1), not -1.0",
    ),
    "mlp of one size": (
        lambda: nn.mlp([4]),
        ValueError,
        "mlp: sizes must hold at least the inputs and the outputs, not [4]",
    ),
    "mlp with a size of 0": (lambda: nn.mlp([4, 0, 3]), ValueError, "mlp: sizes[1] must be at least 1, not 0"),
    "mlp of a number": (lambda: nn.mlp(4), TypeError, "mlp: sizes must be a sequence of whole numbers, not 4"),
    "window larger than the image": (
        lambda: nn.cnn((4, 4, 1), (4,), 10, window=5, padding="valid"),
        ValueError,
        "cnn: a window that reaches over (5, 5) cells does not fit into the padded size (4, 4)",
    ),
    "pooled more often than the size allows": (
        lambda: nn.cnn((4, 4, 1), (4, 4, 4), 10),
        ValueError,
        "cnn: a window that reaches over (2, 2) cells does not fit into the padded size (1, 1)",
    ),
    "image without channels": (
        lambda: nn.cnn((8,), (4,), 10),
        ValueError,
        "cnn: image must be (height, width, channels), or with one or three spatial axes, not (8,)",
    ),
    "rate of a resnet": (
        lambda: nn.resnet((8, 8, 1), (4,), 10, dropout=1.0),
        ValueError,
        "resnet: dropout, the probability of dropping, must lie in [0, 1), not 1.0",
    ),
    "resnet of one number": (
        lambda: nn.resnet((8, 8, 1), 16, 10),
        TypeError,
        "resnet: channels must be a sequence of whole numbers, one for each stage, not 16",
    ),
    "no blocks": (
        lambda: nn.resnet((8, 8, 1), (4,), 10, blocks=0),
        ValueError,
        "resnet: blocks must be at least 1, not 0",
    ),
    "unknown norm": (
        lambda: nn.cnn((8, 8, 1), (4,), 10, norm="batch_norm"),
        ValueError,
        "cnn: norm must be one of 'batch', 'group', 'layer', 'rms' or None, not 'batch_norm'",
    ),
    "stride of 0": (lambda: nn.cnn((8, 8, 1), (4,), 10, stride=0), ValueError, "cnn: stride must be at least 1, not 0"),
    "chain of nothing": (lambda: nn.chain(), ValueError, "chain: there must be at least one model"),
    "predict of NaN": (
        lambda: nn.predict(nn.mlp([4, 3]), make_params([4, 3]), replace_at(X, (5, 2), np.nan)),
        ValueError,
        "predict: x must be finite, but row 5, column 2 holds nan",
    ),
    "predict of no rows": (
        lambda: nn.predict(nn.mlp([4, 3]), make_params([4, 3]), X[:0]),
        ValueError,
        "predict: the data set is empty: its arrays have 0 rows",
    ),
}
