"""Bad input to readers and writers of other tools' weights: the call, the type of its error and the whole message."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn

MODEL = nn.mlp([4, 16, 3])
CNN = nn.cnn((8, 8, 1), (4,), 3, norm="batch")
THEIRS = {
    "0.weight": np.zeros((16, 4), "f"), "0.bias": np.zeros(16, "f"),
    "2.weight": np.zeros((3, 16), "f"), "2.bias": np.zeros(3, "f"),
}  # fmt: skip
BOTH = "the model has hidden_1 (4, 16), output (16, 3); the other network has 0 (4, 16), 2 (16, 3)"
BIASED = {
    "0.weight": np.zeros((4, 1, 3, 3), "f"), "0.bias": np.zeros(4, "f"), "1.weight": np.zeros(4, "f"),
    "1.bias": np.zeros(4, "f"), "1.running_mean": np.zeros(4, "f"), "1.running_var": np.ones(4, "f"),
    "4.weight": np.zeros((3, 64), "f"), "4.bias": np.zeros(3, "f"),
}  # fmt: skip
# Which norm takes the outputs of a convolution is not known.
OWN = CNN._replace(apply=lambda params, x, *, key=None: CNN.apply(params, x, key=key))
TABLE = nn.Model(lambda key: {"table": jnp.ones((3, 3))}, lambda params, x, *, key=None: x)
TWO_EPSILONS = nn.chain(
    nn.resnet((2, 2, 1), (2,), 4, blocks=1),
    lambda x: x.reshape(-1, 2, 2, 1),
    nn.cnn((2, 2, 1), (2,), 2, norm="batch", norm_options={"epsilon": 1e-3}),
)


def load(model, state_dict=THEIRS, **options):
    return nn.integrations.pytorch.load(model, state_dict, **options)


WEIGHT_CALLS = {
    "PyTorch: a list": (
        lambda: load(MODEL, [1]),
        TypeError,
        "pytorch.load: state_dict must be a mapping of names to arrays, not list",
    ),
    "PyTorch: fewer layers": (
        lambda: load(nn.mlp([4, 16, 16, 3])),
        ValueError,
        "pytorch.load: the numbers of dense layers to be paired differ, 3 and 2; the model has hidden_1 (4, 16), "
        "hidden_2 (16, 16), output (16, 3); the other network has 0 (4, 16), 2 (16, 3)",
    ),
    "PyTorch: other shapes": (
        lambda: load(nn.mlp([4, 8, 3])),
        ValueError,
        "pytorch.load: hidden_1 (4, 8) does not fit 0 (4, 16): weight has the shapes (4, 8) and (4, 16); names= pairs "
        "layers in another order; the model has hidden_1 (4, 8), output (8, 3); the other network has 0 (4, 16), "
        "2 (16, 3)",
    ),
    "PyTorch: a layer of another kind": (
        lambda: load(MODEL, THEIRS | {"rnn.weight_ih_l0": np.zeros((3, 3), "f")}),
        ValueError,
        "pytorch.load: rnn.weight_ih_l0 is not of a kind that it knows: Linear, Conv and norm layers; for others see "
        "load_safetensors",
    ),
    "PyTorch: half of a batch norm": (
        lambda: load(MODEL, {"1.running_mean": np.zeros(3, "f")}),
        ValueError,
        "pytorch.load: 1 has running_mean, but no weight of one to five axes",
    ),
    "PyTorch: no bias": (
        lambda: load(MODEL, {name: array for name, array in THEIRS.items() if name != "0.bias"}),
        ValueError,
        "pytorch.load: hidden_1 (4, 16) does not fit 0 (4, 16): the other network has no bias there; names= pairs "
        f"layers in another order; {BOTH}",
    ),
    "PyTorch: a bias before a batch norm of a function of one's own": (
        lambda: load(OWN, BIASED),
        ValueError,
        "pytorch.load: conv_1 (3, 3, 1, 4) does not fit 0 (3, 3, 1, 4): the model has no bias there; subtract it from "
        "the mean of the batch norm that follows; names= pairs layers in another order; the model has "
        "conv_1 (3, 3, 1, 4), norm_1 (4,), output (64, 3); the other network has 0 (3, 3, 1, 4), 1 (4,), 4 (64, 3)",
    ),
    "PyTorch: complex numbers": (
        lambda: load(MODEL, {name: array.astype(complex) for name, array in THEIRS.items()}),
        ValueError,
        "pytorch.load: hidden_1 (4, 16) does not fit 0 (4, 16): weight must hold floating-point numbers, not "
        f"complex128; names= pairs layers in another order; {BOTH}",
    ),
    "PyTorch: a name that the model lacks": (
        lambda: load(MODEL, names={"hidden_2": "0"}),
        ValueError,
        f"pytorch.load: names has 'hidden_2', which the model lacks; {BOTH}",
    ),
    "PyTorch: a name that is not there": (
        lambda: load(MODEL, names={"hidden_1": "1"}),
        ValueError,
        f"pytorch.load: names has '1', which is not there; {BOTH}",
    ),
    "PyTorch: a name twice": (
        lambda: load(MODEL, names={"hidden_1": "0", "output": "0"}),
        ValueError,
        "pytorch.load: names must have each name once, not {'hidden_1': '0', 'output': '0'}",
    ),
    "PyTorch: a model of tables": (
        lambda: load(TABLE),
        ValueError,
        "pytorch.load: table is not of a dense layer, a convolution or a norm",
    ),
    "PyTorch: params of another model": (
        lambda: nn.integrations.pytorch.state_dict(nn.mlp([1, 1]), {}),
        ValueError,
        "pytorch.state_dict: params must match those that model.init makes: params lack output.weight, output.bias",
    ),
    "Flax: another collection": (
        lambda: nn.integrations.flax.load(MODEL, {"params": {}, "cache": {}}),
        ValueError,
        "flax.load: variables may have params and batch_stats, but not cache",
    ),
    "Flax: a table": (
        lambda: nn.integrations.flax.load(MODEL, {"Embed_0": {"embedding": np.zeros((3, 3), "f")}}),
        ValueError,
        "flax.load: variables must be of dense, convolutional or norm layers (bias, kernel, mean, scale, var), but "
        "there is Embed_0.embedding",
    ),
    "Flax: a bias alone": (
        lambda: nn.integrations.flax.load(MODEL, {"Dense_0": {"bias": np.zeros(3, "f")}}),
        ValueError,
        "flax.load: Dense_0 has bias, but neither a kernel nor a scale",
    ),
    "Keras: a model": (
        lambda: nn.integrations.keras.load(MODEL, MODEL.init),
        TypeError,
        f"keras.load: weights must be a list of arrays, or lists by name, not {type(MODEL.init).__name__}",
    ),
    "Keras: a batch norm without a scale": (
        lambda: nn.integrations.keras.load(MODEL, [np.zeros((3, 3, 1, 4), "f"), *[np.zeros(4, "f")] * 3]),
        ValueError,
        "keras.load: the numbers of dense layers to be paired differ, 2 and 0; the model has hidden_1 (4, 16), "
        "output (16, 3); the other network has 0 (3, 3, 1, 4), 2 (4,)",
    ),
    "Keras: two epsilons": (
        lambda: nn.integrations.keras.load(TWO_EPSILONS, []),
        ValueError,
        "keras.load: the batch norms of the model must have one epsilon, not [1e-05, 0.001]",
    ),
    "Keras: three vectors": (
        lambda: nn.integrations.keras.load(MODEL, {"norm": [np.zeros(4, "f")] * 3}),
        ValueError,
        "keras.load: the layer norm has arrays of no dense layer, convolution or norm: (4,), (4,), (4,)",
    ),
    "scikit-learn: not fitted": (
        lambda: nn.integrations.sklearn.load(MODEL, None),
        TypeError,
        "sklearn.load: estimator must be fitted, with coefs_ and intercepts_, not None",
    ),
    "scikit-learn: another activation": (
        lambda: nn.integrations.sklearn.load(
            MODEL, SimpleNamespace(coefs_=[1, 2], intercepts_=[1, 2], activation="logistic")
        ),
        ValueError,
        "sklearn.load: the estimator has activation='logistic', so the mlp needs sigmoid, not relu",
    ),
    "scikit-learn: convolutions": (
        lambda: nn.integrations.sklearn.coefficients(CNN, CNN_PARAMS),
        ValueError,
        "sklearn.coefficients: the model must have dense layers alone, but has conv_1 (3, 3, 1, 4)",
    ),
}
CNN_PARAMS = jax.tree.map(lambda leaf: np.zeros(leaf.shape, "f"), jax.eval_shape(CNN.init, jax.random.key(0)))
