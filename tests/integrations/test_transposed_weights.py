"""Transposed convolutions of other tools compute the same here, and their weights come back with every bit."""

from typing import Any

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from jaxnn.integrations import flax as flax_weights
from jaxnn.integrations import keras, pytorch

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("f")
STRIDE = 2


def _init(key: jax.Array) -> dict[str, Any]:
    narrow, wide = jax.random.split(key)
    return {"narrow": nn.init_conv(narrow, 5, 5, 1), "wide": nn.init_conv_transpose(wide, 5, 2, (3, 2))}


def _apply(params: Any, x: Any, *, key: Any = None) -> Any:
    del key
    return nn.conv_transpose(params["wide"], nn.conv(params["narrow"], x), stride=STRIDE)


MODEL = nn.Model(_init, _apply)
KERNEL = np.random.default_rng(1).normal(size=(3, 2, 2, 5)).astype("f")  # (*window, outputs, inputs), as in Keras
NARROW, BIAS = np.eye(5, dtype="f")[None, None], np.array([0.5, -1.0], "f")


def spread(x: np.ndarray) -> np.ndarray:
    """Adds every position, times the kernel, to a window of the outputs: the definition of PyTorch and Keras."""
    outputs = np.zeros((len(x), STRIDE * 2 + 3, STRIDE * 3 + 2, 2)) + BIAS
    for row, column in np.ndindex(x.shape[1:3]):
        window = np.einsum("bi,hwoi->bhwo", x[:, row, column], KERNEL)
        outputs[:, STRIDE * row : STRIDE * row + 3, STRIDE * column : STRIDE * column + 2] += window
    return outputs


def check(params: Any) -> None:
    assert isinstance(params["wide"], nn.ConvTransposeParams)
    np.testing.assert_allclose(nn.predict(MODEL, params, X), spread(X), rtol=1e-5, atol=1e-5)


def test_weights_of_pytorch_come_and_go() -> None:
    theirs = {
        "0.weight": NARROW.transpose(3, 2, 0, 1), "0.bias": np.zeros(5, "f"),
        "1.weight": KERNEL.transpose(3, 2, 0, 1), "1.bias": BIAS,
    }  # fmt: skip
    assert theirs["1.weight"].shape == (5, 2, 3, 2)  # (inputs, outputs, *window)
    params = pytorch.load(MODEL, theirs)
    check(params)
    back = pytorch.state_dict(MODEL, params, like=theirs)
    assert all((back[name] == array).all() for name, array in theirs.items())


def test_weights_of_keras_come_and_go() -> None:
    theirs = [NARROW, np.zeros(5, "f"), KERNEL, BIAS]
    params = keras.load(MODEL, theirs)
    check(params)
    assert all(
        (mine == array).all() for mine, array in zip(keras.weights(MODEL, params, like=theirs), theirs, strict=True)
    )


def test_weights_of_flax_come_and_go() -> None:
    class Decoder(flax.linen.Module):
        @flax.linen.compact
        def __call__(self, x: Any) -> Any:
            narrow = flax.linen.Conv(5, (1, 1))(x)
            return flax.linen.ConvTranspose(2, (3, 2), (STRIDE, STRIDE), padding="VALID")(narrow)

    variables = jax.tree.map(np.asarray, Decoder().init(jax.random.key(0), jnp.asarray(X)))
    names = {"wide": "ConvTranspose_0"}  # which JAX sorts before Conv_0
    params = flax_weights.load(MODEL, variables, names=names)
    expected = np.asarray(Decoder().apply(variables, jnp.asarray(X)))
    np.testing.assert_allclose(nn.predict(MODEL, params, X), expected, rtol=1e-5, atol=1e-5)
    back = flax_weights.as_variables(MODEL, params, like=variables, names=names)
    jax.tree.map(np.testing.assert_array_equal, back, variables)
